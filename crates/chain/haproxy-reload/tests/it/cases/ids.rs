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

#[test]
fn with_ids_a_join_moves_the_keys_of_the_joined_node_alone() {
    let _nodes = nodes(169, &[1, 2, 3]);
    let case = Case::start(
        169,
        &template(&format!("{RING}{}", each("id {{ n.id }}"))),
        &[2, 3],
    );
    let served = || -> BTreeMap<usize, String> {
        let one = |key| (key, case.get(&format!("/{key}")));
        (0..60).map(one).collect()
    };
    let before = served();
    case.add(1, "");
    case.step_without_reload();
    let joined = served();
    let moved = |(key, node): &(&usize, &String)| before[key] != **node && *node != "s1";
    assert_eq!(joined.iter().filter(moved).count(), 0, "{joined:?}");
    assert!(joined.values().any(|node| node == "s1"));
    assert_eq!(case.run(&["--full"]).code(), 0);
    assert_eq!(served(), joined);
}
