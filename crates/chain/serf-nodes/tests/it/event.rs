//! One event from stdin and the environment.

use super::{Case, run};

const S1: [&str; 3] = ["s1", "10.0.0.1", "backend"];

#[test]
fn a_join_writes_the_labs_file() {
    let case = Case::new();
    assert_eq!(case.event("member-join", &[S1]).code, 0);
    assert_eq!(
        std::fs::read_to_string(case.path("nodes/s1")).unwrap(),
        "s1 10.0.0.1\n"
    );
}

#[test]
fn a_repeated_event_is_nothing_to_do() {
    let case = Case::with(&["s1 10.0.0.1"]);
    assert_eq!(case.event("member-join", &[S1]).code, 1);
    assert_eq!(case.event("member-update", &[S1]).code, 1);
}

#[test]
fn every_way_of_going_removes_a_node_at_once() {
    for event in ["member-leave", "member-failed", "member-reap"] {
        let case = Case::with(&["s1 10.0.0.1", "s2 10.0.0.2"]);
        assert_eq!(case.event(event, &[S1]).code, 0, "{event}");
        assert_eq!(case.nodes(), ["s2 10.0.0.2"]);
        assert_eq!(case.event(event, &[S1]).code, 1, "{event} again");
    }
}

#[test]
fn several_members_come_in_one_call_and_only_backends_are_nodes() {
    let case = Case::new();
    let members = [
        S1,
        ["ha", "10.0.0.42", "balancer"],
        ["s2", "10.0.0.2", "backend"],
    ];
    assert_eq!(case.event("member-join", &members).code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.2"]);
}

#[test]
fn a_node_that_exists_keeps_its_port_weight_and_service() {
    let case = Case::with(&["s1 10.0.0.9 port=8080 weight=5 service=api"]);
    assert_eq!(case.event("member-update", &[S1]).code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1 port=8080 weight=5 service=api"]);
}

#[test]
fn a_batch_without_a_backend_is_nothing_to_do() {
    let case = Case::new();
    let members = [["ha", "10.0.0.42", "balancer"], ["x", "10.0.0.1", ""]];
    assert_eq!(case.event("member-join", &members).code, 1);
    assert!(case.nodes().is_empty());
}

#[test]
fn user_events_and_queries_are_nothing_to_do() {
    let case = Case::new();
    for event in ["user", "query"] {
        assert_eq!(case.event(event, &[S1]).code, 1, "{event}");
    }
    assert!(case.nodes().is_empty() && case.log().is_empty());
}

#[test]
fn an_event_that_serf_does_not_have_is_misuse() {
    let case = Case::new();
    let unknown = case.event("member-joined\n", &[S1]);
    assert_eq!(unknown.code, 100);
    assert_eq!(
        unknown.stderr,
        "serf-nodes: 'member-joined\\n' in SERF_EVENT is no event of Serf's\n"
    );
    let missing = case.run(&[], "");
    assert_eq!(missing.code, 100);
    assert!(
        missing.stderr.contains("SERF_EVENT is not set"),
        "{}",
        missing.stderr
    );
}

#[test]
fn the_log_has_the_labs_lines_and_one_for_each_change() {
    let case = Case::new();
    case.event("member-join", &[S1]);
    case.event("member-update", &[["s1", "10.0.0.2", "backend"]]);
    let left = case.event("member-leave", &[["s1", "10.0.0.2", "backend"]]);
    assert_eq!(left.stderr, "serf-nodes: removed s1: member-leave\n");
    let log = case.log();
    let lines: Vec<&str> = log
        .lines()
        .map(|line| {
            line.split_once(" serf-nodes: ")
                .map_or(line, |(_, ours)| ours)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "Member join script triggered",
            "Member join event received from: s1 with role backend",
            "added s1 10.0.0.1",
            "Member leave/join script triggered",
            "Member member-update event received from: s1 with role backend",
            "changed s1 10.0.0.1 to s1 10.0.0.2",
            "Member leave/join script triggered",
            "Member member-leave event received from: s1 with role backend",
            "removed s1: member-leave",
        ]
    );
}

/// Applies a `member-join` of which one line alone is good, that of s1.
fn assert_s1_alone_joins(stdin: String, told: &str) {
    let case = Case::new();
    let ran = run(case
        .command()
        .env("SERF_EVENT", "member-join")
        .write_stdin(stdin));
    assert_eq!(
        (ran.code, case.nodes()),
        (0, vec!["s1 10.0.0.1".to_string()])
    );
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn lines_that_are_too_long_are_refused_and_the_good_ones_count() {
    let stdin = format!(
        "{}\t10.0.0.9\tbackend\t\ns1\t10.0.0.1\tbackend\t\n",
        "x".repeat(5000)
    );
    assert_s1_alone_joins(stdin, "refused a line of 5019 bytes");
}

#[test]
fn more_than_a_megabyte_is_refused_and_the_good_lines_before_it_count() {
    let filler = format!("x\t10.0.0.9\t\t{}\n", "t".repeat(4000)).repeat(300);
    let stdin = format!("s1\t10.0.0.1\tbackend\t\n{filler}s2\t10.0.0.2\tbackend\t\n");
    assert_s1_alone_joins(stdin, "longer than 1048576 bytes");
}

#[test]
fn an_event_ends_the_hold_of_its_node() {
    let case = Case::with(&["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"]);
    std::fs::create_dir(case.path("nodes/.lost")).unwrap();
    for event in ["member-leave", "member-update"] {
        case.put("nodes/.lost/s1", "2026-01-01T00:00:00.000Z\n");
        case.event(event, &[["s1", "10.0.0.1", "backend"]]);
        assert!(!case.path("nodes/.lost/s1").exists(), "{event}");
    }
}
