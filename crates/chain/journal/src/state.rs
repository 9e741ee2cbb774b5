//! The state of the chain: a file that the run of each step replaces whole.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use files::{Durability, Moment};
use serde::{Deserialize, Serialize};

/// The steps in running order.
pub const STEPS: [&str; 4] = [
    "serf-members",
    "serf-nodes",
    "haproxy-gen",
    "haproxy-reload",
];

/// The upper bounds of a [`Histogram`], in seconds. A step takes a millisecond, a reload or a
/// check by HAProxy a hundred, and all of them are ended after a minute.
pub const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// The file in the nodes' folder.
const FILE: &str = ".state";
/// The size in bytes above which it is none of ours: ten thousand lost nodes are a megabyte.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What the last run did, what is so at present, and what has been counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The id of the last run.
    pub run: String,
    /// When it began: Unix seconds, as are all times here.
    pub begin: f64,
    /// When it ended; `None` while it runs, and if it was killed.
    pub end: Option<f64>,
    /// The end of the last run that ended, as a [`Moment`]: its age is right whatever becomes of
    /// the wall clock.
    pub moment: Option<String>,
    /// What the steps of that run did.
    pub steps: BTreeMap<String, Done>,
    /// The steps that have failed, and have not succeeded since.
    pub failing: BTreeMap<String, Failing>,
    /// What the last run left to a later time, and why: a reload that has to wait.
    pub postponed: Option<String>,
    /// The end of the last run in which nothing failed.
    pub success: Option<f64>,
    /// What `serf-nodes` found when it last succeeded.
    pub facts: Facts,
    /// What has been counted since the file was made.
    pub totals: Totals,
    /// Why the journal could not be written.
    pub journal: Option<String>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Its exit code.
    pub code: u8,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// How a step fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failing {
    /// When it failed first.
    pub since: f64,
    /// Its exit code.
    pub code: u8,
    /// Its own words.
    pub error: String,
}

/// What is so at present, as the member list says it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// How many members are `alive`, `failed`, `leaving`, `left`.
    pub members: BTreeMap<String, u64>,
    /// The nodes that are lost and still have their files.
    pub lost: BTreeMap<String, Lost>,
    /// Why all of these stay: the words, with the command that confirms the loss.
    pub held: Option<String>,
    /// The members that are no nodes although they want to be: the first of them.
    pub refused: Vec<Refused>,
    /// How many these are.
    pub refused_all: u64,
    /// The living balancers beside this one, by name, with their addresses.
    pub balancers: BTreeMap<String, String>,
}

/// A node that is lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lost {
    /// Since when.
    pub since: f64,
    /// When it goes; `None` if it stays until a person confirms that it is gone.
    pub until: Option<f64>,
    /// Why it is taken for lost.
    pub why: String,
}

/// A member that is no node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// The name that it gives itself, escaped.
    pub name: String,
    /// The address that it gives itself, escaped; empty if it gives none.
    pub address: String,
    /// Why it is refused.
    pub why: String,
}

/// What has been counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Runs that have `succeeded` and `failed`.
    pub runs: BTreeMap<String, u64>,
    /// Failures by step and exit code.
    pub failures: BTreeMap<String, BTreeMap<u8, u64>>,
    /// How long the steps took.
    pub durations: BTreeMap<String, Histogram>,
    /// Changes of nodes: `added`, `changed`, `left`, `died`, `lost`, `back`, `held`, `refused`.
    pub changes: BTreeMap<String, u64>,
    /// Reloads by their kind.
    pub reloads: BTreeMap<String, u64>,
    /// When the last reload was.
    pub last_reload: Option<f64>,
}

/// How long something took, as Prometheus counts it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Histogram {
    /// How many took no longer than each of [`BOUNDS`], and more than the one before; at the end
    /// how many took longer than all.
    pub counts: Vec<u64>,
    /// All together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Counts one that took so many seconds.
    pub fn observe(&mut self, seconds: f64) {
        self.counts.resize(BOUNDS.len() + 1, 0);
        let place = BOUNDS.iter().position(|bound| seconds <= *bound);
        self.counts[place.unwrap_or(BOUNDS.len())] += 1;
        self.sum += seconds;
    }
}

impl State {
    /// Where the state of this folder of nodes is.
    #[must_use]
    pub fn path(nodes: &Path) -> PathBuf {
        nodes.join(FILE)
    }

    /// Reads the state of this folder of nodes, with what the steps of a run did that has not
    /// ended; `None` if no run has left one.
    pub fn read(nodes: &Path) -> anyhow::Result<Option<Self>> {
        crate::steps::read(nodes)
    }

    /// Reads what the last run that ended has left.
    pub(crate) fn of_last_end(nodes: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(nodes);
        let Some(content) = files::read(&path, MAX_FILE)? else {
            return Ok(None);
        };
        let what = || format!("read the state of the chain {}", path.display());
        let state = serde_json::from_slice(&content);
        state.with_context(what).map(Some)
    }

    pub(crate) fn write(&self, nodes: &Path) -> anyhow::Result<()> {
        let text = exit::json(&serde_json::to_string(self)?) + "\n";
        let path = Self::path(nodes);
        // What else stands there is none of ours, a link least of all, and is not kept.
        let old = path.symlink_metadata().ok().filter(Metadata::is_file);
        files::put(&path, text.as_bytes(), Durability::Unsynced, old.as_ref())
    }

    /// The first step, in running order, that fails.
    #[must_use]
    pub fn failed(&self) -> Option<(&str, &Failing)> {
        let in_order = STEPS
            .iter()
            .find_map(|step| self.failing.get_key_value(*step));
        let (step, failing) = in_order.or_else(|| self.failing.first_key_value())?;
        Some((step, failing))
    }

    /// How long ago the last run ended; `None` if none has since the machine started.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let end = Moment::parse(self.moment.as_deref()?)?;
        end.until(&Moment::now()?)
    }
}
