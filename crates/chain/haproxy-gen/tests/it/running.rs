//! The shipped template in a running HAProxy.

use std::net::SocketAddr;

use harness::haproxy::{Haproxy, ask_at};
use harness::http::{self, Response};
use harness::{Owned, address};

use crate::fixture::Fixture;

const TEMPLATE: &str = include_str!("../../../../../ha/config/haproxy.cfg.tera");

/// Of the addresses that are this process's own, one for each number.
fn ip(host: u8) -> String {
    address(&format!("140.{host}"))
}

/// The line of a node at such an address.
fn node_line(name: &str, host: u8) -> String {
    format!("{name} {}", ip(host))
}

/// A HAProxy with what the shipped template makes of some nodes. It ends with the value.
struct Running {
    fixture: Fixture,
    haproxy: Haproxy,
    ip: String,
    _process: Owned,
}

impl Running {
    /// At the address with this number, with these nodes at theirs.
    fn start(host: u8, nodes: &[(&str, u8)]) -> Self {
        let ip = ip(host);
        let lines: Vec<String> = nodes
            .iter()
            .map(|(name, host)| node_line(name, *host))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let fixture = Fixture::with_nodes(TEMPLATE, &lines);
        assert_eq!(fixture.run(&[]).code, Some(0));
        let haproxy = Haproxy::new(&fixture.path("etc"), &*ip);
        Self {
            _process: haproxy.start().unwrap(),
            fixture,
            haproxy,
            ip,
        }
    }

    fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip.parse().unwrap(), port)
    }

    fn get(&self, port: u16, path: &str) -> Response {
        http::get(self.at(port), path).unwrap()
    }

    fn ask(&self, question: &str) -> String {
        ask_at(self.at(9999), question).unwrap()
    }
}

/// A web server that answers every request with its headers.
fn serve(host: u8) {
    http::serve((ip(host), 3000), |peer| {
        while let Some(head) = peer.request() {
            peer.answer("200 OK", &head);
        }
    });
}

#[test]
fn without_a_node_it_answers_503() {
    let running = Running::start(21, &[]);
    let answer = running.get(8080, "/");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("503 Service Unavailable"));
}

#[test]
fn requests_reach_a_node_and_say_where_they_came_from() {
    serve(3);
    let running = Running::start(2, &[("s1", 3)]);
    let answer = running.get(8080, "/");
    assert_eq!(answer.status, 200);
    let head = answer.text().to_ascii_lowercase();
    assert!(head.contains("x-forwarded-port: 8080"), "{head}");
    assert!(head.contains("x-forwarded-for: 127."), "{head}");
}

#[test]
fn a_request_to_a_dead_node_goes_to_one_that_lives() {
    serve(5);
    let nodes = [("s1", 5), ("s2", 6), ("s3", 7)];
    let running = Running::start(4, &nodes);
    for _ in 0..10 {
        assert_eq!(running.get(8080, "/").status, 200);
    }
}

#[test]
fn the_statistics_show_names_and_metrics() {
    let running = Running::start(8, &[("web-1", 9)]);
    assert!(running.get(1936, "/").text().contains("web-1"));
    let metrics = running.get(1936, "/metrics").text();
    let line = "haproxy_server_status{proxy=\"nodes\",server=\"web-1\"";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn the_command_line_on_the_network_is_for_looking_only() {
    let running = Running::start(10, &[("s1", 11)]);
    let answer = running.ask("show servers state");
    assert!(
        answer.contains(&format!(" {} ", node_line("s1", 11))),
        "{answer}"
    );
    let answer = running.ask("disable server nodes/s1");
    assert!(answer.contains("Permission denied"), "{answer}");
}

#[test]
fn the_running_process_carries_the_fingerprint_of_its_file() {
    let running = Running::start(12, &[]);
    let answer = running.haproxy.ask("show env CONFIG_FINGERPRINT").unwrap();
    let value = answer.trim().strip_prefix("CONFIG_FINGERPRINT=").unwrap();
    let line = format!("    setenv CONFIG_FINGERPRINT {value}\n");
    assert!(running.fixture.config().contains(&line), "{answer}");
}
