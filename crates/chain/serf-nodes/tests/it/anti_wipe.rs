//! A member list that is wrong costs no node.

use super::{Case, Ran, backend};

fn three() -> Case {
    Case::with(&["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"])
}

fn follow(case: &Case, states: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let members: Vec<String> = states
        .iter()
        .map(|(name, status)| {
            let ip = format!("10.0.0.{}", &name[1..]);
            backend(name, &ip, status)
        })
        .collect();
    case.follow(&members, arguments)
}

/// Makes it look as if the node had been lost long ago.
fn date_back(case: &Case, name: &str) {
    case.put(&format!("nodes/.lost/{name}"), "2020-01-01T00:00:00.000Z\n");
}

#[test]
fn a_failed_node_is_held_and_removed_when_its_time_is_over() {
    let case = three();
    let states = [("s1", "alive"), ("s2", "alive"), ("s3", "failed")];
    let held = follow(&case, &states, &[]);
    assert_eq!(held.code, 1);
    assert_eq!(
        held.stderr,
        "serf-nodes: s3 is lost: it has failed; it stays for 30s at least\n"
    );
    assert!(case.path("nodes/.lost/s3").exists());
    let waiting = follow(&case, &states, &[]);
    assert_eq!((waiting.code, waiting.stderr.as_str()), (1, ""));
    date_back(&case, "s3");
    let removed = follow(&case, &states, &[]);
    assert_eq!(removed.code, 0);
    assert_eq!(
        removed.stderr,
        "serf-nodes: removed s3: lost for 30s, it has failed\n"
    );
    assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.2"]);
    assert!(!case.path("nodes/.lost/s3").exists());
}

#[test]
fn the_moment_at_which_a_hold_ends_can_be_read() {
    let case = three();
    let due = case.path("nodes/.due");
    let unix_time = || {
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
    };
    let states = [("s1", "alive"), ("s2", "alive"), ("s3", "failed")];
    let before = unix_time();
    follow(&case, &states, &["--hold", "70s"]);
    let moment = std::fs::read_to_string(&due).unwrap();
    let seconds: f64 = moment.trim_end().parse().unwrap();
    let expected = before + 69.99..=unix_time() + 70.01;
    assert!(expected.contains(&seconds), "{seconds} {expected:?}");
    follow(&case, &states, &["--hold", "70s"]);
    assert_eq!(std::fs::read_to_string(&due).unwrap(), moment);

    let most = [("s1", "alive"), ("s2", "failed"), ("s3", "failed")];
    follow(&case, &most, &["--hold", "70s"]);
    assert!(!due.exists());
    follow(&case, &states, &["--hold", "70s"]);
    assert_eq!(std::fs::read_to_string(&due).unwrap(), moment);
    follow(&case, &states, &["--hold", "0s"]);
    assert!(!due.exists());
}

#[test]
fn a_node_that_is_absent_is_held_and_told_when_it_is_back() {
    let case = three();
    let absent = follow(&case, &[("s1", "alive"), ("s2", "alive")], &[]);
    assert!(
        absent
            .stderr
            .contains("s3 is lost: it is not in the member list")
    );
    let back = follow(
        &case,
        &[("s1", "alive"), ("s2", "alive"), ("s3", "alive")],
        &[],
    );
    assert_eq!(
        (back.code, back.stderr.as_str()),
        (1, "serf-nodes: s3 is back\n")
    );
    assert!(!case.path("nodes/.lost/s3").exists());
}

#[test]
fn without_a_hold_a_lost_node_goes_at_once() {
    let case = three();
    let states = [("s1", "alive"), ("s2", "alive"), ("s3", "failed")];
    assert_eq!(follow(&case, &states, &["--hold", "0s"]).code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.2"]);
}

#[test]
fn nodes_that_leave_go_at_once() {
    let case = three();
    let states = [("s1", "leaving"), ("s2", "left"), ("s3", "left")];
    assert_eq!(follow(&case, &states, &[]).code, 0);
    assert!(case.nodes().is_empty());
}

#[test]
fn when_most_nodes_are_lost_all_stay_and_it_is_told_once_how_to_confirm_it() {
    let case = three();
    let states = [("s1", "alive"), ("s2", "failed"), ("s3", "failed")];
    let doubted = follow(&case, &states, &["--hold", "0s"]);
    let told = "2 of 3 nodes are lost (s2, s3), more than 50%: all of them stay. \
                If they are gone for good: \
                NODES_MAX_LOST=100% NODES_HOLD=0s member-event sync";
    assert!(doubted.stderr.contains(told), "{}", doubted.stderr);
    assert!(case.log().contains(told));
    for _ in 0..3 {
        let again = follow(&case, &states, &["--hold", "0s"]);
        assert_eq!((again.code, again.stderr.as_str()), (1, ""));
    }
    assert_eq!(case.nodes().len(), 3);

    let confirmed = follow(&case, &states, &["--hold", "0s", "--max-lost", "100%"]);
    assert_eq!(confirmed.code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
}

#[test]
fn the_share_can_be_set() {
    let case = three();
    let states = [("s1", "alive"), ("s2", "failed"), ("s3", "failed")];
    assert_eq!(
        follow(&case, &states, &["--hold", "0s", "--max-lost", "70%"]).code,
        0
    );
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
}

#[test]
fn an_agent_that_lists_itself_alone_removes_nothing() {
    let case = three();
    let alone = follow(&case, &[], &["--hold", "0s", "--max-lost", "100%"]);
    assert_eq!(alone.code, 1);
    assert_eq!(
        alone.stderr,
        "serf-nodes: the member list has nobody but the agent itself: all nodes stay\n"
    );
    assert_eq!(follow(&case, &[], &["--hold", "0s"]).stderr, "");
    assert_eq!(case.nodes().len(), 3);
}

#[test]
fn an_empty_list_removes_nothing() {
    for text in [r#"{"members": null}"#, r#"{"members": []}"#] {
        let case = three();
        let ran = case.run(&["--members", "-", "--hold", "0s"], text);
        assert_eq!((ran.code, case.nodes().len()), (1, 3), "{text}");
    }
}

#[test]
fn the_time_alone_does_not_count_as_lost() {
    let case = three();
    follow(&case, &[], &[]);
    assert!(!case.path("nodes/.lost").exists());
}

#[test]
fn a_node_whose_tags_no_longer_fit_is_held_like_a_lost_one() {
    let case = three();
    let members = [
        backend("s1", "10.0.0.1", "alive"),
        backend("s2", "10.0.0.2", "alive"),
        super::tagged("s3", "10.0.0.3", "alive", r#","weight":"x""#),
    ];
    let ran = case.follow(&members, &[]);
    assert!(
        ran.stderr.contains("refused s3: the weight 'x'"),
        "{}",
        ran.stderr
    );
    assert_eq!(case.nodes().len(), 3);
    date_back(&case, "s3");
    assert_eq!(case.follow(&members, &[]).code, 0);
    assert_eq!(case.nodes().len(), 2);
}
