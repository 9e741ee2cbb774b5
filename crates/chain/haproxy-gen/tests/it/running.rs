//! The shipped template in a running HAProxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::fixture::Fixture;

const DEADLINE: Duration = Duration::from_secs(30);
const TEMPLATE: &str = include_str!("../../../../../ha/config/haproxy.cfg.tera");

/// Of the addresses that are this process's own, one for each number.
fn ip(host: u8) -> String {
    harness::address(&format!("140.{host}"))
}

/// The file of a node at such an address.
fn node_line(name: &str, host: u8) -> String {
    format!("{name} {}", ip(host))
}

/// A HAProxy on an address of its own, ended with the value.
struct Running {
    fixture: Fixture,
    ip: String,
    process: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
        let process = Command::new(harness::require("haproxy"))
            .arg("-db")
            .arg("-f")
            .arg(fixture.output())
            .env("HAPROXY_HTTP", format!("{ip}:8080"))
            .env("HAPROXY_STATS", format!("{ip}:1936"))
            .env("HAPROXY_CLI_BIND", format!("{ip}:9999"))
            .env("HAPROXY_SOCKET", fixture.path("haproxy.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self {
            fixture,
            ip,
            process,
        };
        harness::wait_for("HAProxy to listen", DEADLINE, || {
            running.try_ask(8080, "GET / HTTP/1.0\r\n\r\n")
        });
        running
    }

    fn try_ask(&self, port: u16, question: &str) -> Option<String> {
        let address = SocketAddr::new(self.ip.parse().unwrap(), port);
        let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(question.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    fn ask(&self, port: u16, question: &str) -> String {
        self.try_ask(port, question).expect("an answer of HAProxy")
    }

    fn get(&self, port: u16, path: &str) -> String {
        self.ask(port, &format!("GET {path} HTTP/1.0\r\n\r\n"))
    }
}

/// A web server that answers every request with its headers.
fn serve(host: u8) {
    let listener = TcpListener::bind((ip(host), 3000)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let head = "HTTP/1.0 200 OK\r\n\r\n".as_bytes();
            let _ = stream.write_all(&[head, &request[..length]].concat());
        }
    });
}

#[test]
fn without_a_node_it_answers_503() {
    let running = Running::start(21, &[]);
    assert!(running.get(8080, "/").contains(" 503 Service Unavailable"));
}

#[test]
fn requests_reach_a_node_and_say_where_they_came_from() {
    serve(3);
    let running = Running::start(2, &[("s1", 3)]);
    let answer = running.get(8080, "/").to_ascii_lowercase();
    assert!(answer.starts_with("http/1.0 200 "), "{answer}");
    assert!(answer.contains("x-forwarded-port: 8080"), "{answer}");
    assert!(answer.contains("x-forwarded-for: 127."), "{answer}");
}

#[test]
fn a_request_to_a_dead_node_goes_to_one_that_lives() {
    serve(5);
    let nodes = [("s1", 5), ("s2", 6), ("s3", 7)];
    let running = Running::start(4, &nodes);
    for _ in 0..10 {
        assert!(running.get(8080, "/").starts_with("HTTP/1.0 200 "));
    }
}

#[test]
fn the_statistics_show_names_and_metrics() {
    let running = Running::start(8, &[("web-1", 9)]);
    assert!(running.get(1936, "/").contains("web-1"));
    let metrics = running.get(1936, "/metrics");
    let line = "haproxy_server_status{proxy=\"nodes\",server=\"web-1\"";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn the_command_line_on_the_network_is_for_looking_only() {
    let running = Running::start(10, &[("s1", 11)]);
    let answer = running.ask(9999, "show servers state\n");
    assert!(
        answer.contains(&format!(" {} ", node_line("s1", 11))),
        "{answer}"
    );
    let answer = running.ask(9999, "disable server nodes/s1\n");
    assert!(answer.contains("Permission denied"), "{answer}");
}

#[test]
fn the_running_process_carries_the_fingerprint_of_its_file() {
    let running = Running::start(12, &[]);
    let socket = running.fixture.path("haproxy.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.write_all(b"show env CONFIG_FINGERPRINT\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let value = answer.trim().strip_prefix("CONFIG_FINGERPRINT=").unwrap();
    let line = format!("    setenv CONFIG_FINGERPRINT {value}\n");
    assert!(running.fixture.config().contains(&line), "{answer}");
}
