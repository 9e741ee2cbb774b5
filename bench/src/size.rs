//! How large the programs are, and how fast they start.

use std::process::Command;

use anyhow::Context;

use crate::process::timed;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

pub(crate) const PROGRAMS: [&str; 9] = [
    "serf-nodes",
    "haproxy-gen",
    "haproxy-reload",
    "serf-watch",
    "init",
    "with-contenv",
    "svc",
    "svstat",
    "webapp",
];
/// What others start per event, to compare with.
const OTHERS: [(&str, &[&str]); 4] = [
    ("true", &[]),
    ("bash", &["-c", ":"]),
    ("serf", &["version"]),
    ("python3", &["-c", "import jinja2"]),
];
/// `--version`, in milliseconds.
const START: f64 = 2.0;

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    progress("size: programs and their start");
    let rounds = setting.rounds(51, 11);
    let mut table = Table::new(&["program", "kB", "--version, ms", "goal"]);
    for name in PROGRAMS {
        let path = setting.program(name);
        let bytes = path
            .metadata()
            .with_context(|| format!("look at {}", path.display()))?
            .len();
        let start = starts(rounds, || timed(Command::new(&path).arg("--version")))?;
        let kilobytes = f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX));
        table.row(vec![
            name.into(),
            number(kilobytes),
            start.to_string(),
            at_most(start.median(), START),
        ]);
    }
    let mut others = Table::new(&["to compare with", "ms"]);
    for (name, arguments) in OTHERS {
        let start = starts(rounds.min(11), || timed(Command::new(name).args(arguments)))?;
        let command = format!("{name} {}", arguments.join(" "));
        others.row(vec![command.trim_end().into(), start.to_string()]);
    }
    Ok(Answer::new("size: the programs and their start")
        .table(table)
        .table(others))
}

fn starts(rounds: usize, start: impl Fn() -> anyhow::Result<f64>) -> anyhow::Result<Sample> {
    (0..rounds).map(|_| start()).collect()
}
