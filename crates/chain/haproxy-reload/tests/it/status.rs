//! `--status` on a HAProxy that works.

use crate::haproxy::{Haproxy, address, front};
use crate::node::{self, Node};

#[test]
fn the_table_shows_each_server_with_its_requests() {
    let _node = Node::start("s1", address(90, 1));
    let haproxy = Haproxy::start(90, &[1]);
    haproxy.wait_for_status("s1", "UP");
    for _ in 0..3 {
        node::get(front(90), "/").unwrap();
    }
    haproxy.write(&haproxy.config(&[1, 2]));
    let run = haproxy.run(&["--status"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let text = run.stdout();
    assert!(text.contains(": differs from "), "{text}");
    let next = format!("next: add nodes/s2 {} weight 100", address(90, 2));
    assert!(text.contains(&next), "{text}");
    let row = text
        .lines()
        .find(|line| line.starts_with("nodes/s1"))
        .unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[1..4], [&*address(90, 1).to_string(), "100", "UP"]);
    assert_eq!(words.last(), Some(&"same"));
    assert!(row.contains("L7OK 200"), "{row}");
    assert!(row.contains("  3  "), "{row}");
}

#[test]
fn programs_get_the_same_as_json() {
    let haproxy = Haproxy::start(91, &[1]);
    let run = haproxy.run(&["--status", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&run.0.stdout).unwrap();
    assert_eq!(json["agrees"], true);
    assert_eq!(json["pid"], haproxy.worker());
    assert_eq!(json["servers"][0]["server"], "nodes/s1");
    assert_eq!(json["servers"][0]["file"], "same");
}

#[test]
fn a_file_that_cannot_be_used_does_not_hide_what_runs() {
    let haproxy = Haproxy::start(92, &[1]);
    haproxy.write_bytes(b"");
    let run = haproxy.run(&["--status"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(run.stdout().contains("it is empty"), "{}", run.stdout());
    assert!(run.stdout().contains("nodes/s1"), "{}", run.stdout());
}
