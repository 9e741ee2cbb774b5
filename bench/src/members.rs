//! A member list of 10,000: `serf-nodes` alone, and the whole chain.

use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use files::{Durability, replace};

use crate::fixture::{Fixture, address, node};
use crate::process::timed;
use crate::ratio::Ratio;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

const MEMBERS: usize = 10_000;
/// The files of so many members fit into a small /dev/shm.
const QUICK: usize = 1_000;
/// Goals in milliseconds: for a list that has not changed, and for one that is all new.
const UNCHANGED: f64 = 60.0;
const ALL_NEW: f64 = 600.0;
/// The goals for the whole chain.
const CHAIN_UNCHANGED: f64 = 300.0;
const CHAIN_ALL_NEW: f64 = 1_000.0;

/// What was measured.
#[derive(Debug, Default)]
struct Times {
    unchanged: Sample,
    new: Sample,
    chain_unchanged: Sample,
    chain_new: Sample,
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
    row(
        "serf-nodes, nothing changed",
        &times.unchanged,
        Some(UNCHANGED),
    );
    row("serf-nodes, all new", &times.new, Some(ALL_NEW));
    row("the limit", &times.limit, None);
    row(
        "the chain, nothing changed",
        &times.chain_unchanged,
        Some(CHAIN_UNCHANGED),
    );
    row("the chain, all new", &times.chain_new, Some(CHAIN_ALL_NEW));
    Ok(Answer::new("members: the whole list")
        .text(&format!("`serf-nodes --members` makes `/nodes` follow a list of {title} members, each time in a new directory. The limit reads so many files and writes one. The chain is `member-event sync`, to a HAProxy that has none of them at first, and reads the list where an agent would be asked."))
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
        let balancer = Balancer::new(setting, &list.path())?;
        times.chain_new.push(balancer.sync()?);
        times.chain_unchanged.push(balancer.sync()?);
        balancer.ensure_serves(members)?;
    }
    Ok(times)
}

/// A balancer whose agent knows the members of a list.
struct Balancer<'a>(Fixture<'a>);

impl<'a> Balancer<'a> {
    fn new(setting: &'a Setting, list: &Path) -> anyhow::Result<Self> {
        let fixture = Fixture::new(setting, 0)?;
        let (bin, agent) = (fixture.path("bin"), fixture.path("bin/serf-members"));
        fs::create_dir(&bin).with_context(|| format!("make {}", bin.display()))?;
        let script = format!("#!/bin/sh\nexec cat '{}'\n", list.display());
        replace(&agent, script.as_bytes(), Durability::Unsynced)?;
        fs::set_permissions(&agent, Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", agent.display()))?;
        Ok(Self(fixture))
    }

    /// Runs the chain on the list, and tells how many milliseconds it took.
    fn sync(&self) -> anyhow::Result<f64> {
        let mut command = self.0.member_event()?;
        timed(command.arg("sync").stderr(told(&self.0.path("told"))?))
    }

    fn ensure_serves(&self, members: usize) -> anyhow::Result<()> {
        let served = self.0.served();
        ensure!(
            served == members,
            "{served} of {members} members are served"
        );
        Ok(())
    }
}

/// Opens a file for what is told of each node: a pipe would slow the program down.
fn told(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("create {}", path.display()))
}

impl Times {
    fn ratios(&self) -> Vec<Ratio> {
        let limit = self.limit.min();
        let ratio = |what: &str, sample: &Sample, usual| {
            let what = format!("members {what} : limit");
            Ratio::new(what, sample.min(), limit, usual)
        };
        vec![
            ratio("unchanged", &self.unchanged, 2.0),
            ratio("all new", &self.new, 4.2),
            ratio("unchanged, the chain", &self.chain_unchanged, 5.0),
            ratio("all new, the chain", &self.chain_new, 36.0),
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
        let list = Self {
            setting,
            nodes: directory.clone(),
            directory,
        };
        replace(&list.path(), json(members).as_bytes(), Durability::Unsynced)?;
        Ok(list)
    }

    fn path(&self) -> PathBuf {
        self.directory.join("members.json")
    }

    /// Takes a new directory for the nodes. In one from which as many files were just removed,
    /// the figures would be those of ext4.
    fn start_anew(&mut self) -> anyhow::Result<()> {
        self.nodes = self.setting.scratch()?;
        Ok(())
    }

    /// Runs `serf-nodes` on the list, and tells how many milliseconds it took.
    fn follow(&self) -> anyhow::Result<f64> {
        let mut command = Command::new(self.setting.program("serf-nodes"));
        command
            .arg("--allow-loopback")
            .arg("--members")
            .arg(self.path())
            .arg("--nodes")
            .arg(&self.nodes)
            .arg("--log")
            .arg(self.directory.join("serf.log"));
        timed(command.stderr(told(&self.directory.join("told"))?))
    }

    /// How many milliseconds a program takes that does the least possible with the files.
    fn limit(&self) -> anyhow::Result<f64> {
        let mut limit = self.setting.limit();
        timed(limit.arg(&self.nodes).arg(self.directory.join("limit")))
    }
}

/// The list as `serf members -format=json` prints it.
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
    fn a_list_that_takes_ten_times_as_long_is_found() {
        let one = |value: f64| [value].into_iter().collect::<Sample>();
        let usual = [20.0, 42.0, 50.0, 360.0];
        let judged = |[unchanged, new, chain_unchanged, chain_new]: [f64; 4]| {
            Times {
                unchanged: one(unchanged),
                new: one(new),
                chain_unchanged: one(chain_unchanged),
                chain_new: one(chain_new),
                limit: one(10.0),
            }
            .ratios()
        };
        let slower = |at: usize| {
            let mut times = usual;
            times[at] *= 10.1;
            judged(times)
        };
        let slower = [
            ("members unchanged :", slower(0)),
            ("members all new :", slower(1)),
            ("members unchanged, the chain :", slower(2)),
            ("members all new, the chain :", slower(3)),
        ];
        assert_finds(&judged(usual), &slower);
    }

    #[test]
    fn the_list_is_json_with_so_many_members() {
        let value: serde_json::Value = serde_json::from_str(&json(3)).unwrap();
        assert_eq!(value["members"].as_array().unwrap().len(), 3);
        assert_eq!(value["members"][2]["addr"], "127.43.0.3:7946");
    }
}
