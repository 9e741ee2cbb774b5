//! At the end, requests in flight are finished, and idle connections are closed.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::node::{Node, address};

#[test]
fn both_signals_end_it_with_0() {
    for (host, signal) in [(31, Signal::SIGTERM), (32, Signal::SIGINT)] {
        let mut node = Node::plain(host);
        node.signal(signal);
        assert_eq!(node.wait().code(), Some(0));
        assert_eq!(
            node.said(),
            format!("webapp: listens on {}\n", address(host))
        );
    }
}

#[test]
fn requests_in_flight_are_finished_and_their_connections_closed() {
    let mut node = Node::start(33, |command| {
        command.args(["--grace", "10min"]);
    });
    let mut connection = node.connect();
    connection.send("GET", "/", "", "");
    assert_eq!(connection.answer().status, 200);
    node.delay(r#"{"delay": 5000}"#);
    connection.send("GET", "/", "", "");
    let mut fresh = node.connect();
    fresh.send("GET", "/", "", "");
    node.wait_for_connections(2);

    node.signal(Signal::SIGTERM);
    for connection in [&mut connection, &mut fresh] {
        let answer = connection.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), Some("close"));
        connection.closed();
    }
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn whoever_had_reached_it_before_the_signal_is_served() {
    let mut node = Node::plain(37);
    assert_eq!(node.head().status, 200);
    // While it is stopped it accepts nothing, and then it finds all connections and the signal
    // at once.
    node.signal(Signal::SIGSTOP);
    let mut connections: Vec<_> = (0..50).map(|_| node.connect()).collect();
    for connection in &mut connections {
        connection.send("GET", "/", "", "");
    }
    node.signal(Signal::SIGTERM);
    node.signal(Signal::SIGCONT);
    for connection in &mut connections {
        assert_eq!(connection.answer().status, 200);
    }
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let mut node = Node::start(34, |command| {
        command.args(["--grace", "10min"]);
    });
    let mut spoke = node.connect();
    spoke.send("GET", "/", "", "");
    assert_eq!(spoke.answer().status, 200);
    let mut silent = node.connect();
    node.wait_for_connections(2);

    node.signal(Signal::SIGTERM);
    spoke.closed();
    silent.closed();
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn a_request_that_takes_too_long_is_cut_and_told() {
    let mut node = Node::start(35, |command| {
        command.args(["--grace", "200ms"]);
    });
    node.delay(r#"{"delay": 3600000}"#);
    let mut connection = node.connect();
    connection.send("GET", "/", "", "");
    node.wait_for_connections(1);
    let before = Instant::now();
    node.signal(Signal::SIGTERM);
    connection.closed();
    assert!(before.elapsed() >= Duration::from_millis(150));
    assert_eq!(node.wait().code(), Some(0));
    assert!(
        node.said()
            .contains("webapp: cuts requests that took longer than 200ms\n")
    );
}

#[test]
fn a_second_signal_changes_nothing() {
    let mut node = Node::plain(36);
    node.delay(r#"{"delay": 1500}"#);
    let mut connection = node.connect();
    connection.send("GET", "/", "", "");
    node.wait_for_connections(1);
    for signal in [
        Signal::SIGTERM,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGUSR1,
    ] {
        node.signal(signal);
    }
    assert_eq!(connection.answer().status, 200);
    assert_eq!(node.wait().code(), Some(0));
}
