//! The beginning and the end.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::haproxy::Haproxy;
use crate::page::{Cluster, Page, program};
use crate::streams::Stream;

#[test]
fn both_signals_end_it_with_0_within_a_second_whatever_is_open() {
    for (host, signal) in [(51, Signal::SIGTERM), (52, Signal::SIGINT)] {
        let (mut page, _haproxy) = Page::start(host);
        let mut read = Stream::open(&page, "");
        assert!(read.next().is_some());
        let stuck: Vec<Stream> = (0..30).map(|_| Stream::open(&page, "")).collect();
        let silent = TcpStream::connect(page.address).unwrap();
        let start = Instant::now();
        assert_eq!(page.end(signal).code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(10));
        while read.next().is_some() {}
        let said = format!("muster-page: listens on {}\n", page.address);
        assert_eq!(page.said(), said);
        drop((stuck, silent));
    }
}

#[test]
fn a_haproxy_that_does_not_answer_does_not_hold_up_the_end() {
    let cluster = Cluster::new();
    let haproxy = Haproxy::silent(&cluster.socket());
    let mut page = Page::of(cluster, 53, |_| ());
    let stream = Stream::open(&page, "");
    harness::wait_for("a question", crate::page::LONG, || {
        (haproxy.asked() > 0).then_some(())
    });
    let start = Instant::now();
    assert_eq!(page.end(Signal::SIGTERM).code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(stream);
}

#[test]
fn readiness_is_announced_once_it_listens() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    // This is descriptor 1, since the standard library gives a child no others.
    let page = Page::of(Cluster::new(), 54, |command| {
        command.args(["--ready-fd", "1"]);
        command.stdout(Stdio::from(OwnedFd::from(writer)));
    });
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"\n");
    assert_eq!(page.get("/").status, 200);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let address = format!("{}:1940", harness::address("66.55"));
    let _taken = TcpListener::bind(&address).unwrap();
    let output = program().args(["--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(111));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!("muster-page: listen on {address}: Address already in use (os error 98)\n")
    );
}
