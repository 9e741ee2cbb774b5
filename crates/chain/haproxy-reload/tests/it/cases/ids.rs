//! The ids of servers, by which a consistent hash distributes.

use std::collections::BTreeMap;

use super::case::{Case, each, nodes, template};

const RING: &str = "    balance uri\n    hash-type consistent\n";

#[test]
fn a_joined_node_has_the_id_of_its_line() {
    let case = Case::start(165, &template("    balance roundrobin"), &[]);
    case.add(2, "number=55");
    case.use_template(&template(&each("id {{ n.tags.number }}")));
    case.follow();
    for (number, tags) in [(1, "number=777"), (3, "number=3")] {
        case.add(number, tags);
        case.step_without_reload();
    }
    let file = case.read("haproxy.cfg");
    for name in ["s1", "s2", "s3"] {
        let id = case.state(name).unwrap().id;
        let line = format!("server {name} ");
        let line = file.lines().find(|text| text.contains(&line)).unwrap();
        assert!(line.ends_with(&format!(" id {id}")), "{line}: {id}");
    }
    case.assert_agrees();
}

#[test]
fn another_id_is_a_reload() {
    let case = Case::start(166, &template("    balance roundrobin"), &[]);
    case.add(1, "number=7");
    case.use_template(&template(&each("id {{ n.tags.number }}")));
    case.follow();
    case.assert_agrees();
    case.add(1, "number=9");
    case.step_with_reload("the id of nodes/s1 is 7 instead of 9");
    assert_eq!(case.state("s1").unwrap().id, 9);
    case.assert_agrees();
}

#[test]
fn a_consistent_hash_without_ids_is_reloaded_and_the_remedy_is_told() {
    let case = Case::start(168, &template(&format!("{RING}{}", each(""))), &[2, 3]);
    case.add(1, "");
    case.step_with_reload("`id {{ node.id }}` in their lines helps");
    case.assert_agrees();
}

/// Which node serves which of sixty keys.
fn served(case: &Case) -> BTreeMap<usize, String> {
    let one = |key| (key, case.get(&format!("/{key}")));
    (0..60).map(one).collect()
}

/// A node joins and another one leaves, by commands, and only their keys move; a reload
/// moves none.
fn assert_others_keep_their_keys(test: u8, options: &str) {
    let _nodes = nodes(test, &[1, 2, 3, 4]);
    let template = template(&format!("{RING}{}", each(options)));
    let case = Case::start(test, &template, &[2, 3, 4]);
    let before = served(&case);
    case.add(1, "");
    case.step_without_reload();
    let joined = served(&case);
    let strays = |(key, node): &(&usize, &String)| before[key] != **node && *node != "s1";
    assert_eq!(joined.iter().filter(strays).count(), 0, "{joined:?}");
    assert!(joined.values().any(|node| node == "s1"));
    assert_eq!(case.run(&["--full"]).code(), 0);
    assert_eq!(served(&case), joined);
    case.remove(3);
    case.step_without_reload();
    let left = served(&case);
    let strays = |(key, node): &(&usize, &String)| joined[key] != **node && joined[key] != "s3";
    assert_eq!(left.iter().filter(strays).count(), 0, "{left:?}");
    assert_eq!(case.run(&["--full"]).code(), 0);
    assert_eq!(served(&case), left);
}

#[test]
fn with_ids_only_the_keys_of_the_node_that_came_or_went_move() {
    assert_others_keep_their_keys(169, "id {{ n.id }}");
}

#[test]
fn so_it_is_with_the_hash_of_the_address_where_haproxy_has_it() {
    // Releases before 3.0 do not know the word.
    if harness::haproxy::Haproxy::release().unwrap() >= (3, 0) {
        assert_others_keep_their_keys(190, "hash-key addr-port");
    }
}
