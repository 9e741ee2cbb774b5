//! The client, against Serf's own agent and against what is none.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Owned, wait_for};
use serf_rpc::{Address, Client, Filter, NOT_LEFT, Stats, any_of, members};

/// A deadline that no load of the machine reaches.
const LONG: Duration = Duration::from_secs(60);

fn start(name: &str, ip: &str, more: &[&str]) -> Owned {
    let mut command = Command::new(harness::require("serf"));
    command.args(["agent", "-node", name, "-bind", ip]);
    command.arg(format!("-rpc-addr={ip}:7373")).args(more);
    Owned::spawn(&mut command).unwrap()
}

fn address(ip: &str) -> Address {
    format!("{ip}:7373").parse().unwrap()
}

fn connect(ip: &str) -> anyhow::Result<Client> {
    Client::connect(&address(ip), None, LONG)
}

fn stats(ip: &str) -> anyhow::Result<Stats> {
    connect(ip)?.stats()
}

/// The names of those that a filter lets through, sorted.
fn names(ip: &str, filter: &Filter) -> Vec<String> {
    let list = connect(ip).unwrap().members_filtered(filter).unwrap();
    let list = members(&list).unwrap();
    let mut names: Vec<_> = list
        .iter()
        .map(|member| String::from_utf8_lossy(member.name.0).into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn an_agent_is_asked_for_itself_and_for_some_of_its_members() {
    let (ha, s1) = (harness::address("65.1"), harness::address("65.2"));
    let _ha = start("ha", &ha, &["-tag", "role=balancer"]);
    let join = format!("-retry-join={ha}");
    let more = [&join, "-retry-interval=1s", "-tag=role=backend"];
    let _s1 = start("s1.a", &s1, &more);
    wait_for("two members", LONG, || {
        stats(&ha).ok().filter(|stats| stats.members == 2)
    });
    let status = |status: &str| Filter {
        status: status.to_owned(),
        ..Filter::default()
    };
    assert_eq!(names(&ha, &status(NOT_LEFT)), ["ha", "s1.a"]);
    assert_eq!(names(&ha, &status("left")), [""; 0]);
    let name = Filter {
        name: any_of([&b"s1.a"[..], b"s1|ha"]),
        ..Filter::default()
    };
    assert_eq!(names(&ha, &name), ["s1.a"]);
    let tag = Filter {
        tags: [("role".to_owned(), "balancer".to_owned())].into(),
        ..Filter::default()
    };
    assert_eq!(names(&ha, &tag), ["ha"]);
    let mut client = connect(&ha).unwrap();
    assert_eq!(members(&client.members().unwrap()).unwrap().len(), 2);
    assert_eq!(client.stats().unwrap().name, b"ha");
}

/// What asking tells of somebody who does `serve` with the first connection.
fn told(host: &str, limit: Duration, serve: fn(TcpStream)) -> String {
    let ip = harness::address(host);
    let listener = TcpListener::bind(format!("{ip}:7373")).unwrap();
    let serves = std::thread::spawn(move || serve(listener.accept().unwrap().0));
    let client = Client::connect(&address(&ip), None, limit);
    let error = client.and_then(|mut client| client.stats()).unwrap_err();
    serves.join().unwrap();
    format!("{error:#}")
}

#[test]
fn who_says_nothing_or_one_byte_at_a_time_is_not_waited_for() {
    let limit = Duration::from_millis(300);
    let begin = Instant::now();
    let silent = told("65.11", limit, |stream| {
        let mut taken = Vec::new();
        let _ = std::io::Read::read_to_end(&mut &stream, &mut taken);
    });
    assert_eq!(silent, "the agent has not answered within 300ms");
    let slow = told("65.12", limit, |mut stream| {
        // A map of 8 million entries, byte for byte, each of them in time.
        let head = [0xdf, 0, 0x7f, 0xff, 0xff];
        let bytes = head.into_iter().chain(std::iter::repeat(0xc0));
        for byte in bytes {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    assert_eq!(slow, "the agent has not answered within 300ms");
    assert!(begin.elapsed() < LONG);
}

#[test]
fn what_is_no_agent_is_told_so() {
    let web = told("65.21", LONG, |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert!(web.starts_with("understand the agent's answer: "), "{web}");
    let huge = told("65.22", LONG, |mut stream| {
        let _ = stream.write_all(&[0xdb, 0xff, 0xff, 0xff, 0xff]);
    });
    assert_eq!(huge, "the agent sent a message of more than 33554432 bytes");
    let nobody = connect(&harness::address("65.23")).err().unwrap();
    assert!(format!("{nobody:#}").contains("Connection refused"));
}
