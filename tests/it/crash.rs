//! Whatever `kill -9` ends at any moment, the next run puts all right, and no node vanishes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use harness::cluster::{Cluster, SOON};
use harness::{load, send, wait_for};
use nix::sys::signal::Signal::SIGKILL;

use crate::view;

#[test]
fn a_node_that_stops_under_load_costs_no_request_and_a_killed_one_only_those_in_flight() {
    let cluster = Cluster::up(75, 3);
    let load = load::start(cluster.front(), 200);
    cluster.succeed(&["node", "start", "s4"]);
    cluster.succeed(&["node", "stop", "s2"]);
    cluster.wait_for_nodes(&["s1", "s3", "s4"]);
    let report = load.stop();
    assert!(report.requests > 100, "{report:?}");
    assert_eq!(report.failed(), 0, "{report:?}");

    let load = load::start(cluster.front(), 200);
    cluster.succeed(&["node", "kill", "s3"]);
    wait_for("s3 to be out of rotation", SOON, || {
        (!cluster
            .servers(42)
            .get("s3")
            .is_some_and(|state| state.starts_with("UP")))
        .then_some(())
    });
    let report = load.stop();
    let in_flight = cluster.counter("s3", "smax");
    assert!(report.failed() <= in_flight, "{in_flight}: {report:?}");
}

#[test]
fn haproxy_killed_under_load_comes_back_with_all_nodes() {
    let cluster = Cluster::up(76, 2);
    for _ in 0..3 {
        let pid = cluster.service_pid("ha", "ha").unwrap();
        send(pid, SIGKILL);
        wait_for("another HAProxy", SOON, || {
            cluster.service_pid("ha", "ha").filter(|new| *new != pid)
        });
        cluster.wait_for_nodes(&["s1", "s2"]);
    }
    cluster.succeed(&["node", "start", "s3"]);
    cluster.wait_for_nodes(&["s1", "s2", "s3"]);
}

#[test]
fn no_node_vanishes_when_the_balancers_agent_is_killed() {
    let cluster = Cluster::up(77, 2);
    let load = load::start(cluster.front(), 100);
    for _ in 0..3 {
        let pid = cluster.service_pid("ha", "serf").unwrap();
        send(pid, SIGKILL);
        wait_for("another agent that knows both nodes", SOON, || {
            let new = cluster
                .service_pid("ha", "serf")
                .filter(|new| *new != pid)?;
            assert_eq!(cluster.node_files("ha"), ["s1", "s2"]);
            (view::living_in(&cluster) == ["s1", "s2"]).then_some(new)
        });
    }
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
    cluster.wait_for_nodes(&["s1", "s2"]);
}

#[test]
fn a_chain_killed_at_any_moment_is_put_right_by_the_next_run() {
    let cluster = Cluster::up(78, 2);
    // A run takes some 50 ms, over which the kills are spread.
    for delay in (0..60).step_by(4) {
        fs::remove_file(cluster.file("ha", "nodes/s1")).unwrap();
        let mut run = member_event(&cluster).spawn().unwrap();
        let start = std::time::Instant::now();
        wait_for("the moment", SOON, || {
            (start.elapsed() >= Duration::from_millis(delay)).then_some(())
        });
        send(run.id(), SIGKILL);
        run.wait().unwrap();
        let output = member_event(&cluster).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        cluster.wait_for_nodes(&["s1", "s2"]);
    }
}

/// `member-event sync` with the environment of the balancer's services.
fn member_event(cluster: &Cluster) -> Command {
    let pid = cluster.service_pid("ha", "serf").expect("the agent runs");
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let variables = environ.split(|byte| *byte == 0).filter_map(|variable| {
        let text = std::str::from_utf8(variable).ok()?;
        text.split_once('=')
            .map(|(name, value)| (name.to_string(), value.to_string()))
    });
    let mut command = Command::new(harness::root().join("ha/scripts/member-event"));
    command.arg("sync").env_clear().envs(variables);
    command
}
