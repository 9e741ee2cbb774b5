//! The cluster as it is read, and what is served of it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use journal::State;
use nodes::Listing;
use serde::Serialize;

use super::peers::{Agreement, Answer, Peers};
use super::source::{Source, Stamp};
use crate::facts::{self, Fact, Haproxy, Paths, Reader, Snapshot};
use crate::metrics;
use crate::render::{Fragments, Renderer};
use crate::view::{self, History, View};

/// What is shown of a HAProxy that has not answered.
const SILENT: &str = "HAProxy has not answered for a second";

/// The most other balancers that are asked.
const MOST_BALANCERS: usize = 16;

/// The cluster, as the page shows it.
pub(crate) struct Site {
    paths: Paths,
    reader: Reader,
    renderer: Renderer,
    history: History,
    peers: Peers,
    last: Option<Last>,
}

/// What was read last.
struct Last {
    snapshot: Snapshot,
    view: View,
    own: Agreement,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    view: &'a View,
    digest: &'a str,
}

impl Site {
    /// The cluster whose files lie there.
    pub(crate) fn new(paths: Paths) -> anyhow::Result<Self> {
        Ok(Self {
            reader: Reader::new(&paths),
            renderer: Renderer::new()?,
            history: History::default(),
            peers: Peers::default(),
            last: None,
            paths,
        })
    }

    fn last(&self) -> anyhow::Result<&Last> {
        self.last
            .as_ref()
            .ok_or_else(|| anyhow!("nothing was read"))
    }

    fn agreement_of(&self, nodes: &Fact<Arc<Listing>>) -> Agreement {
        let nodes = nodes.as_ref().map_or(&[][..], |listing| &listing.nodes);
        Agreement::new(&self.paths.name, nodes)
    }
}

impl Source for Site {
    type Running = Fact<Haproxy>;

    fn question(&self) -> Box<dyn FnOnce() -> Fact<Haproxy> + Send> {
        let socket = self.paths.socket.clone();
        Box::new(move || facts::ask(&socket))
    }

    fn stamp(&self) -> Vec<Stamp> {
        let Paths { nodes, journal, .. } = &self.paths;
        let mut paths = vec![nodes.clone(), nodes.join(".state")];
        paths.extend(journal.clone());
        let stamp = |path: PathBuf| Stamp::of(&path);
        paths.into_iter().map(stamp).collect()
    }

    fn read(
        &mut self,
        running: Option<&Fact<Haproxy>>,
        answers: Vec<(String, Answer)>,
    ) -> anyhow::Result<()> {
        let haproxy = running.cloned().unwrap_or_else(|| Err(SILENT.to_owned()));
        let snapshot = self.reader.read_beside(haproxy);
        self.history.add(&snapshot);
        let own = self.agreement_of(&snapshot.nodes);
        self.peers.take(answers, &own);
        let mut view = view::view(&snapshot, &self.history);
        let state = snapshot.chain.as_ref().ok().and_then(Option::as_ref);
        view.balancers = self.peers.show(&balancers(state));
        self.last = Some(Last {
            snapshot,
            view,
            own,
        });
        Ok(())
    }

    fn as_of(&self) -> String {
        let last = self.last.as_ref();
        last.map_or_else(String::new, |last| last.view.as_of.clone())
    }

    fn fragments(&self) -> anyhow::Result<Fragments> {
        self.renderer.fragments(&self.last()?.view)
    }

    fn page(&self, version: &str) -> anyhow::Result<String> {
        self.renderer.page(&self.last()?.view, version)
    }

    fn state(&self) -> anyhow::Result<String> {
        let Last { view, own, .. } = self.last()?;
        let state = Shown {
            view,
            digest: &own.digest,
        };
        Ok(exit::json(&serde_json::to_string(&state)?))
    }

    fn metrics(&self) -> anyhow::Result<String> {
        Ok(metrics::metrics(&self.last()?.snapshot))
    }

    fn agreement(&mut self) -> anyhow::Result<String> {
        let nodes = self.reader.nodes();
        if let Err(why) = nodes {
            return Err(anyhow!(why));
        }
        Ok(serde_json::to_string(&self.agreement_of(&nodes))?)
    }

    fn balancers(&self) -> Box<dyn FnOnce() -> Vec<(String, IpAddr)> + Send> {
        let nodes = self.paths.nodes.clone();
        Box::new(move || balancers(State::read(&nodes).ok().flatten().as_ref()))
    }
}

/// The other balancers that the chain knows, by address.
fn balancers(state: Option<&State>) -> Vec<(String, IpAddr)> {
    let balancers = state.into_iter().flat_map(|state| &state.facts.balancers);
    let parsed = balancers.filter_map(|(name, at)| Some((name.clone(), at.parse().ok()?)));
    parsed.take(MOST_BALANCERS).collect()
}
