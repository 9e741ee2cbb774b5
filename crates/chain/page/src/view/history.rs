//! The last minute of each node.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use haproxy_socket::stat::Stat;
use nodes::{Listing, Node};

use super::TILES;
use crate::facts::Snapshot;

/// For how many seconds it is kept: one sample each.
const SAMPLES: usize = 60;
/// The shortest time between two samples, in seconds: a little less than that of the looks.
const APART: f64 = 0.9;
/// After so many seconds without a sample, what was before is of another time.
const PAUSE: f64 = 5.0;

/// For how many seconds a node whose file is gone is kept: the journal says what became of it a
/// few milliseconds later.
const GOES: f64 = 3.0;

/// Requests a second, and the milliseconds of the check.
pub(crate) type Sample = (u64, u64);

/// What the servers did in the last minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    last: f64,
    servers: BTreeMap<String, VecDeque<Sample>>,
    /// When the folder of nodes was last read, and what was there.
    seen: f64,
    listing: Arc<Listing>,
    /// The nodes whose files have just gone, and when.
    gone: Vec<(Node, f64)>,
}

impl History {
    /// Takes over what was read now; of HAProxy only if it was not asked within this second.
    pub(crate) fn add(&mut self, snapshot: &Snapshot) {
        let since = snapshot.now - self.seen;
        self.seen = snapshot.now;
        if !(0.0..PAUSE).contains(&since) {
            // What went meanwhile has not just gone.
            self.listing = Arc::default();
        }
        self.gone
            .retain(|(_, t)| (0.0..GOES).contains(&(snapshot.now - t)));
        if let Ok(listing) = &snapshot.nodes
            && !Arc::ptr_eq(listing, &self.listing)
        {
            self.compare(listing, snapshot.now);
        }
        self.sample(snapshot);
    }

    /// Keeps the nodes that are no longer there.
    fn compare(&mut self, listing: &Arc<Listing>, now: f64) {
        if listing.nodes != self.listing.nodes {
            let here: HashSet<&str> = listing.nodes.iter().map(|it| it.name.as_str()).collect();
            self.gone
                .retain(|(node, _)| !here.contains(node.name.as_str()));
            let before = self.listing.nodes.iter();
            let gone = before.filter(|node| !here.contains(node.name.as_str()));
            self.gone.extend(gone.map(|node| (node.clone(), now)));
        }
        self.listing = Arc::clone(listing);
    }

    fn sample(&mut self, snapshot: &Snapshot) {
        let Ok(haproxy) = &snapshot.haproxy else {
            return;
        };
        let since = snapshot.now - self.last;
        if !(0.0..PAUSE).contains(&since) {
            self.servers.clear();
        } else if since < APART {
            return;
        }
        self.last = snapshot.now;
        let nodes = snapshot
            .nodes
            .as_ref()
            .map_or(0, |listing| listing.nodes.len());
        if nodes > TILES {
            // Squares show no minute.
            self.servers.clear();
            return;
        }
        self.servers
            .retain(|server, _| haproxy.servers.contains_key(server));
        for (server, stat) in &haproxy.servers {
            let samples = self.servers.entry(server.clone()).or_default();
            if samples.len() == SAMPLES {
                samples.pop_front();
            }
            samples.push_back(sample(stat));
        }
    }

    /// The nodes whose files have just gone.
    pub(super) fn gone(&self) -> impl Iterator<Item = &Node> {
        self.gone.iter().map(|(node, _)| node)
    }

    /// The samples of a server, `BACKEND/SERVER`, oldest first.
    pub(super) fn of(&self, server: &str) -> impl Iterator<Item = Sample> {
        self.servers.get(server).into_iter().flatten().copied()
    }
}

fn sample(stat: &Stat) -> Sample {
    (stat.rate, stat.check_ms.unwrap_or(0))
}
