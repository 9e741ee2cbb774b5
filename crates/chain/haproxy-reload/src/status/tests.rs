use proptest::prelude::*;

use std::path::Path;

use super::cluster::NodeState;
use super::table::summary;
use super::*;
use crate::plan::tests::model::any_situation;
use crate::plan::tests::plan;
use crate::plan::tests::state;

fn wanted() -> Wanted {
    let file = "backend nodes\n server s1 127.0.0.1:1 check weight 10\n\
                server s2 127.0.0.2:1 check weight 10\n server s4 127.0.0.4:1 check weight 10\n";
    Wanted::parse(file.as_bytes())
}

fn running() -> Running {
    let servers = [
        ("s1", state("127.0.0.1:1", 10)),
        ("s2", state("127.0.0.9:1", 10)),
        ("s3", state("127.0.0.3:1", 10)),
    ];
    let servers = servers.map(|(name, state)| (name.to_owned(), state));
    let backends = BTreeMap::from([("nodes".to_owned(), BTreeMap::from(servers))]);
    Running {
        version: "2.6.12".to_owned(),
        pid: 7,
        backends,
        ..Running::default()
    }
}

fn rows(wanted: &Wanted, running: &Running, counters: &BTreeMap<String, Stat>) -> Vec<Row> {
    let known = Known::new(wanted, None, running);
    let comparison = Comparison {
        wanted,
        running,
        known,
    };
    comparison.rows(counters)
}

fn report() -> Report {
    let stat = Stat {
        status: "UP".to_owned(),
        since: 61,
        check: "L7OK 200".to_owned(),
        sessions: 2,
        requests: 1234,
        ..Stat::default()
    };
    let stats = BTreeMap::from([("nodes/s1".to_owned(), stat)]);
    Report {
        well: None,
        chain: Chain::default(),
        nodes: Counts::default(),
        haproxy: "2.6.12".to_owned(),
        pid: 7,
        uptime: 3700,
        file: "haproxy.cfg".to_owned(),
        agrees: false,
        next: vec!["add nodes/s4 127.0.0.4:1 weight 10".to_owned()],
        later: vec!["delete nodes/s3 when its last connection has ended".to_owned()],
        retry_in: 4,
        reload_in: 0,
        uncompared: false,
        notes: vec!["the agent of nodes/s1, or a person, has set: drain".to_owned()],
        servers: rows(&wanted(), &running(), &stats),
    }
}

#[test]
fn each_server_is_compared_with_the_file() {
    let servers = report().servers;
    let file: Vec<_> = servers
        .iter()
        .map(|row| (row.server.as_str(), row.file))
        .collect();
    let expected = [
        ("nodes/s1", "same"),
        ("nodes/s2", "differs"),
        ("nodes/s3", "left"),
        ("nodes/s4", "new"),
    ];
    assert_eq!(file, expected);
}

#[test]
fn the_table_is_aligned_and_says_what_comes_next() {
    let expected = "\
chain: no run is recorded in /nodes
HAProxy 2.6.12, worker 7, up 1h 1m 40s: differs from haproxy.cfg
  next: add nodes/s4 127.0.0.4:1 weight 10
  later: delete nodes/s3 when its last connection has ended
  this file was refused; tried again in 4 s
  note: the agent of nodes/s1, or a person, has set: drain
SERVER    ADDRESS      WEIGHT  STATE  SINCE  CHECK     SESSIONS  REQUESTS  ERRORS  FILE
nodes/s1  127.0.0.1:1      10  UP     1m 1s  L7OK 200         2      1234       0  same
nodes/s2  127.0.0.9:1      10  -      0s     -                0         0       0  127.0.0.2:1 weight 10
nodes/s3  127.0.0.3:1      10  -      0s     -                0         0       0  left
nodes/s4  127.0.0.4:1      10  -      0s     -                0         0       0  new
";
    assert_eq!(table(Path::new("/nodes"), &report()), expected);
}

/// A report on a chain whose runs are recorded.
fn recorded() -> Report {
    let mut report = report();
    report.well = Some(false);
    report.chain = Chain {
        recorded: true,
        last_run: Some(3),
        ..Chain::default()
    };
    report.nodes = Counts {
        all: 2,
        serve: 1,
        problems: vec!["1 node is lost: s2".to_owned()],
    };
    report.servers.truncate(3);
    let said = |state, words: &str| {
        let (name, words) = ("s".to_owned(), words.to_owned());
        Some(Said { name, state, words })
    };
    report.servers[0].node = said(NodeState::Serves, "serves");
    report.servers[1].node = said(NodeState::Lost, "lost, goes in 12s: it has failed");
    report.servers.push(Row {
        server: "s5\nnodes/s6".to_owned(),
        node: said(NodeState::Left, "left 41s ago"),
        ..Row::absent()
    });
    report
}

#[test]
fn what_the_chain_knows_comes_first_and_stands_in_the_rows() {
    let expected = "\
chain: each step works, last run 3s ago; 1 of 2 nodes serves
nodes: 1 node is lost: s2
HAProxy 2.6.12, worker 7, up 1h 1m 40s: differs from haproxy.cfg
  next: add nodes/s4 127.0.0.4:1 weight 10
  later: delete nodes/s3 when its last connection has ended
  this file was refused; tried again in 4 s
  note: the agent of nodes/s1, or a person, has set: drain
SERVER        ADDRESS      WEIGHT  STATE  SINCE  CHECK     SESSIONS  REQUESTS  ERRORS  FILE                   NODE
nodes/s1      127.0.0.1:1      10  UP     1m 1s  L7OK 200         2      1234       0  same                   serves
nodes/s2      127.0.0.9:1      10  -      0s     -                0         0       0  127.0.0.2:1 weight 10  lost, goes in 12s: it has failed
nodes/s3      127.0.0.3:1      10  -      0s     -                0         0       0  left                   -
s5\\nnodes/s6  -                 -  -      0s     -                0         0       0  -                      left 41s ago
";
    assert_eq!(table(Path::new("/nodes"), &recorded()), expected);
}

#[test]
fn the_words_of_a_failure_are_indented_and_the_end_says_what_is_well() {
    let mut report = recorded();
    report.chain.problems = vec!["haproxy-gen fails since 5s (100): line 3\n| x\n".to_owned()];
    report.nodes.problems.clear();
    let text = table(Path::new("/nodes"), &report);
    let begin = "chain: haproxy-gen fails since 5s (100): line 3\n  | x\nHAProxy ";
    assert!(text.starts_with(begin), "{text}");
    for (well, exit) in [
        (Some(true), Exit::Changed),
        (Some(false), Exit::Unchanged),
        (None, Exit::Changed),
    ] {
        assert_eq!(
            Report {
                well,
                ..self::report()
            }
            .exit(),
            exit
        );
    }
}

#[test]
fn what_is_not_compared_is_not_said_to_agree() {
    let agrees = Report {
        agrees: true,
        next: Vec::new(),
        ..report()
    };
    let text = summary(&agrees);
    assert!(text.contains(": agrees with haproxy.cfg\n"), "{text}");
    let text = summary(&Report {
        uncompared: true,
        ..agrees
    });
    assert!(
        text.contains(": agrees, as far as they are compared, with haproxy.cfg\n"),
        "{text}"
    );
}

#[test]
fn a_worker_that_does_not_answer_is_told_as_such() {
    let text = summary(&Report { pid: 0, ..report() });
    let expected = "HAProxy's worker does not answer: differs from haproxy.cfg\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_json_holds_the_same() {
    let json = serde_json::to_value(report()).unwrap();
    assert_eq!(json["servers"][0]["requests"], 1234);
    assert_eq!(json["servers"][3]["address"], serde_json::Value::Null);
    assert_eq!(json["agrees"], false);
}

#[test]
fn a_server_whose_check_somebody_disabled_differs_in_its_row_too() {
    let mut running = running();
    running
        .backends
        .get_mut("nodes")
        .unwrap()
        .get_mut("s1")
        .unwrap()
        .checked = false;
    let rows = rows(&wanted(), &running, &BTreeMap::new());
    assert_eq!(
        (rows[0].server.as_str(), rows[0].file),
        ("nodes/s1", "differs")
    );
}

#[test]
fn a_server_of_another_form_that_does_not_run_is_a_row_too() {
    let file = "backend nodes\n server s1 127.0.0.1:1 check-sni a;b\n";
    let rows = rows(
        &Wanted::parse(file.as_bytes()),
        &Running::default(),
        &BTreeMap::new(),
    );
    assert_eq!(
        (rows[0].server.as_str(), rows[0].file),
        ("nodes/s1", "fixed")
    );
}

proptest! {
    /// The first line of the report and its rows never contradict each other.
    #[test]
    fn each_step_of_the_plan_is_a_row_that_differs(
        (wanted, running) in any_situation(),
    ) {
        let plan = plan(&wanted, None, &running);
        let rows = rows(&wanted, &running, &BTreeMap::new());
        let differing = || rows.iter().filter(|row| row.file != "same");
        for step in plan.steps.iter().chain(&plan.leaves) {
            let server = step.commands[0].split(' ').nth(2).unwrap();
            prop_assert!(differing().any(|row| row.server == server), "{}", step.text);
        }
        let agrees = plan.to_string().is_empty();
        prop_assert!(agrees || differing().count() > 0);
        prop_assert!(!agrees || differing().all(|row| row.file == "left"));
    }
}

#[test]
fn the_words_of_a_server_steer_no_terminal() {
    let mut report = recorded();
    report.chain.problems = vec!["a failure\u{1b}[2J".to_owned()];
    report.servers[0].check = "L7STS \u{1b}[2J\u{9b}2J\u{7f}".to_owned();
    for (json, shown) in [
        (false, r"L7STS \u{1b}[2J\u{9b}2J\u{7f}"),
        (true, r"L7STS \u001b[2J\u009b2J\u007f"),
    ] {
        let text = printed(Path::new("/nodes"), &report, json).unwrap();
        assert!(text.contains(shown), "{text}");
        let steers = |it: char| it.is_control() && it != '\n';
        assert!(!text.contains(steers), "{text:?}");
    }
}
