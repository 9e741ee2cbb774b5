//! `--members`: `/nodes` follows the list.

use std::fs;

use super::{Case, backend, list, run, tagged};

#[test]
fn nodes_follow_the_living_backends_with_their_tags() {
    let case = Case::with(&["s1 10.0.0.9", "s3 10.0.0.3"]);
    let members = [
        tagged(
            "s1",
            "10.0.0.1",
            "alive",
            r#","port":"8080","weight":"50","service":"api""#,
        ),
        backend("s2", "10.0.0.2", "alive"),
        backend("s3", "10.0.0.3", "left"),
    ];
    let ran = case.follow(&members, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stderr,
        "serf-nodes: changed s1 10.0.0.9 to s1 10.0.0.1 port=8080 weight=50 service=api\n\
         serf-nodes: added s2 10.0.0.2\n\
         serf-nodes: removed s3: it has left\n"
    );
    assert_eq!(
        case.nodes(),
        ["s1 10.0.0.1 port=8080 weight=50 service=api", "s2 10.0.0.2"]
    );
    let again = case.follow(&members, &[]);
    assert_eq!((again.code, again.stderr.as_str()), (1, ""));
}

#[test]
fn the_list_may_come_from_a_file() {
    let case = Case::new();
    case.put("list", &list(&[backend("s1", "10.0.0.1", "alive")]));
    let path = case.path("list");
    let ran = case.run(&["--members", path.to_str().unwrap()], "");
    assert_eq!(
        (ran.code, case.nodes()),
        (0, vec!["s1 10.0.0.1".to_string()])
    );
}

#[test]
fn a_list_of_serf_is_followed_as_it_is() {
    let case = Case::new();
    let text = include_str!("../fixtures/members.json");
    let ran = case.run(&["--members", "-", "--allow-loopback"], text);
    assert_eq!(
        (ran.code, case.nodes()),
        (0, vec!["s1 127.0.47.2 port=8080".to_string()])
    );
}

#[test]
fn a_tag_that_goes_leaves_the_file_as_well() {
    let case = Case::with(&["s1 10.0.0.1 weight=0 rack=b1"]);
    assert_eq!(
        case.follow(&[backend("s1", "10.0.0.1", "alive")], &[]).code,
        0
    );
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
}

#[test]
fn ipv6_and_mapped_addresses_are_written_in_canonical_form() {
    let case = Case::new();
    let members = [
        backend("v4", "[::ffff:10.0.0.1]", "alive"),
        backend("v6", "[fd77:0::2]", "alive"),
    ];
    assert_eq!(case.follow(&members, &[]).code, 0);
    assert_eq!(case.nodes(), ["v4 10.0.0.1", "v6 fd77::2"]);
}

#[test]
fn one_refused_member_is_told_once_and_stops_nobody() {
    let case = Case::new();
    let members = [
        backend("s1", "10.0.0.1", "alive"),
        backend("../../x", "10.0.0.2", "alive"),
        tagged("s3", "10.0.0.3", "alive", r#","port":"0""#),
    ];
    let ran = case.follow(&members, &[]);
    assert_eq!(
        (ran.code, case.nodes()),
        (0, vec!["s1 10.0.0.1".to_string()])
    );
    let refused = [
        "serf-nodes: refused a member: the name '../../x' has characters",
        "serf-nodes: refused s3: the port '0' is not 1 to 65535\n",
    ];
    for text in refused {
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    let again = case.follow(&members, &[]);
    assert_eq!((again.code, again.stderr.as_str()), (1, ""));
    case.follow(&members[..1], &[]);
    assert!(case.follow(&members, &[]).stderr.contains("refused s3"));
}

#[test]
fn a_list_that_cannot_be_read_changes_nothing_and_may_be_right_later() {
    let case = Case::with(&["s1 10.0.0.1"]);
    for (text, why) in [
        ("", "it is empty, so `serf members` has failed"),
        ("{\"members\": [", "EOF"),
        (
            "Error connecting to Serf agent",
            "not what `serf members -format=json` prints",
        ),
    ] {
        let ran = case.run(&["--members", "-"], text);
        assert_eq!(ran.code, 111, "{text}");
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    assert_eq!(case.run(&["--members", "/nonexistent"], "").code, 111);
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
}

#[test]
fn a_file_that_is_no_node_is_told_and_one_of_a_member_is_made_whole() {
    let case = Case::new();
    case.put("nodes/s1", "s1 10.0.0.1\r\n");
    case.put("nodes/s9~", "s9 10.0.0.9\n");
    let ran = case.follow(&[backend("s1", "10.0.0.1", "alive")], &[]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr.contains("nodes/s9~ is not a node"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("nodes/s1 is"), "{}", ran.stderr);
    assert_eq!(
        fs::read_to_string(case.path("nodes/s1")).unwrap(),
        "s1 10.0.0.1\n"
    );
}

#[test]
fn what_a_killed_run_left_is_put_right() {
    let case = Case::with(&["s1 10.0.0.1"]);
    fs::create_dir(case.path("nodes/.lost")).unwrap();
    case.put("nodes/.s2.new", "s2 10.0");
    case.put("nodes/.lost/.s1.new", "20");
    case.put("nodes/.lost/gone", "2026-01-01T00:00:00.000Z\n");
    let ran = case.follow(&[backend("s1", "10.0.0.1", "alive")], &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    for left in ["nodes/.s2.new", "nodes/.lost/.s1.new", "nodes/.lost/gone"] {
        assert!(!case.path(left).exists(), "{left}");
    }
}

#[test]
fn the_mode_of_a_file_stays() {
    use std::os::unix::fs::PermissionsExt;
    let case = Case::with(&["s1 10.0.0.9"]);
    let path = case.path("nodes/s1");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    case.follow(&[backend("s1", "10.0.0.1", "alive")], &[]);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn runs_at_the_same_moment_wait_for_each_other() {
    let case = Case::new();
    let lock = nodes::Nodes::new(case.path("nodes")).lock().unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| case.follow(&[backend("s1", "10.0.0.1", "alive")], &[]).code))
            .collect();
        assert!(case.nodes().is_empty());
        drop(lock);
        let mut codes: Vec<i32> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 1, 1]);
    });
}

#[test]
fn an_event_in_the_environment_does_not_matter() {
    let case = Case::with(&["s1 10.0.0.1"]);
    let text = list(&[
        backend("s1", "10.0.0.1", "alive"),
        backend("s2", "10.0.0.2", "alive"),
    ]);
    let mut command = case.command();
    command
        .env("SERF_EVENT", "member-leave")
        .args(["--members", "-"]);
    assert_eq!(run(command.write_stdin(text)).code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.2"]);
}
