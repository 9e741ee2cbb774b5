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
