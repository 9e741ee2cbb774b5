//! Two processes cannot have one address and port, whatever they are called.

use super::{Case, backend, tagged};

#[test]
fn a_node_that_died_gives_way_to_the_one_that_has_its_address() {
    let case = Case::with(&["s1 10.0.0.1", "s2 10.0.0.2"]);
    let dead = backend("s1", "10.0.0.1", "failed");
    let s2 = backend("s2", "10.0.0.2", "alive");
    assert_eq!(case.follow(&[dead.clone(), s2.clone()], &[]).code, 1);
    assert!(case.path("nodes/.lost/s1").exists());

    let new = backend("s3", "10.0.0.1", "alive");
    let ran = case.follow(&[dead, s2, new], &[]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stderr,
        "serf-nodes: added s3 10.0.0.1\n\
         serf-nodes: removed s1: its place 10.0.0.1:3000 is now s3's\n"
    );
    assert_eq!(case.nodes(), ["s2 10.0.0.2", "s3 10.0.0.1"]);
    assert!(!case.path("nodes/.lost/s1").exists());
}

#[test]
fn a_member_with_the_address_of_a_node_does_not_push_it_out_whatever_the_order_of_the_list() {
    let case = Case::with(&["s1 10.0.0.1"]);
    let mut members = [
        backend("a", "10.0.0.1", "alive"),
        backend("s1", "10.0.0.1", "alive"),
        tagged("z", "[::ffff:10.0.0.1]", "alive", r#","port":"3000""#),
    ];
    for _ in 0..members.len() {
        members.rotate_left(1);
        assert_eq!(case.follow(&members, &[]).code, 1);
        assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
    }
    let told = |rival: &str| {
        let told =
            format!("serf-nodes: refused {rival}: its place 10.0.0.1:3000 is s1's until that");
        case.log().matches(&told).count()
    };
    assert_eq!((told("a"), told("z")), (1, 1), "{}", case.log());
}

#[test]
fn two_processes_of_one_address_with_ports_of_their_own_are_two_nodes() {
    let case = Case::new();
    let members = [
        backend("s1", "10.0.0.1", "alive"),
        tagged("s2", "10.0.0.1", "alive", r#","port":"3001""#),
    ];
    assert_eq!(case.follow(&members, &[]).code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.1 port=3001"]);
}

fn balancer(name: &str, ip: &str) -> String {
    backend(name, ip, "alive").replace(r#""role":"backend""#, r#""role":"balancer""#)
}

#[test]
fn a_balancer_with_the_address_of_a_node_does_not_push_it_out() {
    for address in ["10.0.0.1", "[::ffff:10.0.0.1]"] {
        let case = Case::with(&["s1 10.0.0.1", "s2 10.0.0.2"]);
        let members = [
            backend("s1", "10.0.0.1", "alive"),
            backend("s2", "10.0.0.2", "alive"),
            balancer("evil", address),
        ];
        for _ in 0..2 {
            assert_eq!(case.follow(&members, &["--hold", "0s"]).code, 1);
            assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.2"], "{address}");
        }
        let told = "kept s1: the balancer 'evil' claims its address 10.0.0.1, where s1 serves.";
        assert_eq!(case.log().matches(told).count(), 1, "{}", case.log());
    }
}

#[test]
fn an_event_of_a_member_with_the_place_of_a_node_changes_nothing() {
    let case = Case::with(&["s1 10.0.0.1"]);
    let ran = case.event(
        "member-join",
        &[
            ["a", "10.0.0.1", "backend"],
            ["s1", "10.0.0.1", "backend"],
            ["z", "[::ffff:10.0.0.1]:7946", "backend"],
        ],
    );
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
    for rival in ["a", "z"] {
        let told = format!("refused {rival}: its place 10.0.0.1:3000 is s1's until that");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    // Its place is free once it has left, also within one event.
    case.event("member-leave", &[["s1", "10.0.0.1", "backend"]]);
    let both = [["z", "10.0.0.1", "backend"], ["a", "10.0.0.1", "backend"]];
    case.event("member-join", &both);
    assert_eq!(case.nodes(), ["z 10.0.0.1"]);
}

#[test]
fn an_event_of_a_namesake_elsewhere_removes_no_node() {
    let case = Case::with(&["s1 10.0.0.1"]);
    for event in ["member-leave", "member-failed", "member-reap"] {
        let ran = case.event(event, &[["s1", "10.0.0.2", "backend"]]);
        assert_eq!((ran.code, case.nodes()), (1, vec!["s1 10.0.0.1".into()]));
        assert!(
            ran.stderr
                .contains("refused s1: its file has another address")
        );
    }
}
