use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use nodes::Name;
use proptest::prelude::*;

use super::*;

fn nodes<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Node> {
    let node =
        |name| Node::parse(&Name::parse(name).unwrap(), &format!("{name} 10.0.0.1")).unwrap();
    names.into_iter().map(node).collect()
}

/// The file that a template with `id {{ n.id }}` makes, after `old`.
fn file(names: &BTreeSet<String>, old: &str) -> String {
    let nodes = nodes(names.iter().map(String::as_str));
    let ids = ids(&nodes, old, "").unwrap();
    let mut file = String::new();
    for (node, id) in iter::zip(&nodes, ids) {
        writeln!(file, "    server {} 10.0.0.1:80 check id {id}", node.name).unwrap();
    }
    file
}

fn assert_sound(names: &BTreeSet<String>, file: &str) {
    let in_file: BTreeSet<&str> = server_ids(file).map(|(name, _)| name).collect();
    assert!(in_file.iter().eq(names));
    let all: BTreeSet<u32> = server_ids(file).map(|(_, id)| id).collect();
    assert_eq!(all.len(), names.len());
    assert!(all.iter().all(|id| (1..=MOST).contains(id)));
}

#[test]
fn a_name_decides_its_id_for_all_releases() {
    let nodes = nodes(["s1", "s2", "web-1"]);
    let expected = [140_705, 139_397, 356_990];
    assert_eq!(ids(&nodes, "", "").unwrap(), expected);
}

#[test]
fn ten_thousand_nodes_have_ten_thousand_ids_and_keep_them() {
    let names: BTreeSet<String> = (0..10_000).map(|number| format!("n{number}")).collect();
    let first = file(&names, "");
    assert_sound(&names, &first);
    assert_eq!(file(&names, &first), first);
    // Some have another one than their name decides, or this would show little.
    let moved = server_ids(&first).filter(|(name, id)| *id != wish(name));
    assert!(moved.count() > 10);
}

#[test]
fn a_new_node_takes_no_id_of_one_that_stays_or_left_or_is_the_templates() {
    let wished = wish("new");
    let nodes = nodes(["new", "old"]);
    for (old, template) in [
        (format!("server old 10.0.0.1:80 id {wished}"), String::new()),
        (
            format!("server gone 10.0.0.1:80 id {wished}"),
            String::new(),
        ),
        (
            String::new(),
            format!("server static 10.0.0.1:80 id {wished}"),
        ),
    ] {
        let ids = ids(&nodes, &old, &template).unwrap();
        assert_eq!(ids[0], wished + 1, "{old}{template}");
        assert_ne!(ids[1], ids[0]);
    }
}

#[test]
fn a_server_of_the_template_gives_no_id_to_a_node_of_its_name() {
    let line = "server s1 10.0.0.1:80 id 7\n";
    let node = nodes(["s1"]);
    let first = ids(&node, line, line).unwrap();
    assert_eq!(first, [wish("s1")]);
    let old = format!("{line}server s1 10.0.0.2:80 id {}\n", first[0]);
    assert_eq!(ids(&node, &old, line).unwrap(), first);
}

#[test]
fn an_id_that_no_node_can_have_is_not_kept() {
    let node = nodes(["s1"]);
    for id in ["0", "1048576", "4294967295", "99999999999"] {
        let old = format!("server s1 10.0.0.1:80 id {id}\n");
        assert_eq!(ids(&node, &old, &old).unwrap(), [wish("s1")]);
    }
}

#[test]
fn of_two_nodes_with_one_id_the_first_keeps_it() {
    let old = "server a 10.0.0.1:80 id 7\nserver b 10.0.0.2:80 id 7\n";
    assert_eq!(ids(&nodes(["a", "b"]), old, "").unwrap(), [7, wish("b")]);
}

#[test]
fn the_last_free_id_is_found() {
    let mut used = Used::new();
    let wished = wish("s1");
    for id in (1..=MOST).filter(|id| *id != wished - 1) {
        used.take(id);
    }
    assert_eq!(used.next("s1"), Some(wished - 1));
    assert_eq!(used.next("s1"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Each step says for each part of ten thousand names whether it is there.
    #[test]
    fn whoever_comes_and_goes_a_node_that_stays_keeps_its_id(
        steps in proptest::collection::vec(any::<[bool; 16]>(), 3..6)
    ) {
        let mut text = String::new();
        for parts in steps {
            let is_there = |number: &usize| parts[(number / 7) % parts.len()];
            let numbers = (0..10_000).filter(is_there);
            let names: BTreeSet<String> = numbers.map(|number| format!("n{number}")).collect();
            let next = file(&names, &text);
            assert_sound(&names, &next);
            let before: BTreeMap<&str, u32> = server_ids(&text).collect();
            for (name, id) in server_ids(&next) {
                prop_assert!(before.get(name).is_none_or(|before| *before == id));
            }
            // The same state again makes the same file, whatever the order of its lines.
            prop_assert_eq!(&file(&names, &next), &next);
            let reversed: Vec<&str> = next.lines().rev().collect();
            prop_assert_eq!(&file(&names, &reversed.join("\n")), &next);
            text = next;
        }
    }
}
