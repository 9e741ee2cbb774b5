//! What can be asked, and how it is answered.

use std::process::Stdio;

use anyhow::{Context, ensure};
use bench::client::Report;
use chain::exit::{Exit, print};
use chain::{Sync, replace};

use crate::churn::{self, Trouble};
use crate::cluster::Cluster;
use crate::load_command::verdict;
use crate::picture::Picture;
use crate::sample::number;
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table};
use crate::{burst, chain_cost, init_question, machine, members, results, size, story};

pub(crate) const NAMES: [&str; 8] = [
    "chain", "burst", "members", "size", "init", "memory", "effect", "churn",
];

/// Answers these questions, or all.
pub(crate) fn run(setting: &Setting, wanted: &[String]) -> anyhow::Result<Exit> {
    for name in NAMES {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            answer(setting, name).with_context(|| format!("answer the question {name}"))?;
        }
    }
    if !setting.quick {
        progress("the answers are in bench/results.md");
    }
    Ok(Exit::Changed)
}

fn answer(setting: &Setting, name: &str) -> anyhow::Result<()> {
    let answer = match name {
        "chain" => {
            let (answer, picture) = chain_cost::question(setting)?;
            draw(setting, "cost.svg", &picture)?;
            answer
        }
        "burst" => burst::question(setting)?,
        "members" => members::question(setting)?,
        "size" => size::question(setting)?,
        "init" => init_question::question(setting)?,
        "memory" => return script(setting, "latency", &["--memory"]),
        "effect" if setting.quick => return script(setting, "latency", &["3"]),
        "effect" => return script(setting, "latency", &["20"]),
        _ if setting.quick => return script(setting, "load", &["5"]),
        _ => return script(setting, "load", &["60", "--all"]),
    };
    tell(setting, &answer, !setting.quick).map(drop)
}

/// Prints an answer, and keeps it.
pub(crate) fn tell(setting: &Setting, answer: &Answer, keep: bool) -> anyhow::Result<Exit> {
    let text = answer.to_string();
    print(&text)?;
    if keep {
        let path = setting.root().join("bench/results.md");
        results::keep(&path, &machine::facts(), &text)?;
    }
    Ok(Exit::Changed)
}

fn draw(setting: &Setting, name: &str, picture: &Picture) -> anyhow::Result<()> {
    if setting.quick {
        return Ok(());
    }
    let path = setting.root().join("bench").join(name);
    replace(&path, picture.svg().as_bytes(), Sync::None)
}

/// Questions that need a cluster are answered by the scripts that start one.
fn script(setting: &Setting, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = setting.script(name);
    command.args(arguments).stdin(Stdio::null());
    if !setting.quick {
        command.arg("--keep");
    }
    let status = command
        .status()
        .with_context(|| format!("run scripts/{name}"))?;
    // 1: a request failed, which the table tells.
    ensure!(
        matches!(status.code(), Some(0 | 1)),
        "scripts/{name} ended with {status}"
    );
    Ok(())
}

/// Load on a cluster that changes.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Churn {
    /// So many thousand requests
    thousands: u64,
    /// Under a full reload every second
    #[arg(long)]
    reloads: bool,
    /// Under a kill -9 of a node every five seconds
    #[arg(long)]
    kill: bool,
    /// Under joins and leaves, reloads, and kills, one after the other
    #[arg(long, conflicts_with_all = ["reloads", "kill"])]
    all: bool,
    /// Put the answer into bench/results.md, and draw the picture
    #[arg(long)]
    keep: bool,
}

impl Churn {
    pub(crate) fn run(&self, setting: &Setting) -> anyhow::Result<Exit> {
        let cluster = Cluster::of_environment(setting.root())?;
        let mut table = Table::new(&[
            "under",
            "requests",
            "failed",
            "how",
            "late",
            "p50, ms",
            "p99, ms",
            "slowest, ms",
        ]);
        let mut failed = 0;
        for (name, share, trouble) in self.phases() {
            progress(format_args!("load: {name}"));
            let requests = (self.thousands * 1_000).div_ceil(share);
            let report = churn::run(setting, &cluster, requests, trouble)?;
            if !trouble.kills {
                failed += report.failed();
            }
            table.row(row(name, &report));
        }
        if self.keep {
            let (report, picture) = story::tell(&cluster, "story", "s3")?;
            draw(setting, "latency.svg", &picture)?;
            table.row(row("the picture: a join, a leave, a kill", &report));
        }
        let answer = Answer::new("churn: requests while nodes come and go")
            .text(&format!("{} requests a second through the balancer, half over kept connections and half over one each; a request that takes more than a second is late, after 10 s it failed.", churn::RATE))
            .table(table);
        tell(setting, &answer, self.keep)?;
        Ok(verdict(failed))
    }

    /// What is done, and for which share of the requests.
    fn phases(&self) -> Vec<(&'static str, u64, Trouble)> {
        let changes = Trouble {
            changes: true,
            ..Trouble::default()
        };
        let reloads = Trouble {
            reloads: true,
            ..Trouble::default()
        };
        let kills = Trouble {
            kills: true,
            ..Trouble::default()
        };
        let mut phases = vec![("nothing", 4, Trouble::default())];
        if self.reloads || self.all {
            phases.push(("a full reload a second", 2, reloads));
        }
        if self.kill || self.all {
            phases.push(("a kill -9 every 5 s, joins between", 2, kills));
        }
        if self.all || phases.len() == 1 {
            phases.push(("a join or a leave a second", 1, changes));
        }
        phases
    }
}

fn row(name: &str, report: &Report) -> Vec<String> {
    let milliseconds = |time: std::time::Duration| number(time.as_secs_f64() * 1e3);
    let kinds: Vec<String> = report
        .failures
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    vec![
        name.to_string(),
        report.requests.to_string(),
        report.failed().to_string(),
        kinds.join(", "),
        report.late.to_string(),
        milliseconds(report.p50()),
        milliseconds(report.p99()),
        milliseconds(report.max()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(reloads: bool, kill: bool, all: bool) -> Vec<&'static str> {
        let churn = Churn {
            thousands: 1,
            reloads,
            kill,
            all,
            keep: false,
        };
        churn
            .phases()
            .into_iter()
            .map(|(name, _, _)| name)
            .collect()
    }

    #[test]
    fn every_trouble_is_held_against_none() {
        assert_eq!(
            phases(false, false, false),
            ["nothing", "a join or a leave a second"]
        );
        assert_eq!(
            phases(true, false, false),
            ["nothing", "a full reload a second"]
        );
        assert_eq!(phases(false, false, true).len(), 4);
    }

    #[test]
    fn a_row_names_what_went_wrong() {
        let row = row("nothing", &Report::default());
        assert_eq!(row[..4], ["nothing", "0", "0", ""]);
    }
}
