//! HAProxy's log is in the container's log, and reaches a receiver elsewhere.

use super::engine::{Container, container_log, docker, image, turn};
use super::project::{PATIENCE, Project};
use harness::{wait_for, without_time};

/// Starts rsyslogd as a receiver that prints what it gets, and from whom.
const RECEIVER: &str = r#"
printf '%s\n' 'module(load="imudp")' 'input(type="imudp" port="514")' \
    'action(type="omfile" file="/dev/stdout")' >/run/receiver.conf
rsyslogd -n -i NONE -f /run/receiver.conf | cat
"#;

#[test]
fn the_balancers_log_reaches_the_engine_and_a_receiver() {
    let _turn = turn();
    let project = Project::new(8).forwarding_to("receiver");
    project.up(1, &["webapp"]);
    let network = project.network();
    let place = ["--network", &network, "--network-alias", "receiver"];
    let files = ["--tmpfs", "/run:exec,uid=4242"];
    let command = ["--entrypoint", "sh", &image("ha"), "-c", RECEIVER];
    let receiver = Container::run(&[&place[..], &files, &command].concat());

    project.up(1, &["webapp", "ha"]);
    project.wait_for_nodes(1936, 1);
    let balancer = &project.containers("ha")[0];
    // HAProxy writes a line when a node fails its check.
    docker(&["pause", &project.containers("webapp")[0]]);
    let told = |log: &str| log.contains("haproxy") && log.contains("is DOWN");
    wait_for("the line in the engine's log", PATIENCE, || {
        let log = container_log(balancer);
        let line = log.lines().find(|line| told(line))?;
        without_time(line).starts_with("[rsyslog] ").then_some(())
    });
    wait_for("the line at the receiver", PATIENCE, || {
        told(&receiver.log()).then_some(())
    });
    docker(&["unpause", &project.containers("webapp")[0]]);
}
