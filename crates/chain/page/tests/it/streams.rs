//! The streams: who gets them, and what they say.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::page::{LONG, Page};

/// An event of a stream.
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

/// A stream that is read.
pub(crate) struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Opens one, and returns the status beside it.
    pub(crate) fn ask(page: &Page, from: &str) -> (u16, Self) {
        let mut stream = TcpStream::connect(page.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // The older protocol has no chunks, so that each line is one of the stream's.
        let question = format!("GET /live?from={from} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        stream.write_all(question.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(stream));
        let status = stream.line().unwrap()[9..12].parse().unwrap();
        while !stream.line().unwrap().is_empty() {}
        (status, stream)
    }

    pub(crate) fn open(page: &Page, from: &str) -> Self {
        let (status, stream) = Self::ask(page, from);
        assert_eq!(status, 200);
        stream
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let line = line.strip_suffix('\n')?;
        Some(line.trim_end_matches('\r').to_owned())
    }

    /// The next event; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), String::new(), None);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("id", value)) => value.clone_into(&mut id),
                Some(("data", value)) => data = Some(value.to_owned()),
                Some(("retry", value)) => assert_eq!(value, "500"),
                _ => assert_eq!(line, ""),
            }
            if line.is_empty()
                && let Some(data) = data.take()
            {
                return Some(Event { name, id, data });
            }
        }
    }

    /// The next change that names this element.
    pub(crate) fn change_of(&mut self, element: &str) -> Value {
        let deadline = Instant::now() + LONG;
        loop {
            assert!(Instant::now() < deadline, "no change of {element}");
            let event = self.next().unwrap();
            if event.name == "change" && event.data.contains(element) {
                return serde_json::from_str(&event.data).unwrap();
            }
        }
    }
}

/// The name of the state that the page shows.
fn version(page: &Page) -> String {
    let html = page.get("/").text();
    let (_, rest) = html
        .split_once(r#"<meta name="version" content=""#)
        .unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[test]
fn a_stream_begins_with_everything_for_whoever_has_nothing() {
    let (page, _haproxy) = Page::start(41);
    let event = Stream::open(&page, "").next().unwrap();
    assert_eq!(event.name, "change");
    assert!(!event.id.is_empty());
    let change: Value = serde_json::from_str(&event.data).unwrap();
    let set = change["set"].as_array().unwrap();
    assert!(set.iter().any(|part| part[0] == "sentence"), "{set:?}");
    assert!(change["lists"]["nodes"].is_array());
}

#[test]
fn whoever_has_the_state_hears_that_the_page_lives() {
    let (page, _haproxy) = Page::start(42);
    let mut stream = Stream::open(&page, &version(&page));
    let is_time = |text: &str| {
        let parts: Vec<&str> = text.split(':').collect();
        parts.len() == 3 && parts.iter().all(|part| part.len() == 2)
    };
    let mut beats = 0;
    while beats < 3 {
        let event = stream.next().unwrap();
        // What time changes may change; the whole does not come again.
        assert!(!event.data.contains(r#""build""#), "{}", event.data);
        if event.name == "beat" {
            assert!(is_time(&event.data), "{}", event.data);
            beats += 1;
        }
    }
}

#[test]
fn a_node_that_joins_or_leaves_is_seen_at_once() {
    let (page, _haproxy) = Page::start(43);
    let mut streams = [Stream::open(&page, ""), Stream::open(&page, "")];
    for stream in &mut streams {
        stream.change_of("node-s1");
    }
    page.cluster.join("s2");
    let start = Instant::now();
    for stream in &mut streams {
        let change = stream.change_of("node-s2");
        let nodes = change["lists"]["nodes"].as_array().unwrap();
        assert!(nodes.contains(&Value::from("node-s2")), "{nodes:?}");
    }
    assert!(start.elapsed() < Duration::from_millis(2500));
    std::fs::remove_file(page.cluster.path("nodes/s2")).unwrap();
    for stream in &mut streams {
        // It says that it goes, until it is known why, or that nothing tells it.
        let change = stream.change_of(r#""nodes":["#);
        assert_eq!(change["lists"]["nodes"], serde_json::json!(["node-s1"]));
    }
}

#[test]
fn a_line_of_the_journal_is_seen_at_once() {
    let (page, _haproxy) = Page::start(44);
    let mut stream = Stream::open(&page, "");
    stream.change_of("node-s1");
    page.cluster.note(
        r#"{"t":1796000000.5,"run":"r1","step":"serf-nodes","code":0,"ms":1.2,"left":["s7"]}"#,
    );
    let change = stream.change_of("s7");
    let events = change["lists"]["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{change}");
}

#[test]
fn there_are_64_streams_and_the_next_one_is_refused_until_one_ends() {
    let (page, haproxy) = Page::start(45);
    let mut streams: Vec<Stream> = (0..64).map(|_| Stream::open(&page, "")).collect();
    assert_eq!(Stream::ask(&page, "").0, 503);
    assert_eq!(page.get("/").status, 200);
    for stream in &mut streams {
        stream.change_of("node-s1");
    }
    // They share what is read.
    let before = haproxy.asked();
    for _ in 0..2 {
        while streams[0].next().unwrap().name != "beat" {}
    }
    assert!(haproxy.asked() - before < 64, "{}", haproxy.asked());
    drop(streams.pop());
    harness::wait_for("a free place", LONG, || {
        (Stream::ask(&page, "").0 == 200).then_some(())
    });
}

#[test]
fn no_name_can_make_an_event_of_its_own() {
    let (page, _haproxy) = Page::start(46);
    let mut stream = Stream::open(&page, "");
    stream.change_of("node-s1");
    let evil = r"x\n\ndata: x\r\nevent: evil\u202e<img src=x onerror=alert(1)></script>";
    page.cluster.note(&format!(
        r#"{{"t":1796000000.5,"run":"r1","step":"serf-nodes","code":0,"ms":1.2,"left":["{evil}"]}}"#
    ));
    let change = stream.change_of("onerror");
    let text = change.to_string();
    assert!(
        !text.contains("<img") && !text.contains("</script"),
        "{text}"
    );
    assert!(!text.contains('\u{202e}'), "{text}");
    assert_eq!(
        stream.next().unwrap().name.replace("beat", "change"),
        "change"
    );
}
