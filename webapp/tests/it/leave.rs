//! A node that leaves, while the balancer has not heard of it.

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::node::{LONG, Node};

#[test]
fn a_leaving_node_fails_its_health_check_and_serves_all_else() {
    let node = Node::plain(21);
    assert_eq!(node.head().status, 200);
    node.signal(Signal::SIGUSR1);
    wait_for("the health check to fail", LONG, || {
        (node.head().status == 503).then_some(())
    });
    assert_eq!(node.get("").status, 200);
    assert_eq!(node.delay(r#"{"delay": 0}"#).status, 200);
}

#[test]
fn a_node_that_did_not_end_after_all_comes_back() {
    let node = Node::plain(22);
    node.signal(Signal::SIGUSR1);
    wait_for("the health check to fail", LONG, || {
        (node.head().status == 503).then_some(())
    });
    wait_for("the health check to pass again", LONG, || {
        (node.head().status == 200).then_some(())
    });
}

#[test]
fn a_leaving_node_ends_like_any_other() {
    let mut node = Node::plain(23);
    node.signal(Signal::SIGUSR1);
    wait_for("the health check to fail", LONG, || {
        (node.head().status == 503).then_some(())
    });
    node.signal(Signal::SIGTERM);
    assert_eq!(node.wait().code(), Some(0));
}
