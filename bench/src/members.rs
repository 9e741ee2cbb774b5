//! `serf-nodes` with a member list of 10,000.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use chain::{Sync, replace};
use tempfile::TempDir;

use crate::fixture::{address, node};
use crate::process::timed;
use crate::sample::Sample;
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

pub(crate) const MEMBERS: usize = 10_000;
/// In milliseconds: nothing changed, and all new.
const UNCHANGED: f64 = 60.0;
const ALL_NEW: f64 = 600.0;

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    progress("members: a list of 10,000");
    let list = List::new(setting, MEMBERS, Path::new("/tmp"))?;
    let rounds = setting.rounds(7, 2);
    let mut new = Sample::default();
    let mut unchanged = Sample::default();
    for _ in 0..rounds {
        list.empty()?;
        new.push(list.follow()?);
        unchanged.push(list.follow()?);
    }
    let mut table = Table::new(&["10,000 members", "ms", "goal"]);
    table.row(vec![
        "nothing changed".into(),
        unchanged.to_string(),
        at_most(unchanged.median(), UNCHANGED),
    ]);
    table.row(vec![
        "all new".into(),
        new.to_string(),
        at_most(new.median(), ALL_NEW),
    ]);
    Ok(Answer::new("members: serf-nodes with the whole list")
        .text("`serf-nodes --members` makes `/nodes` follow a list of 10,000 members.")
        .table(table))
}

/// A member list, and the nodes that follow it.
pub(crate) struct List {
    program: PathBuf,
    directory: TempDir,
}

impl List {
    pub(crate) fn new(setting: &Setting, members: usize, place: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(place)
            .context("make a scratch directory")?;
        let path = directory.path().join("members.json");
        replace(&path, json(members).as_bytes(), Sync::None)?;
        let list = Self {
            program: setting.program("serf-nodes"),
            directory,
        };
        fs::create_dir(list.nodes()).context("make a directory for nodes")?;
        Ok(list)
    }

    fn nodes(&self) -> PathBuf {
        self.directory.path().join("nodes")
    }

    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(self.nodes())
            .and_then(|()| fs::create_dir(self.nodes()))
            .context("empty the directory of the nodes")
    }

    /// Lets the nodes follow, and says how long it took, in milliseconds.
    pub(crate) fn follow(&self) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.program);
        command
            .arg("--allow-loopback")
            .arg("--members")
            .arg(self.directory.path().join("members.json"))
            .arg("--nodes")
            .arg(self.nodes())
            .arg("--log")
            .arg(self.directory.path().join("serf.log"));
        // One line a node, which no pipe must slow down.
        let told = self.directory.path().join("told");
        let told = File::create(&told).with_context(|| format!("create {}", told.display()))?;
        timed(command.stderr(told))
    }

    /// The least that a program can do with the files, in milliseconds.
    pub(crate) fn limit(&self, setting: &Setting) -> anyhow::Result<f64> {
        let mut limit = setting.limit();
        timed(
            limit
                .arg(self.nodes())
                .arg(self.directory.path().join("limit")),
        )
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

    #[test]
    fn the_list_is_json_with_so_many_members() {
        let value: serde_json::Value = serde_json::from_str(&json(3)).unwrap();
        assert_eq!(value["members"].as_array().unwrap().len(), 3);
        assert_eq!(value["members"][2]["addr"], "127.43.0.3:7946");
    }
}
