//! Nodes whose network is cut.

use std::time::Duration;

use harness::cluster::{FAILURE, SOON, node_files};
use harness::lan::{Lan, Switch};
use harness::wait_for;

use crate::hold::{EXPIRED, lost, set_lost_since};

#[test]
fn a_balancer_that_was_cut_off_keeps_its_nodes_and_is_right_when_the_cable_is_back() {
    let mut lan = Lan::new("cut");
    let join = [("SERF_JOIN", "10.77.0.1 10.77.0.2 10.77.0.42")];
    lan.start(42, "ha/services", &join);
    lan.start(1, "webapp/services", &join);
    lan.start(2, "webapp/services", &join);
    lan.wait_until_up(42, &["n1", "n2"]);
    let nodes = lan.state(42).join("nodes");
    lan.cable(42, "down");
    wait_for("both nodes to be lost", FAILURE, || {
        // Serf finds that they are lost one by one. None may be given up before it has found
        // the last.
        set_lost_since(&nodes, Duration::ZERO);
        (lost(&nodes).len() == 2).then_some(())
    });
    wait_for("the health checks to fail", SOON, || {
        lan.up(42).is_empty().then_some(())
    });
    lan.start(3, "webapp/services", &join);
    lan.cable(42, "up");
    lan.wait_for_agreement(42, &["n1", "n2", "n3"]);
}

#[test]
fn a_balancer_cut_off_from_half_or_most_of_its_nodes_serves_from_the_others() {
    let all = ["n1", "n2", "n3", "n4", "n5", "n6"];
    let mut lan = Lan::new("half");
    let join = [("SERF_JOIN", "10.77.0.1 10.77.0.4 10.77.0.42")];
    lan.start(42, "ha/services", &join);
    for number in 1..=3 {
        lan.start(number, "webapp/services", &join);
        lan.start_at(Switch::Far, number + 3, "webapp/services", &join);
    }
    lan.wait_for_agreement(42, &all);
    let load = lan.load(42);
    wait_for("connections to all nodes", SOON, || {
        (load.begun() > 200).then_some(())
    });
    lan.uplink("down");
    lan.wait_until_up(42, &all[..3]);
    let report = load.stop();
    // A request over each of the 16 connections that are kept can be in flight.
    assert!(report.failed() <= 16, "{report:?}");
    hold(&lan, &all[..3], &all[3..]);
    lan.cable(3, "down");
    hold(&lan, &all[..2], &all[2..]);
    let load = lan.load(42);
    set_lost_since(&lan.state(42).join("nodes"), EXPIRED);
    wait_for("the log to tell how it can be confirmed", SOON, || {
        lan.log(42).contains("NODES_MAX_LOST=100%").then_some(())
    });
    assert_eq!(node_files(&lan.state(42).join("nodes")), all);
    lan.cable(3, "up");
    lan.uplink("up");
    lan.wait_for_agreement(42, &all);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

/// Waits until Serf has found that those `away` are lost, whose files stay, while
/// each request is served by those that are `here`.
fn hold(lan: &Lan, here: &[&str], away: &[&str]) {
    lan.wait_until_up(42, here);
    let nodes = lan.state(42).join("nodes");
    let load = lan.load(42);
    wait_for(&format!("{away:?} to be lost"), FAILURE, || {
        // Serf finds that they are lost one by one. None may be given up before it has found
        // the last.
        set_lost_since(&nodes, Duration::ZERO);
        (lost(&nodes) == away).then_some(())
    });
    assert_eq!(node_files(&nodes), [here, away].concat());
    assert_eq!(lan.up(42), here);
    let report = load.stop();
    assert!(report.requests > 0);
    assert_eq!(report.failed(), 0, "{report:?}");
}
