//! Files with the fingerprint that haproxy-gen gives them, on the real HAProxy.

use std::collections::BTreeMap;

use crate::haproxy::{Haproxy, address};

/// Where HAProxy has each server.
fn addresses(haproxy: &Haproxy) -> BTreeMap<String, String> {
    let answer = haproxy.ask("show servers state nodes");
    let rows = answer.lines().skip(2).filter(|line| !line.is_empty());
    let server = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        (columns[3].to_owned(), columns[4].to_owned())
    };
    rows.map(server).collect()
}

#[test]
fn a_server_that_no_command_can_say_is_taken_over_by_a_reload() {
    let haproxy = Haproxy::start(93, &[1]);
    for option in ["check-sni a;b", "check-sni \"a b\""] {
        for number in [2, 3] {
            let mut config = haproxy.config(&[1]);
            let there = address(93, number);
            config.backend = format!("    server odd {there} {option}\n");
            let told = haproxy.change(&config);
            assert!(told.contains(": reload, since "), "{option}: {told}");
            assert_eq!(addresses(&haproxy)["odd"], there.ip().to_string());
            haproxy.assert_agrees();
            let status = haproxy.run(&["--status"]).stdout();
            assert!(status.contains("nodes/odd"), "{option}: {status}");
        }
    }
}
