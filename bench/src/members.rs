//! `serf-nodes` with a member list of 10,000.

use std::fmt::Write;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use chain::{Sync, replace};

use crate::fixture::{address, node};
use crate::process::timed;
use crate::ratio::Ratio;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

const MEMBERS: usize = 10_000;
/// What they take has to fit into a small /dev/shm.
const QUICK: usize = 1_000;
/// In milliseconds: nothing changed, and all new.
const UNCHANGED: f64 = 60.0;
const ALL_NEW: f64 = 600.0;

/// What was measured.
#[derive(Debug, Default)]
struct Times {
    unchanged: Sample,
    new: Sample,
    limit: Sample,
}

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    let members = setting.rounds(MEMBERS, QUICK);
    let title = number(f64::from(u32::try_from(members)?));
    progress(format_args!("members: a list of {title}"));
    let times = measure(setting, members)?;
    let mut table = Table::new(&["members", "ms", "goal"]);
    let mut row = |what: &str, sample: &Sample, goal: Option<f64>| {
        let goal = goal.filter(|_| members == MEMBERS);
        let verdict = goal.map(|goal| at_most(sample.median(), goal));
        let verdict = verdict.unwrap_or_else(|| "-".into());
        table.row(vec![what.into(), sample.to_string(), verdict]);
    };
    row("nothing changed", &times.unchanged, Some(UNCHANGED));
    row("all new", &times.new, Some(ALL_NEW));
    row("the limit", &times.limit, None);
    Ok(Answer::new("members: serf-nodes with the whole list")
        .text(&format!("`serf-nodes --members` makes `/nodes` follow a list of {title} members, each time in a new directory. The limit reads so many files and writes one."))
        .table(table)
        .ratios(times.ratios()))
}

fn measure(setting: &Setting, members: usize) -> anyhow::Result<Times> {
    let mut list = List::new(setting, members)?;
    let mut times = Times::default();
    for _ in 0..setting.rounds(7, 7) {
        list.start_anew()?;
        times.new.push(list.follow()?);
        times.unchanged.push(list.follow()?);
        times.limit.push(list.limit()?);
    }
    Ok(times)
}

impl Times {
    fn ratios(&self) -> Vec<Ratio> {
        let limit = self.limit.min();
        let ratio = |what: &str, sample: &Sample, usual| {
            let what = format!("serf-nodes, members {what} : limit");
            Ratio::new(what, sample.min(), limit, usual)
        };
        vec![
            ratio("unchanged", &self.unchanged, 2.0),
            ratio("all new", &self.new, 4.2),
        ]
    }
}

/// A member list, and the nodes that follow it.
struct List<'a> {
    setting: &'a Setting,
    directory: PathBuf,
    nodes: PathBuf,
}

impl<'a> List<'a> {
    fn new(setting: &'a Setting, members: usize) -> anyhow::Result<Self> {
        let directory = setting.scratch()?;
        let path = directory.join("members.json");
        replace(&path, json(members).as_bytes(), Sync::None)?;
        Ok(Self {
            setting,
            nodes: directory.clone(),
            directory,
        })
    }

    /// A new directory for the nodes, as an ordinary cluster has it: in one that
    /// lost as many files just now, ext4 would be measured.
    fn start_anew(&mut self) -> anyhow::Result<()> {
        self.nodes = self.setting.scratch()?;
        Ok(())
    }

    /// Lets the nodes follow, and says how long it took, in milliseconds.
    fn follow(&self) -> anyhow::Result<f64> {
        let mut command = Command::new(self.setting.program("serf-nodes"));
        command
            .arg("--allow-loopback")
            .arg("--members")
            .arg(self.directory.join("members.json"))
            .arg("--nodes")
            .arg(&self.nodes)
            .arg("--log")
            .arg(self.directory.join("serf.log"));
        // One line a node, which no pipe must slow down.
        let told = self.directory.join("told");
        let told = File::create(&told).with_context(|| format!("create {}", told.display()))?;
        timed(command.stderr(told))
    }

    /// The least that a program can do with the files, in milliseconds.
    fn limit(&self) -> anyhow::Result<f64> {
        let mut limit = self.setting.limit();
        timed(limit.arg(&self.nodes).arg(self.directory.join("limit")))
    }
}

/// As `serf members -format=json` prints it.
fn json(members: usize) -> String {
    let mut text = String::from("{\n  \"members\": [\n");
    for number in 0..members {
        let separator = if number == 0 { "" } else { ",\n" };
        let _ = write!(
            text,
            "{separator}    {{\n      \"name\": \"{}\",\n      \"addr\": \"{}:7946\",\n      \"port\": 7946,\n      \"tags\": {{\n        \"role\": \"backend\"\n      }},\n      \"status\": \"alive\",\n      \"protocol\": {{\n        \"max\": 5,\n        \"min\": 2,\n        \"version\": 4\n      }}\n    }}",
            node(number),
            address(number)
        );
    }
    text.push_str("\n  ]\n}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::assert_finds;

    #[test]
    fn a_list_that_takes_three_times_as_long_is_found() {
        let one = |value: f64| [value].into_iter().collect::<Sample>();
        let judged = |unchanged, new| {
            let (unchanged, new, limit) = (one(unchanged), one(new), one(10.0));
            Times {
                unchanged,
                new,
                limit,
            }
            .ratios()
        };
        let slower = [
            ("members unchanged", judged(62.0, 42.0)),
            ("members all new", judged(20.0, 130.0)),
        ];
        assert_finds(&judged(20.0, 42.0), &slower);
    }

    #[test]
    fn the_list_is_json_with_so_many_members() {
        let value: serde_json::Value = serde_json::from_str(&json(3)).unwrap();
        assert_eq!(value["members"].as_array().unwrap().len(), 3);
        assert_eq!(value["members"][2]["addr"], "127.43.0.3:7946");
    }
}
