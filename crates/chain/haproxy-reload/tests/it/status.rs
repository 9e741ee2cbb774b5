//! `--status` on a HAProxy that works.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use files::{Durability, Moment};
use journal::{Facts, Failing, Line, Lost, State};

use crate::haproxy::{Haproxy, Run, address, front};
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

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

fn write(path: &Path, text: &str) {
    files::replace(path, text.as_bytes(), Durability::Unsynced).unwrap();
}

/// What the chain leaves where a run with these facts has just succeeded.
fn state(facts: Facts) -> State {
    State {
        run: "a-1".to_owned(),
        begin: now() - 0.5,
        end: Some(now()),
        moment: Moment::now().map(|moment| moment.to_string()),
        success: Some(now()),
        facts,
        ..State::default()
    }
}

/// The text of that moment.
fn a_minute_ago() -> String {
    let now = Moment::now().unwrap().to_string();
    let (seconds, rest) = now.split_once('.').unwrap();
    let seconds: u64 = seconds.parse().unwrap();
    format!("{}.{rest}", seconds.checked_sub(60).unwrap())
}

fn leave(haproxy: &Haproxy, state: &State) {
    let text = serde_json::to_string(state).unwrap();
    write(&haproxy.nodes().join(".state"), &text);
}

fn put_node(haproxy: &Haproxy, number: u8) {
    let ip = address(haproxy.test, number).ip();
    let name = format!("s{number}");
    write(&haproxy.nodes().join(&name), &format!("{name} {ip}\n"));
}

/// `--status` with the journal of this HAProxy.
fn status(haproxy: &Haproxy, arguments: &[&str]) -> Run {
    let mut command = haproxy.command(&["--status"]);
    command
        .args(arguments)
        .env("MUSTER_JOURNAL", haproxy.path("muster.jsonl"));
    Run(command.output().unwrap())
}

fn row<'a>(text: &'a str, server: &str) -> &'a str {
    let is_its = |line: &&str| line.split(' ').next() == Some(server);
    text.lines().find(is_its).unwrap_or_default()
}

#[test]
fn all_is_well_where_the_chain_runs_and_each_node_serves() {
    let _node = Node::start("s1", address(138, 1));
    let haproxy = Haproxy::start(138, &[1]);
    haproxy.wait_for_status("s1", "UP");
    let unrecorded = status(&haproxy, &[]).stdout();
    let begin = format!(
        "chain: no run is recorded in {}\n",
        haproxy.nodes().display()
    );
    assert!(unrecorded.starts_with(&begin), "{unrecorded}");
    assert!(!unrecorded.contains("NODE"), "{unrecorded}");
    put_node(&haproxy, 1);
    leave(&haproxy, &state(Facts::default()));
    let run = status(&haproxy, &[]);
    let text = run.stdout();
    assert_eq!(run.code(), 0, "{text}");
    assert!(text.starts_with("chain: all well, last run "), "{text}");
    assert!(text.contains("; 1 of 1 node serves\n"), "{text}");
    assert!(row(&text, "nodes/s1").ends_with(" same  serves"), "{text}");
    let run = status(&haproxy, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&run.0.stdout).unwrap();
    assert_eq!((run.code(), &json["well"]), (0, &true.into()));
    assert_eq!(json["nodes"]["serve"], 1);
    assert_eq!(json["servers"][0]["node"]["state"], "serves");
}

#[test]
fn a_chain_that_fails_or_does_not_run_is_not_well_though_haproxy_agrees() {
    let _node = Node::start("s1", address(139, 1));
    let haproxy = Haproxy::start(139, &[1]);
    haproxy.wait_for_status("s1", "UP");
    put_node(&haproxy, 1);
    let mut failing = state(Facts::default());
    let failure = Failing {
        since: now() - 27.5,
        code: 100,
        error: "check it: HAProxy refuses it:\n  line 3\u{1b}[2J".to_owned(),
    };
    failing.failing.insert("haproxy-gen".to_owned(), failure);
    leave(&haproxy, &failing);
    let run = status(&haproxy, &[]);
    let text = run.stdout();
    assert_eq!(run.code(), 1, "{text}");
    assert!(
        text.starts_with("chain: haproxy-gen fails since 2"),
        "{text}"
    );
    assert!(
        text.contains(" (100): check it: HAProxy refuses it:\n    line 3\\u{1b}[2J\n"),
        "{text}"
    );
    assert!(text.contains(": agrees with "), "{text}");
    write(&haproxy.nodes().join(".state"), "{");
    let run = status(&haproxy, &[]);
    assert_eq!(run.code(), 1);
    assert!(
        run.stdout()
            .starts_with("chain: read the state of the chain "),
        "{}",
        run.stdout()
    );
    let mut old = state(Facts::default());
    old.moment = Some(a_minute_ago());
    leave(&haproxy, &old);
    let run = status(&haproxy, &[]);
    assert_eq!(run.code(), 1, "{}", run.stdout());
    assert!(
        run.stdout().starts_with("chain: no run for 1m"),
        "{}",
        run.stdout()
    );
    assert_eq!(status(&haproxy, &["--again", "30s"]).code(), 0);
}

fn one_lost_and_one_refused() -> Facts {
    let lost = Lost {
        since: now() - 10.0,
        until: Some(now() + 100.0),
        why: "it has failed".to_owned(),
    };
    let refused = journal::Refused {
        name: "x".to_owned(),
        address: "0.0.0.0".to_owned(),
        why: "no node is at 0.0.0.0".to_owned(),
    };
    Facts {
        lost: BTreeMap::from([("s2".to_owned(), lost)]),
        refused: vec![refused],
        refused_all: 1,
        ..Facts::default()
    }
}

#[test]
fn a_node_that_is_lost_left_died_refused_or_not_taken_says_so_in_its_row() {
    let _nodes = [1, 2].map(|number| Node::start("s", address(140, number)));
    let haproxy = Haproxy::start(140, &[1, 2, 3, 4]);
    haproxy.wait_for_status("s2", "UP");
    haproxy.wait_for_status("s1", "UP");
    haproxy.assert_agrees();
    haproxy.change(&haproxy.config(&[1, 2]));
    for number in [1, 2, 5] {
        put_node(&haproxy, number);
    }
    leave(&haproxy, &state(one_lost_and_one_refused()));
    let line = Line {
        t: now() - 41.0,
        step: "serf-nodes".to_owned(),
        left: vec!["s3".to_owned()],
        died: vec!["s4".to_owned()],
        why: BTreeMap::from([("s4".to_owned(), "it did not come back".to_owned())]),
        ..Line::default()
    };
    let line = serde_json::to_string(&line).unwrap() + "\n";
    write(&haproxy.path("muster.jsonl"), &line);
    let run = status(&haproxy, &[]);
    let text = run.stdout();
    assert_eq!(run.code(), 1, "{text}");
    assert!(
        text.starts_with("chain: each step works, last run "),
        "{text}"
    );
    for (server, end) in [
        ("nodes/s1", "same  serves"),
        ("s5", "-     not yet in HAProxy"),
        ("x", "-     refused: no node is at 0.0.0.0"),
    ] {
        assert!(row(&text, server).ends_with(end), "{server}: {text}");
    }
    assert!(
        row(&text, "nodes/s2").contains(" same  lost, goes in 1m 3"),
        "{text}"
    );
    // From 3.0 on HAProxy deletes the servers of those who are gone.
    let gone = |name: &str| {
        let is_its = |line: &&str| line.starts_with(&format!("{name} "));
        let server = || row(&text, &format!("nodes/{name}"));
        text.lines().find(is_its).unwrap_or_else(server)
    };
    assert!(gone("s3").contains("  left 4"), "{text}");
    assert!(
        gone("s4").ends_with("s ago: it did not come back"),
        "{text}"
    );
    for problem in [
        "1 node is lost: s2",
        "1 node does not serve yet: s5",
        "1 member is refused: x",
    ] {
        assert!(text.contains(&format!("nodes: {problem}\n")), "{text}");
    }
}

#[test]
fn where_no_haproxy_answers_the_chain_is_told_all_the_same() {
    let haproxy = Haproxy::new(141);
    haproxy.write(&haproxy.config(&[1]));
    leave(&haproxy, &state(Facts::default()));
    let run = status(&haproxy, &[]);
    assert_eq!(run.code(), 111);
    assert!(
        run.stdout()
            .starts_with("chain: each step works, last run "),
        "{}",
        run.stdout()
    );
    assert_eq!(status(&haproxy, &["--json"]).stdout(), "");
}
