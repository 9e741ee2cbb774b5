//! When HAProxy sends its last request to a node that is killed.

use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use harness::cluster::Cluster;
use harness::haproxy::{Statistics, ask};
use harness::{has_ended, wait};

use crate::latency::status;

/// No request may be sent to a dead node later than that, in milliseconds.
pub(crate) const GOAL: f64 = 1_000.0;
/// Far above what the script that kills a node takes.
const DEATH: Duration = Duration::from_secs(60);
/// How long a dead node is watched: several times the goal.
const LONG: Duration = Duration::from_secs(5);
/// How often HAProxy is asked: what is measured takes hundreds of milliseconds.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// Watches a node that is about to be killed.
pub(crate) struct Watch(JoinHandle<anyhow::Result<Duration>>);

impl Watch {
    /// Begins; the node's web application must still run.
    pub(crate) fn begin(cluster: &Cluster, node: &str) -> anyhow::Result<Self> {
        let pid = status(cluster, node, "webapp")?.pid;
        let pid = u32::try_from(pid).context("read the number of a process")?;
        let (socket, node) = (cluster.socket(), node.to_string());
        Ok(Self(thread::spawn(move || {
            wait::watch_for(&format!("the death of {node}"), DEATH, || {
                has_ended(pid).then_some(())
            })?;
            Ok(last_request(&socket, &node, Instant::now()))
        })))
    }

    /// Tells how long after the death of the node the last request was sent to it; zero if
    /// none was. It returns when no further request is to be expected.
    pub(crate) fn end(self) -> anyhow::Result<Duration> {
        let watched = self.0.join();
        watched.unwrap_or_else(|_| Err(anyhow!("watch a node that is killed: the thread panicked")))
    }
}

/// HAProxy counts a request when it chooses a server for it, before it connects.
fn last_request(socket: &Path, node: &str, death: Instant) -> Duration {
    let (mut count, mut last) = (None, Duration::ZERO);
    while death.elapsed() < LONG {
        let table = ask(socket, "show stat nodes 4 -1").unwrap_or_default();
        let table = Statistics::from(table);
        let now = table.value(node, "stot").map(str::to_owned);
        if count.is_some() && now.is_some() && now != count {
            last = death.elapsed();
        }
        count = now.or(count);
        wait::pass(ASK_EVERY);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_web_application_is_named() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(harness::root(), "127.0.43", scratch.path()).unwrap();
        let error = Watch::begin(&cluster, "s1").err().unwrap().to_string();
        assert!(
            error.ends_with("s1/services/webapp/supervise/status"),
            "{error}"
        );
    }
}
