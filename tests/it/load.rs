//! Requests under a steady change of membership: none fails.

use std::process::Command;
use std::time::{Duration, Instant};

use bench::client::{Connections, Load};
use harness::wait_for;

use crate::cluster::{Cluster, SOON};

/// How long the membership changes under load.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn nodes_come_and_go_under_load_without_a_failed_request_or_a_reload() {
    let cluster = Cluster::up(93, 3);
    let worker = cluster.worker();
    let load = Load {
        address: cluster.front(),
        rate: 500,
        connections: Connections::Both,
    }
    .start();
    let start = Instant::now();
    while start.elapsed() < LONG {
        cluster.succeed(&["node", "start", "s4"]);
        cluster.succeed(&["node", "stop", "s4"]);
    }
    let report = load.stop();
    assert!(report.requests > 1000, "{report:?}");
    assert_eq!(report.failed(), 0, "{report:?}");
    assert_eq!(cluster.worker(), worker, "HAProxy was reloaded");
}

#[test]
fn reloads_of_everything_cost_no_request_either() {
    let cluster = Cluster::up(94, 2);
    let load = Load {
        address: cluster.front(),
        rate: 300,
        connections: Connections::Both,
    }
    .start();
    for _ in 0..5 {
        let worker = cluster.worker();
        let output = full_reload(&cluster).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_ne!(cluster.worker(), worker);
    }
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

fn full_reload(cluster: &Cluster) -> Command {
    let mut command = Command::new(crate::cluster::program("haproxy-reload"));
    command
        .arg("--full")
        .env("HAPROXY_CFG", cluster.file("ha", "haproxy/haproxy.cfg"))
        .env("HAPROXY_SOCKET", cluster.file("ha", "haproxy.sock"))
        .env("HAPROXY_MASTER", cluster.file("ha", "haproxy-master.sock"));
    command
}

#[test]
fn a_template_that_haproxy_refuses_harms_nobody_and_a_good_one_is_taken_again() {
    let cluster = Cluster::new(95);
    let template = cluster.run().join("haproxy.cfg.tera");
    let good =
        std::fs::read_to_string(crate::cluster::root().join("ha/config/haproxy.cfg.tera")).unwrap();
    replace(&template, &good);
    let up = cluster
        .script(&["up", "2"])
        .env("HAPROXY_TEMPLATE", &template)
        .output()
        .unwrap();
    assert!(up.status.success(), "{up:?}");
    let load = Load {
        address: cluster.front(),
        rate: 100,
        connections: Connections::Both,
    }
    .start();
    replace(&template, &good.replace("mode http", "mode gopher"));
    let mut join = cluster.script(&["node", "start", "s3"]).spawn().unwrap();
    wait_for("HAProxy's own words in the log", SOON, || {
        cluster.log("ha").contains("gopher").then_some(())
    });
    replace(&template, &good);
    assert!(join.wait().unwrap().success());
    cluster.wait_for_nodes(&["s1", "s2", "s3"]);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person edits the template in place"
)]
fn replace(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
