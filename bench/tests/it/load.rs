//! `bench load` prints one line of JSON.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::{bench, run, text};

/// Answers every request with these words, until the tests end.
fn server(address: &str, answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &str) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    for line in reader.lines().map_while(Result::ok) {
        if line.is_empty() && stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
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
    let address = server(
        &harness::address("43.5:0"),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    );
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
    let address = server(
        &harness::address("43.6:0"),
        "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n",
    );
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
