//! From a node's start to its first request, and from its leave to its last.

mod tag;

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use harness::cluster::Cluster;
use harness::wait;
use servicedir::Status;

use crate::sample::Sample;
use crate::setting::progress;
use crate::table::{Answer, Table, at_most};
use tag::AgentLog;

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Addresses of nodes that come and go, which no node of `scripts/up` has.
const ADDRESSES: std::ops::Range<usize> = 150..190;

/// Goals for medians, in milliseconds.
const AGENT_TO_FILE: f64 = 40.0;
const NODE_TO_REQUEST: f64 = 150.0;
const LEAVE_TO_OUT: f64 = 600.0;
const TAG_TO_WEIGHT: f64 = 200.0;

/// What was measured, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    node_to_agent: Sample,
    agent_to_file: Sample,
    agent_to_request: Sample,
    node_to_request: Sample,
    tag_to_weight: Sample,
    known_to_weight: Sample,
    leave_to_out: Sample,
}

/// Starts a node, changes it and lets it leave, so many times.
pub(crate) fn measure(cluster: &Cluster, rounds: usize) -> anyhow::Result<Latency> {
    let mut latency = Latency::default();
    let log = AgentLog::follow(cluster.serf("ha"))?;
    for round in 0..rounds {
        progress(format_args!("latency: round {} of {rounds}", round + 1));
        let name = format!("l{round}");
        let address = cluster.address(ADDRESSES.start + round % ADDRESSES.len());
        latency.start(cluster, &name, &address)?;
        latency.tag(cluster, &name, &log)?;
        latency.leave(cluster, &name)?;
    }
    Ok(latency)
}

impl Latency {
    fn start(&mut self, cluster: &Cluster, name: &str, address: &str) -> anyhow::Result<()> {
        let front = cluster.front();
        let file = cluster.file("ha", "nodes").join(name);
        let mine = format!("\"host\":\"{name}\"");
        cluster.launch(name, address)?;
        let mut written = None;
        let served = wait::watch_for("the first request", PATIENCE, || {
            if written.is_none() && file.exists() {
                written = Some(SystemTime::now());
            }
            let response = harness::http::get(front, "/").ok()?;
            response.text().contains(&mine).then(SystemTime::now)
        })?;
        let written = written.context("see the node's file before its first request")?;
        let launched = cluster.launched(name)?;
        let agent = started(cluster, name, "serf")?;
        self.node_to_agent.push(between(launched, agent));
        self.agent_to_file.push(between(agent, written));
        self.agent_to_request.push(between(agent, served));
        self.node_to_request.push(between(launched, served));
        Ok(())
    }

    fn tag(&mut self, cluster: &Cluster, name: &str, log: &AgentLog) -> anyhow::Result<()> {
        let haproxy = cluster.socket();
        let change = tag::change(name, cluster.serf(name), log, &haproxy)?;
        self.tag_to_weight.push(between(change.set, change.runs));
        self.known_to_weight
            .push(between(change.known, change.runs));
        Ok(())
    }

    fn leave(&mut self, cluster: &Cluster, name: &str) -> anyhow::Result<()> {
        let start = SystemTime::now();
        let mut stop = cluster.node(&["stop", name])?;
        let out = wait::watch_for("the node to be out of rotation", PATIENCE, || {
            let wanted = cluster.server(name).is_some_and(|server| server.wanted);
            (!wanted).then(SystemTime::now)
        })?;
        self.leave_to_out.push(between(start, out));
        let status = stop.wait().context("wait for scripts/node")?;
        ensure!(
            status.success(),
            "scripts/node stop {name} ended with {status}"
        );
        Ok(())
    }

    /// The answer to the question `effect`.
    pub(crate) fn answer(&self) -> Answer {
        let mut table = Table::new(&["from", "to", "ms", "goal"]);
        let mut row = |from: &str, to: &str, sample: &Sample, goal: Option<f64>| {
            let verdict = goal.map_or_else(|| "-".into(), |goal| at_most(sample.median(), goal));
            table.row(vec![from.into(), to.into(), sample.to_string(), verdict]);
        };
        row(
            "start of a node",
            "start of its Serf agent",
            &self.node_to_agent,
            None,
        );
        row(
            "start of the agent",
            "its file in /nodes",
            &self.agent_to_file,
            Some(AGENT_TO_FILE),
        );
        row(
            "start of the agent",
            "first request served",
            &self.agent_to_request,
            None,
        );
        row(
            "start of a node",
            "first request served",
            &self.node_to_request,
            Some(NODE_TO_REQUEST),
        );
        row(
            "`serf tags -set weight=50`",
            "running weight",
            &self.tag_to_weight,
            Some(TAG_TO_WEIGHT),
        );
        row(
            "the balancer's agent knows it",
            "running weight",
            &self.known_to_weight,
            None,
        );
        row(
            "`scripts/node stop`",
            "no new request",
            &self.leave_to_out,
            Some(LEAVE_TO_OUT),
        );
        Answer::new("effect: join, change and leave, to what clients see")
            .text("Real agents, HAProxy and web applications on loopback (`scripts/latency`).")
            .table(table)
    }
}

/// When a service of a node last started, as its supervisor noted it.
fn started(cluster: &Cluster, node: &str, service: &str) -> anyhow::Result<SystemTime> {
    Ok(status(cluster, node, service)?.stamp.time())
}

/// What the supervisor of a node says of a service.
pub(crate) fn status(cluster: &Cluster, node: &str, service: &str) -> anyhow::Result<Status> {
    let path = cluster.file(node, &format!("services/{service}/supervise/status"));
    let record = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    Status::decode(&record).with_context(|| format!("read {}", path.display()))
}

/// The milliseconds from `start` to `end`. They are 0 when the end comes first, as it can
/// because the clocks tick differently.
fn between(start: SystemTime, end: SystemTime) -> f64 {
    end.duration_since(start).unwrap_or_default().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use files::{Durability, replace};

    use super::*;

    #[test]
    fn an_effect_is_never_before_its_cause() {
        let now = SystemTime::now();
        assert!((between(now, now + Duration::from_millis(3)) - 3.0).abs() < 1e-6);
        assert!(between(now + Duration::from_millis(3), now).abs() < 1e-6);
    }

    #[test]
    fn the_start_of_a_service_is_the_one_that_its_supervisor_noted() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(harness::root(), "127.0.43", scratch.path()).unwrap();
        let supervise = cluster.file("s1", "services/serf/supervise");
        fs::create_dir_all(&supervise).unwrap();
        let now = SystemTime::now();
        let status = Status {
            stamp: servicedir::Stamp::from(now),
            ..Status::default()
        };
        let record = status.encode(servicedir::Layout::Long);
        replace(&supervise.join("status"), &record, Durability::Unsynced).unwrap();
        assert_eq!(started(&cluster, "s1", "serf").unwrap(), now);
        replace(&supervise.join("status"), b"short", Durability::Unsynced).unwrap();
        let error = started(&cluster, "s1", "serf").unwrap_err();
        let told = format!("{error:#}");
        assert!(
            told.contains("supervise/status: no record: 5 bytes"),
            "{told}"
        );
    }

    #[test]
    fn medians_are_held_against_their_goals() {
        let latency = Latency {
            agent_to_file: [39.0].into_iter().collect(),
            leave_to_out: [601.0].into_iter().collect(),
            ..Latency::default()
        };
        let text = latency.answer().to_string();
        assert!(text.contains("<= 40.0: met"), "{text}");
        assert!(text.contains("<= 600: **missed**"), "{text}");
    }
}
