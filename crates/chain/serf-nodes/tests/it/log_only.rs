//! `--log-only` writes the lab's lines, and nothing in `/nodes`.

use super::{Case, run};

fn log_only(case: &Case, event: &str, stdin: &str) -> i32 {
    let mut command = case.command();
    run(command
        .arg("--log-only")
        .env("SERF_EVENT", event)
        .write_stdin(stdin))
    .code
}

const LINES: &str = "s1\t10.0.0.1\tbackend\trole=backend\nha\t10.0.0.42\tbalancer\t\n";

#[test]
fn a_join_has_its_own_lines() {
    let case = Case::new();
    assert_eq!(log_only(&case, "member-join", LINES), 0);
    assert_eq!(
        case.log(),
        "Member join script triggered\n\
         Member join event received from: s1 with role backend\n\
         Member join event received from: ha with role balancer\n"
    );
    assert!(case.nodes().is_empty());
}

#[test]
fn every_other_member_event_is_named_in_its_lines() {
    for event in [
        "member-leave",
        "member-failed",
        "member-update",
        "member-reap",
    ] {
        let case = Case::with(&["s1 10.0.0.1"]);
        assert_eq!(log_only(&case, event, LINES), 0);
        let expected = format!(
            "Member leave/join script triggered\n\
             Member {event} event received from: s1 with role backend\n\
             Member {event} event received from: ha with role balancer\n"
        );
        assert_eq!(case.log(), expected);
        assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
    }
}

#[test]
fn events_that_are_not_about_members_leave_no_line() {
    let case = Case::new();
    for event in ["user", "query"] {
        assert_eq!(log_only(&case, event, LINES), 0, "{event}");
    }
    assert_eq!(case.log(), "");
}

#[test]
fn an_unknown_event_is_misuse() {
    assert_eq!(log_only(&Case::new(), "member-joined", LINES), 100);
}

#[test]
fn a_log_that_cannot_be_written_is_a_failure() {
    let case = Case::new();
    let mut command = case.command();
    let missing = case.path("missing/serf.log");
    command
        .env("SERF_LOG", &missing)
        .env("SERF_EVENT", "member-join");
    let ran = run(command.arg("--log-only").write_stdin(LINES));
    assert_eq!(ran.code, 111);
    let expected = format!("serf-nodes: write the log {}: ", missing.display());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
}

#[test]
fn nodes_need_not_exist() {
    let case = Case::new();
    std::fs::remove_dir(case.path("nodes")).unwrap();
    assert_eq!(log_only(&case, "member-join", LINES), 0);
}
