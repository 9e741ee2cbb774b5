//! When HAProxy sends its last request to a node that is killed.

use std::fs;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use servicedir::Status;

use crate::cluster::Cluster;
use harness::haproxy::ask;
use harness::wait;

/// No request may be sent to a dead node later than that, in milliseconds.
pub(crate) const GOAL: f64 = 1_000.0;
/// A script that kills a node takes less.
const DEATH: Duration = Duration::from_secs(60);
/// For so long a dead node is looked at: several times the goal.
const LONG: Duration = Duration::from_secs(5);
/// How often HAProxy is asked: what is measured takes hundreds of milliseconds.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// A look at a node that is about to be killed.
pub(crate) struct Watch(JoinHandle<anyhow::Result<Duration>>);

impl Watch {
    /// Begins; the node's web application must still run.
    pub(crate) fn begin(cluster: &Cluster, node: &str) -> anyhow::Result<Self> {
        let pid = web_application(cluster, node)?;
        let (cluster, node) = (cluster.clone(), node.to_string());
        Ok(Self(thread::spawn(move || {
            wait::until(&format!("the death of {node}"), DEATH, || {
                is_dead(pid).then_some(())
            })?;
            Ok(last_request(&cluster, &node, Instant::now()))
        })))
    }

    /// How long after the death of the node the last request was sent to it; zero
    /// where none was. It takes until nothing more is to be expected.
    pub(crate) fn end(self) -> anyhow::Result<Duration> {
        let watched = self.0.join();
        watched.unwrap_or_else(|_| Err(anyhow!("watch a node that is killed: the thread panicked")))
    }
}

fn web_application(cluster: &Cluster, node: &str) -> anyhow::Result<u64> {
    let path = cluster.file(node, "services/webapp/supervise/status");
    let record = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let status = Status::decode(&record).with_context(|| format!("read {}", path.display()))?;
    Ok(status.pid)
}

/// Whether a process has ended, even if nobody has reaped it yet.
fn is_dead(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    state.is_empty() || state.starts_with(['Z', 'X'])
}

/// HAProxy counts a request when it chooses a server for it, before it connects.
fn last_request(cluster: &Cluster, node: &str, death: Instant) -> Duration {
    let socket = cluster.file("ha", "haproxy.sock");
    let (mut count, mut last) = (None, Duration::ZERO);
    while death.elapsed() < LONG {
        let table = ask(&socket, "show stat nodes 4 -1").unwrap_or_default();
        let now = requests(&table, node);
        if count.is_some() && now.is_some() && now != count {
            last = death.elapsed();
        }
        count = now.or(count);
        wait::pass(ASK_EVERY);
    }
    last
}

/// How many requests HAProxy has sent to a server, or tried to.
fn requests(table: &str, server: &str) -> Option<u64> {
    let mut lines = table.lines();
    let column = lines.next()?.split(',').position(|name| name == "stot")?;
    let mut rows = lines.map(|line| line.split(',').collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1) == Some(&server))?;
    row.get(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_by_the_name_of_the_server() {
        let table = "# pxname,svname,qcur,stot,\nnodes,s1,0,7,\nnodes,s12,0,9,\n\n";
        assert_eq!(requests(table, "s12"), Some(9));
        assert_eq!(requests(table, "s"), None);
        assert_eq!(requests("", "s1"), None);
    }

    #[test]
    fn who_runs_is_not_dead_and_who_was_not_reaped_is() {
        assert!(!is_dead(std::process::id().into()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().into();
        harness::wait_for("its end", DEATH, || is_dead(pid).then_some(()));
        child.wait().unwrap();
        assert!(is_dead(pid));
    }

    #[test]
    fn a_node_without_web_application_is_named() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(scratch.path());
        let error = Watch::begin(&cluster, "s1").err().unwrap().to_string();
        assert!(
            error.ends_with("s1/services/webapp/supervise/status"),
            "{error}"
        );
    }
}
