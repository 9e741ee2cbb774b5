//! The last minute of each node.

use std::collections::{BTreeMap, VecDeque};

use haproxy_socket::stat::Stat;

use super::TILES;
use crate::facts::Snapshot;

/// For how many seconds it is kept: one sample each.
const SAMPLES: usize = 60;
/// The shortest time between two samples, in seconds: a little less than that of the looks.
const APART: f64 = 0.9;
/// After so many seconds without a sample, what was before is of another time.
const PAUSE: f64 = 5.0;

/// Requests a second, and the milliseconds of the check.
pub(crate) type Sample = (u64, u64);

/// What the servers did in the last minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    last: f64,
    servers: BTreeMap<String, VecDeque<Sample>>,
}

impl History {
    /// Takes over what HAProxy says now, unless it has been asked within this second.
    pub(crate) fn add(&mut self, snapshot: &Snapshot) {
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

    /// The samples of a server, `BACKEND/SERVER`, oldest first.
    pub(super) fn of(&self, server: &str) -> impl Iterator<Item = Sample> {
        self.servers.get(server).into_iter().flatten().copied()
    }
}

fn sample(stat: &Stat) -> Sample {
    (stat.rate, stat.check_ms.unwrap_or(0))
}
