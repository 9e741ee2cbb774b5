//! Reads what is recorded of the chain and its nodes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use journal::{Standing, State, recent, standings};
use nodes::{Listing, Nodes};

use super::Row;
use super::chain::{Chain, Look};
use super::cluster::{Cluster, Counts};
use super::span::span;
use crate::reload::pace::Due;

/// How much of the journal is read, in bytes: more than is written in ten minutes.
const RECENT: u64 = 1024 * 1024;

/// Where what is recorded stands.
pub(crate) struct Places {
    pub(crate) nodes: PathBuf,
    pub(crate) journal: PathBuf,
    /// The pause of serf-watch between two runs.
    pub(crate) again: Duration,
}

/// What is recorded.
pub(super) struct Recorded {
    /// The folder of nodes.
    pub(super) nodes: PathBuf,
    state: anyhow::Result<Option<State>>,
    /// What is in the folder.
    listed: anyhow::Result<Listing>,
    standings: BTreeMap<String, Standing>,
    look: Look,
}

impl Places {
    pub(super) fn look(&self) -> Recorded {
        let state = State::read(&self.nodes);
        let known = state.as_ref().ok().and_then(Option::as_ref);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let look = Look {
            now: now.unwrap_or_default().as_secs_f64(),
            age: known.and_then(State::age),
            again: self.again,
        };
        let lines = known.map(|_| recent(&self.journal, RECENT));
        let standings = known
            .map(|state| standings(&state.facts, &lines.unwrap_or_default(), look.now))
            .unwrap_or_default();
        let listed = match &state {
            Ok(None) => Ok(Listing::default()),
            _ => Nodes::new(&self.nodes).list(),
        };
        Recorded {
            nodes: self.nodes.clone(),
            state,
            listed,
            standings,
            look,
        }
    }
}

impl Recorded {
    /// How the chain is; `due` is a reload that HAProxy waits for.
    pub(super) fn chain(&self, due: Option<&Due>) -> Chain {
        let mut chain = match &self.state {
            Ok(None) => return Chain::default(),
            Ok(Some(state)) => Chain::of(state, self.look),
            Err(error) => Chain::unknown(error),
        };
        let unread = self.listed.as_ref().err();
        let unread = unread.map(|error| format!("{error:#}"));
        let waits = due.map(|due| {
            let (why, left) = (&due.why, span(due.seconds()));
            format!("a reload waits for {left}: {why}")
        });
        chain.problems.extend(unread.into_iter().chain(waits));
        chain
    }

    /// Says in the rows what their nodes do, adds those of nodes that have no server, and counts
    /// them.
    pub(super) fn complete(&self, rows: &mut Vec<Row>) -> Counts {
        let (Ok(Some(state)), Ok(listed)) = (&self.state, &self.listed) else {
            return Counts::default();
        };
        let cluster = Cluster::new(listed, &self.standings, self.look);
        cluster.complete(rows);
        cluster.counts(rows, &state.facts)
    }

    /// What is known of the chain and the nodes without HAProxy.
    pub(super) fn alone(&self) -> (Chain, Counts) {
        let facts = self.state.as_ref().ok().and_then(Option::as_ref);
        let held = facts.and_then(|state| state.facts.held.clone());
        let counts = Counts {
            problems: held.into_iter().collect(),
            ..Counts::default()
        };
        (self.chain(None), counts)
    }

    /// What keeps nobody from being served.
    pub(super) fn note(&self) -> Option<String> {
        let state = self.state.as_ref().ok()?.as_ref()?;
        let why = state.journal.as_ref()?;
        Some(format!("the journal cannot be written: {why}"))
    }
}
