//! Clients that are slow, stuck or many.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::page::{LONG, Page};
use crate::streams::Stream;

fn connect(page: &Page, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(page.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

#[test]
fn a_hundred_clients_that_do_not_read_slow_nobody_down() {
    let (page, _haproxy) = Page::start(31);
    let live = "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let ask = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let stuck: Vec<TcpStream> = (0..100)
        .map(|n| connect(&page, if n < 60 { live } else { ask }))
        .collect();
    let mut stream = Stream::open(&page, "");
    for n in 2..30 {
        page.cluster.join(&format!("s{n}"));
        let start = Instant::now();
        stream.change_of(&format!("node-s{n}"));
        assert!(start.elapsed() < Duration::from_millis(2500), "{n}");
    }
    drop(stuck);
}

#[test]
fn whoever_says_nothing_or_says_it_slowly_is_left() {
    let (page, _haproxy) = Page::start(32);
    let mut silent = connect(&page, "");
    let mut slow = connect(&page, "GET / HTTP/1.1\r\nHo");
    let mut asked = connect(&page, "GET /page.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let start = Instant::now();
    for stream in [&mut silent, &mut slow, &mut asked] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert_eq!(page.get("/").status, 200);
}

#[test]
fn what_is_too_long_to_be_a_request_ends_the_connection() {
    let (page, _haproxy) = Page::start(33);
    let mut stream = connect(&page, "GET /");
    let part = [b'a'; 1 << 12];
    // The other side has closed at some time.
    let sent = (0..1000).take_while(|_| stream.write_all(&part).is_ok());
    assert!(sent.count() < 1000);
    assert_eq!(page.get("/").status, 200);
}

#[test]
fn more_connections_than_there_may_be_wait_until_others_end() {
    let (page, _haproxy) = Page::start(34);
    let many: Vec<TcpStream> = (0..300).map(|_| connect(&page, "")).collect();
    assert_eq!(page.get("/").status, 200);
    drop(many);
}
