//! What Prometheus is told of a real cluster.

use std::io::Write;
use std::process::{Command, Stdio};

use harness::cluster::{BALANCER, Cluster};
use harness::{http, require};

#[test]
fn what_prometheus_is_told_of_a_real_cluster_is_in_order_and_names_no_node() {
    let cluster = Cluster::up(148, 2);
    let told = http::get(cluster.at_port(BALANCER, 1940), "/metrics").unwrap();
    let told = told.text();
    let mut promtool = Command::new(require("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = promtool.stdin.take().unwrap();
    pipe.write_all(told.as_bytes()).unwrap();
    drop(pipe);
    let checked = promtool.wait_with_output().unwrap();
    assert!(
        checked.status.success() && checked.stderr.is_empty(),
        "{checked:?}"
    );
    let value = |name: &str| {
        told.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    assert_eq!(
        value("muster_chain_last_run_successful"),
        Some("1"),
        "{told}"
    );
    assert_eq!(value("muster_haproxy_agrees"), Some("1"), "{told}");
    assert_eq!(value("muster_nodes{state=\"serves\"}"), Some("2"), "{told}");
    assert!(
        !told.contains("\"s1\"") && !told.contains(&cluster.address(101)),
        "{told}"
    );
}
