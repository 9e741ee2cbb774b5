//! No request is lost while the membership changes.

use std::time::{Duration, Instant};

use harness::{load, wait};

use crate::haproxy::{Config, Haproxy, address, front};
use crate::node::Node;

/// Requests a second.
const RATE: u32 = 500;
const LENGTH: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(100);
/// So many changes are made even where the machine is so busy that they take longer.
const LEAST_TURNS: usize = 8;

/// Changes the file every 100 ms, and runs haproxy-reload each time.
fn change_under_load(test: u8, arguments: &[&str], change: impl Fn(&mut Config, usize)) {
    let _nodes: Vec<Node> = (1..=4)
        .map(|n| Node::start(&format!("s{n}"), address(test, n)))
        .collect();
    let haproxy = Haproxy::start(test, &[1, 2]);
    haproxy.wait_for_status("s1", "UP");
    haproxy.wait_for_status("s2", "UP");
    let load = load::start(front(test), RATE);
    let begin = Instant::now();
    let mut turns = 0;
    while begin.elapsed() < LENGTH || turns < LEAST_TURNS {
        let numbers: &[u8] = [&[1, 2, 3][..], &[1, 3], &[1, 3, 4], &[1, 2]][turns % 4];
        let mut config = haproxy.config(numbers);
        change(&mut config, turns);
        haproxy.write(&config);
        let run = haproxy.run(arguments);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        turns += 1;
        wait::pass_until(begin + EVERY * u32::try_from(turns).unwrap());
    }
    let report = load.stop();
    assert_eq!((report.failed(), report.ended_idle), (0, 0), "{report:?}");
    assert!(report.requests > 100, "{report:?}");
}

#[test]
fn no_request_is_lost_while_nodes_join_and_leave() {
    change_under_load(80, &[], |_, _| {});
}

#[test]
fn no_request_is_lost_while_haproxy_reloads() {
    change_under_load(81, &["--full"], |config, turn| {
        config.variant = Some(turn.to_string());
    });
}
