//! `bench load` prints one line of JSON.

use std::net::SocketAddr;

use harness::http;
use serde_json::Value;

use crate::{bench, run, text};

/// Answers every request with this status and body, until the tests end.
fn server(host: &str, status: &'static str, body: &'static str) -> SocketAddr {
    http::serve((harness::address(host), 0), move |peer| {
        while peer.request().is_some() {
            peer.answer(status, body);
        }
    })
}

fn load(address: SocketAddr, option: &str) -> (Option<i32>, Value) {
    let url = format!("http://{address}/");
    let output = run(bench()
        .args(["load", "--rate", "100", "--seconds", "1", option])
        .args(["--url", &url]));
    let told = text(&output.stdout);
    assert_eq!(told.lines().count(), 1, "{output:?}");
    (output.status.code(), serde_json::from_str(&told).unwrap())
}

#[test]
fn a_load_without_failures_is_done() {
    let address = server("43.5", "200 OK", "hi");
    for option in ["--keep-alive", "--close", "--both"] {
        let (code, told) = load(address, option);
        assert_eq!(
            (code, &told["failed"]),
            (Some(0), &Value::from(0)),
            "{told}"
        );
        assert!(told["requests"].as_u64() > Some(0), "{told}");
        assert!(told["p99_ms"].as_f64() >= told["p50_ms"].as_f64(), "{told}");
    }
}

#[test]
fn failures_are_counted_by_kind_and_decide_the_exit_code() {
    let address = server("43.6", "502 Bad", "");
    let (code, told) = load(address, "--both");
    assert_eq!(code, Some(1), "{told}");
    assert_eq!(told["failures"]["status 502"], told["requests"], "{told}");
}

#[test]
fn nobody_there_is_a_failure_as_well() {
    let (code, told) = load(harness::address("43.7:9").parse().unwrap(), "--both");
    assert_eq!(code, Some(1), "{told}");
    assert_eq!(told["failures"]["refused"], told["requests"], "{told}");
}

#[test]
fn a_name_instead_of_an_address_is_used_wrongly() {
    let output = run(bench().args(["load", "--url", "http://localhost/"]));
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    assert!(
        text(&output.stderr).contains("http://IP:PORT/"),
        "{output:?}"
    );
}
