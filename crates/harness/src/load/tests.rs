//! The client asks servers that do as little as they must, and bad ones.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Connections, Load};
use crate::http::{self, Connection, Failure, Peer, Request, get};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// A server that gives each connection to `serve`, until the tests end.
fn server(serve: impl Fn(&mut Peer) + Send + Clone + 'static) -> SocketAddr {
    http::serve((crate::address("43.3"), 0), serve)
}

fn load(address: SocketAddr, connections: Connections) -> super::Report {
    Load {
        connections,
        ..Load::new(address, 200)
    }
    .run_for(Duration::from_millis(300))
}

fn only(report: &super::Report, failure: Failure) {
    assert!(report.requests > 0, "{report:?}");
    assert_eq!(report.failed(), report.requests, "{report:?}");
    assert_eq!(
        report.failures.keys().collect::<Vec<_>>(),
        [&failure],
        "{report:?}"
    );
}

fn good(peer: &mut Peer) {
    while peer.request().is_some() {
        peer.send(OK);
    }
}

#[test]
fn a_good_server_fails_nobody_whatever_becomes_of_the_connections() {
    let address = server(good);
    for connections in [
        Connections::KeepAlive,
        Connections::Close,
        Connections::Both,
    ] {
        let report = load(address, connections);
        assert_eq!(report.failed(), 0, "{report:?}");
        assert!(report.requests > 0, "{report:?}");
        assert!(report.p50() > Duration::ZERO && report.p50() <= report.max());
    }
}

#[test]
fn a_single_answer_can_be_fetched() {
    let response = get(server(good), "/path").unwrap();
    assert_eq!((response.status, response.text()), (200, "hi".to_string()));
}

#[test]
fn an_address_without_server_is_told() {
    let address = format!("{}:9", crate::address("43.4"));
    let error = get(address.parse().unwrap(), "/").unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        format!("get http://{address}/: refused")
    );
    let address = address.parse().unwrap();
    only(&load(address, Connections::Both), Failure::Refused);
}

#[test]
fn an_error_of_the_server_is_a_failure() {
    let address = server(|peer| {
        while peer.request().is_some() {
            peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        }
    });
    only(&load(address, Connections::Both), Failure::Status(503));
}

#[test]
fn a_connection_that_ends_before_its_answer_is_a_failure() {
    let nothing = server(|peer| {
        peer.request();
    });
    only(&load(nothing, Connections::Close), Failure::ClosedEarly);
    let half = server(|peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi");
    });
    only(&load(half, Connections::Close), Failure::ClosedEarly);
}

#[test]
fn a_kept_connection_that_ends_under_a_request_is_a_failure_of_its_own_kind() {
    let address = server(|peer| {
        peer.request();
        peer.send(OK);
        peer.request();
    });
    let report = load(address, Connections::KeepAlive);
    let kinds: Vec<_> = report.failures.keys().collect();
    assert_eq!(kinds, [&Failure::ClosedOnReuse], "{report:?}");
}

#[test]
fn a_kept_connection_that_ended_meanwhile_is_seen_before_it_is_used() {
    let address = server(|peer| {
        peer.request();
        peer.send(OK);
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut connection = Connection::open(address, deadline).unwrap();
    let request = Request {
        headers: "",
        ..Request::get("/")
    };
    let answer = connection.ask(&request, deadline).unwrap();
    assert_eq!(answer.status, 200);
    crate::wait_for("its end", Duration::from_secs(30), || {
        (!connection.is_open()).then_some(())
    });
}

#[test]
fn a_connection_is_given_up_when_the_server_says_so() {
    let address = server(|peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        peer.request();
    });
    let report = load(address, Connections::KeepAlive);
    assert_eq!(report.failed(), 0, "{report:?}");
}
