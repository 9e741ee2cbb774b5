//! How large the programs are, and how fast they start.

use std::process::Command;

use anyhow::Context;

use crate::process::timed;
use crate::ratio::Ratio;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

pub(crate) const PROGRAMS: [&str; 17] = [
    "serf-members",
    "serf-nodes",
    "haproxy-gen",
    "haproxy-reload",
    "haproxy-hangup",
    "serf-watch",
    "serf-discover",
    "node-address",
    "node-health",
    "muster-page",
    "init",
    "with-contenv",
    "from-s6-rc",
    "svc",
    "svstat",
    "svscanctl",
    "webapp",
];
/// What other handlers start for each event, to compare ours with.
const OTHERS: [(&str, &[&str]); 3] = [
    ("bash", &["-c", ":"]),
    ("serf", &["version"]),
    ("python3", &["-c", "import jinja2"]),
];
/// How many milliseconds `--version` takes.
const START: f64 = 2.0;

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    progress("size: programs and their start");
    let rounds = setting.rounds(51, 21);
    let least = starts(rounds, || timed(&mut Command::new("true")))?;
    let mut ratios = Vec::new();
    let mut table = Table::new(&["program", "kB", "--version, ms", "goal"]);
    for name in PROGRAMS {
        let path = setting.program(name);
        let bytes = path
            .metadata()
            .with_context(|| format!("look at {}", path.display()))?
            .len();
        let start = starts(rounds, || timed(Command::new(&path).arg("--version")))?;
        ratios.push(ratio(name, &start, &least));
        let kilobytes = f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX));
        table.row(vec![
            name.into(),
            number(kilobytes),
            start.to_string(),
            at_most(start.median(), START),
        ]);
    }
    let mut others = Table::new(&["to compare with", "ms"]);
    others.row(vec!["true".into(), least.to_string()]);
    for (name, arguments) in OTHERS.into_iter().filter(|_| !setting.quick) {
        let start = starts(rounds.min(11), || timed(Command::new(name).args(arguments)))?;
        let command = format!("{name} {}", arguments.join(" "));
        others.row(vec![command.trim_end().into(), start.to_string()]);
    }
    Ok(Answer::new("size: the programs and their start")
        .table(table)
        .table(others)
        .ratios(ratios))
}

fn ratio(program: &str, start: &Sample, least: &Sample) -> Ratio {
    let what = format!("{program} --version : true");
    Ratio::new(what, start.min(), least.min(), 1.2)
}

fn starts(rounds: usize, start: impl Fn() -> anyhow::Result<f64>) -> anyhow::Result<Sample> {
    (0..rounds).map(|_| start()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::assert_finds;

    #[test]
    fn a_start_that_takes_ten_times_as_long_is_found() {
        let one = |value: f64| [value].into_iter().collect::<Sample>();
        let start = |value| vec![ratio("svc", &one(value), &one(0.5))];
        assert_finds(&start(0.6), &[("svc --version", start(6.1))]);
    }
}
