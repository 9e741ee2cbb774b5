//! When only servers change, commands are enough, and there is no reload.

use harness::wait_for;

use crate::haproxy::{Haproxy, PATIENCE, address, front};
use crate::node::{self, Node};

fn node(test: u8, number: u8) -> Node {
    Node::start(&format!("s{number}"), address(test, number))
}

fn get(test: u8) -> String {
    node::get(front(test), "/").unwrap_or_default()
}

fn wait_until_served_by(test: u8, name: &str) {
    wait_for(&format!("{name} to serve"), PATIENCE, || {
        (get(test) == name).then_some(())
    });
}

#[test]
fn where_nothing_differs_nothing_is_done() {
    let haproxy = Haproxy::start(1, &[1, 2]);
    haproxy.assert_agrees();
    haproxy.assert_agrees();
}

#[test]
fn a_node_that_joins_serves_without_a_reload() {
    let _nodes = [node(2, 1), node(2, 2)];
    let haproxy = Haproxy::start(2, &[1]);
    let worker = haproxy.worker();
    let told = haproxy.change(&haproxy.config(&[1, 2]));
    let added = format!("add nodes/s2 {} weight 100 (", address(2, 2));
    assert!(
        told.starts_with(&format!("haproxy-reload: {added}")),
        "{told}"
    );
    wait_until_served_by(2, "s2");
    haproxy.assert_agrees();
    assert_eq!(haproxy.worker(), worker);
}

#[test]
fn the_first_node_of_an_empty_backend_serves() {
    let _node = node(3, 1);
    let haproxy = Haproxy::start(3, &[]);
    haproxy.change(&haproxy.config(&[1]));
    wait_until_served_by(3, "s1");
    haproxy.assert_agrees();
}

#[test]
fn a_node_that_left_gets_no_request_any_more() {
    let nodes = [node(4, 1), node(4, 2)];
    let haproxy = Haproxy::start(4, &[1, 2]);
    let worker = haproxy.worker();
    haproxy.change(&haproxy.config(&[1]));
    let before = nodes[1].requests();
    for _ in 0..10 {
        assert_eq!(get(4), "s1");
    }
    assert_eq!(nodes[1].requests(), before);
    assert_eq!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn what_left_is_in_maintenance_or_from_3_0_on_deleted() {
    let haproxy = Haproxy::start(5, &[1, 2]);
    haproxy.change(&haproxy.config(&[1]));
    let status = haproxy.stat("s2", "status");
    if harness::haproxy::Haproxy::release().unwrap() >= (3, 0) {
        assert_eq!(status, None);
    } else {
        assert_eq!(status.as_deref(), Some("MAINT"));
    }
}

#[test]
fn a_long_request_survives_the_removal_of_its_node() {
    let node = node(6, 1);
    let haproxy = Haproxy::start(6, &[1]);
    haproxy.wait_for_status("s1", "UP");
    let slow = std::thread::spawn(|| node::get(front(6), "/slow"));
    wait_for("the request to arrive", PATIENCE, || {
        (node.requests() > 0).then_some(())
    });
    haproxy.change(&haproxy.config(&[]));
    assert_eq!(slow.join().unwrap().unwrap(), "s1");
    haproxy.run(&[]);
    haproxy.assert_agrees();
}

#[test]
fn a_retired_name_that_returns_is_used_again_at_its_new_address() {
    let _nodes = [node(7, 1), node(7, 2)];
    let haproxy = Haproxy::start(7, &[1]);
    haproxy.change(&haproxy.config(&[]));
    let mut config = haproxy.config(&[1]);
    config.servers[0].address = address(7, 2);
    config.servers[0].weight = 7;
    haproxy.change(&config);
    wait_until_served_by(7, "s2");
    assert_eq!(haproxy.stat("s1", "weight").as_deref(), Some("7"));
    haproxy.assert_agrees();
}

#[test]
fn an_address_changes_without_a_reload() {
    let _nodes = [node(8, 1), node(8, 2)];
    let haproxy = Haproxy::start(8, &[1]);
    let worker = haproxy.worker();
    wait_until_served_by(8, "s1");
    let mut config = haproxy.config(&[1]);
    config.servers[0].address = address(8, 2);
    let told = haproxy.change(&config);
    let moved = format!("set nodes/s1 address {} (", address(8, 2));
    assert!(told.contains(&moved), "{told}");
    assert!(told.contains("set nodes/s1 into use ("), "{told}");
    wait_until_served_by(8, "s2");
    assert_eq!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn a_weight_changes_and_zero_drains() {
    let nodes = [node(9, 1), node(9, 2)];
    let haproxy = Haproxy::start(9, &[1, 2]);
    haproxy.wait_for_status("s1", "UP");
    haproxy.wait_for_status("s2", "UP");
    let mut config = haproxy.config(&[1, 2]);
    config.servers[1].weight = 0;
    haproxy.change(&config);
    let before = nodes[1].requests();
    (0..10).for_each(|_| assert_eq!(get(9), "s1"));
    assert_eq!(nodes[1].requests(), before);
    config.servers[1].weight = 256;
    haproxy.change(&config);
    wait_until_served_by(9, "s2");
    haproxy.assert_agrees();
}

#[test]
fn a_node_gets_no_request_before_its_check_passed() {
    let nodes = [node(10, 1), node(10, 2)];
    let haproxy = Haproxy::start(10, &[1]);
    nodes[1].set_sick(true);
    haproxy.change(&haproxy.config(&[1, 2]));
    (0..30).for_each(|_| assert_eq!(get(10), "s1"));
    nodes[1].set_sick(false);
    wait_until_served_by(10, "s2");
    assert_eq!(nodes[1].early_requests(), 0);
}

#[test]
fn a_node_that_moves_gets_no_request_before_its_check_passed() {
    let nodes = [node(11, 1), node(11, 2), node(11, 3)];
    let haproxy = Haproxy::start(11, &[1, 3]);
    nodes[1].set_sick(true);
    let mut config = haproxy.config(&[1, 3]);
    config.servers[0].address = address(11, 2);
    haproxy.change(&config);
    (0..30).for_each(|_| assert_eq!(get(11), "s3"));
    nodes[1].set_sick(false);
    wait_until_served_by(11, "s2");
    assert_eq!(nodes[1].early_requests(), 0);
}

#[test]
fn a_check_of_the_old_address_does_not_promote_the_new_one() {
    let nodes = [node(16, 1), node(16, 2), node(16, 3)];
    let haproxy = Haproxy::start(16, &[1, 3]);
    let mut config = haproxy.config(&[1, 3]);
    config.servers[0].address = address(16, 2);
    nodes[0].slow_down_checks();
    nodes[1].set_sick(true);
    nodes[0].wait_for_check(true);
    haproxy.change(&config);
    nodes[0].wait_for_check(false);
    (0..30).for_each(|_| assert_eq!(get(16), "s3"));
    nodes[1].set_sick(false);
    wait_until_served_by(16, "s2");
    assert_eq!(nodes[1].early_requests(), 0);
}

#[test]
fn nor_does_it_when_the_name_left_in_between() {
    let nodes = [node(17, 1), node(17, 2), node(17, 3)];
    let haproxy = Haproxy::start(17, &[1, 3]);
    let mut config = haproxy.config(&[1, 3]);
    config.servers[0].address = address(17, 2);
    nodes[0].slow_down_checks();
    nodes[1].set_sick(true);
    nodes[0].wait_for_check(true);
    haproxy.change(&haproxy.config(&[3]));
    haproxy.change(&config);
    nodes[0].wait_for_check(false);
    (0..30).for_each(|_| assert_eq!(get(17), "s3"));
    nodes[1].set_sick(false);
    wait_until_served_by(17, "s2");
    assert_eq!(nodes[1].early_requests(), 0);
}

#[test]
fn counters_survive_joins_and_leaves() {
    let _node = node(12, 1);
    let haproxy = Haproxy::start(12, &[1]);
    wait_until_served_by(12, "s1");
    (0..5).for_each(|_| assert_eq!(get(12), "s1"));
    let count = || haproxy.stat("s1", "stot").unwrap().parse::<u64>().unwrap();
    let before = count();
    assert!(before >= 5);
    for numbers in [&[1, 2][..], &[1, 2, 3], &[1, 3], &[1]] {
        haproxy.change(&haproxy.config(numbers));
    }
    assert!(count() >= before);
}

#[test]
fn what_somebody_did_by_hand_is_put_right() {
    let haproxy = Haproxy::start(13, &[1, 2]);
    let worker = haproxy.worker();
    haproxy.ask("add server nodes/mine 127.0.0.1:1");
    haproxy.ask("set server nodes/mine state ready");
    haproxy.ask("set server nodes/s1 state maint");
    haproxy.ask("set server nodes/s2 addr 127.0.0.1 port 9");
    haproxy.ask("set server nodes/s2 weight 3; set server nodes/s2 state drain");
    assert_eq!(haproxy.run(&[]).code(), 0);
    haproxy.assert_agrees();
    let state = haproxy.ask("show servers state nodes");
    assert!(!state.contains("127.0.0.1 0 0"), "{state}");
    assert_eq!(haproxy.worker(), worker);
}

#[test]
fn two_hundred_nodes_join_and_leave_at_once() {
    let haproxy = Haproxy::start(14, &[1]);
    let worker = haproxy.worker();
    let mut config = haproxy.config(&[1]);
    for number in 0..200 {
        let mut line = config.line(2);
        line.name = format!("n{number}");
        config.servers.push(line);
    }
    let told = haproxy.change(&config);
    assert!(told.contains("; 195 more ("), "{told}");
    haproxy.change(&haproxy.config(&[1]));
    haproxy.run(&[]);
    haproxy.change(&config);
    haproxy.assert_agrees();
    assert_eq!(haproxy.worker(), worker);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let haproxy = Haproxy::start(15, &[1]);
    assert_eq!(haproxy.run(&["--dry-run"]).code(), 1);
    haproxy.write(&haproxy.config(&[2]));
    let run = haproxy.run(&["--dry-run"]);
    assert_eq!(run.code(), 0);
    let text = run.stdout();
    let plan = format!(
        "add nodes/s2 {} weight 100\nretire nodes/s1\n",
        address(15, 2)
    );
    assert!(text.starts_with(&plan), "{text}");
    assert_eq!(haproxy.stat("s2", "status"), None);
}
