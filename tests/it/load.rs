//! No request fails while the membership changes all the time.

use std::process::Command;
use std::time::{Duration, Instant};

use harness::cluster::{Cluster, SOON, program};
use harness::{load, send, wait_for};
use nix::sys::signal::Signal::{SIGKILL, SIGSTOP};

/// How long the membership changes under load.
const LONG: Duration = Duration::from_secs(30);
/// How long HAProxy may need until it sends nothing to a dead node: tenfold of what is wanted.
const LAST_REQUEST: Duration = Duration::from_secs(10);

#[test]
fn nodes_come_and_go_under_load_without_a_failed_request_or_a_reload() {
    let cluster = Cluster::up(93, 3);
    let worker = cluster.worker();
    let load = load::start(cluster.front(), 500);
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
    let load = load::start(cluster.front(), 300);
    for _ in 0..5 {
        let worker = cluster.worker();
        let reload = program("haproxy-reload");
        let output = cluster.full_reload(&reload).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_ne!(cluster.worker(), worker);
    }
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn a_dead_node_gets_no_request_and_only_those_fail_that_were_in_flight_on_it() {
    let cluster = Cluster::up(69, 4);
    let load = load::start(cluster.front(), 500);
    let next_requests = |count| {
        let until = load.begun() + count;
        wait_for("more requests", SOON, || {
            (load.begun() >= until).then_some(())
        });
    };
    next_requests(200);
    cluster.succeed(&["node", "kill", "s3"]);
    assert_gets_nothing(&cluster, "s3", || next_requests(500));
    // Of another node only the application dies, and is not started again.
    let once = Command::new(program("svc"))
        .arg("-O")
        .arg(cluster.file("s4", "services/webapp"))
        .status();
    assert!(once.unwrap().success());
    let application = cluster.service_pid("s4", "webapp").unwrap();
    send(application, SIGSTOP);
    wait_for("requests to be in flight on s4", SOON, || {
        (cluster.counter("s4", "scur") >= 3).then_some(())
    });
    send(application, SIGKILL);
    assert_gets_nothing(&cluster, "s4", || next_requests(500));
    let in_flight: u64 = ["s3", "s4"]
        .map(|node| cluster.counter(node, "smax"))
        .iter()
        .sum();
    let report = load.stop();
    assert!(report.failed() <= in_flight, "{in_flight}: {report:?}");
}

/// Waits until HAProxy has found that a node is dead, which then gets no request any more.
fn assert_gets_nothing(cluster: &Cluster, node: &str, next_requests: impl Fn()) {
    let end = format!("HAProxy to send nothing to {node}, which should take one second");
    wait_for(&end, LAST_REQUEST, || {
        let states = cluster.servers(42);
        states.get(node)?.starts_with("DOWN").then_some(())
    });
    let before = cluster.counter(node, "stot");
    next_requests();
    assert_eq!(cluster.counter(node, "stot"), before, "requests to {node}");
}

#[test]
fn a_template_that_haproxy_refuses_harms_nobody_and_a_good_one_is_taken_again() {
    let cluster = Cluster::new(95);
    let scratch = harness::scratch();
    let template = scratch.path().join("haproxy.cfg.tera");
    let good = std::fs::read_to_string(harness::root().join("ha/config/haproxy.cfg.tera")).unwrap();
    replace(&template, &good);
    let up = cluster
        .script(&["up", "2"])
        .env("HAPROXY_TEMPLATE", &template)
        .output()
        .unwrap();
    assert!(up.status.success(), "{up:?}");
    let load = load::start(cluster.front(), 100);
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

#[test]
fn a_load_that_cannot_be_put_on_is_refused_with_the_page() {
    let cluster = Cluster::new(99);
    for words in [&["load"][..], &["load", "1", "--container", "--keep"]] {
        let output = cluster.run_script(words);
        assert_eq!(output.status.code(), Some(100), "{words:?}");
        let page = String::from_utf8_lossy(&output.stderr);
        assert!(page.contains("scripts/load N --kill"), "{page}");
    }
}
