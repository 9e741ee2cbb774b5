//! `bench churn`: loads on a cluster that changes, one after the other.

use exit::Exit;
use harness::cluster::Cluster;
use harness::haproxy::fact;
use harness::load::Report;

use crate::churn::{self, Outcome, Trouble};
use crate::kill;
use crate::load_command::verdict;
use crate::questions::{draw, tell};
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::story;
use crate::table::{Answer, Table, at_most};

/// Load on a cluster that changes.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Churn {
    /// So many thousand requests
    thousands: u64,
    /// Requests a second
    #[arg(long, default_value_t = churn::RATE, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
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
        let mut table = requests();
        let mut failed = 0;
        let mut kills = Vec::new();
        for (name, share, trouble) in self.phases() {
            progress(format_args!("load: {name}"));
            let count = (self.thousands * 1_000).div_ceil(share);
            let Outcome { report, killed } =
                churn::run(setting, &cluster, count, self.rate, trouble)?;
            if !trouble.kills {
                failed += report.failed();
            }
            kills.extend(killed);
            table.row(row(name, &report));
        }
        if self.keep {
            let (report, picture) = story::tell(&cluster, "story", "s3")?;
            draw(setting, "latency.svg", &picture)?;
            table.row(row("the picture: a join, a leave, a kill", &report));
        }
        let mut answer = Answer::new("churn: requests while nodes come and go")
            .text(&format!("{} requests a second through the balancer (HAProxy {}), half over kept connections and half over one each; a request that takes more than a second is late, after 10 s it failed.", self.rate, fact(&cluster.socket(), "Version")?))
            .table(table);
        if !kills.is_empty() {
            answer = answer.table(last_request(&kills));
        }
        tell(setting, &answer, self.keep)?;
        Ok(verdict(failed))
    }

    /// What is done to the cluster under which share of the requests.
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

fn requests() -> Table {
    Table::new(&[
        "under",
        "requests",
        "failed",
        "how",
        "late",
        "p50, ms",
        "p99, ms",
        "slowest, ms",
    ])
}

fn last_request(kills: &[f64]) -> Table {
    let sample: Sample = kills.iter().copied().collect();
    let mut table = Table::new(&["from a kill -9 to", "kills", "ms", "worst"]);
    table.row(vec![
        "the last request that HAProxy sent to the dead node".to_string(),
        kills.len().to_string(),
        sample.to_string(),
        at_most(sample.max(), kill::GOAL),
    ]);
    table
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
            rate: churn::RATE,
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

    #[test]
    fn the_worst_of_all_kills_is_held_against_the_goal() {
        let table = last_request(&[20.0, 1_001.0]).to_string();
        assert!(
            table.contains("| 2     | 510 [20.0..1,001] | <= 1,000: **missed** |"),
            "{table}"
        );
    }
}
