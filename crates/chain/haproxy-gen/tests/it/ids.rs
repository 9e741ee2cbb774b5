//! Ids that stay with their node.

use std::collections::BTreeMap;
use std::fs::remove_file;

use crate::fixture::{Fixture, TEMPLATE};

/// The template with the lines that docs/haproxy-gen.md shows.
fn template() -> String {
    let hash = "backend nodes\n    balance hdr(Host)\n    hash-type consistent\n";
    let template = TEMPLATE.replace("backend nodes\n", hash);
    template.replace("{{ node.weight }}", "{{ node.weight }} id {{ node.id }}")
}

/// Each server's id.
fn ids(fixture: &Fixture) -> BTreeMap<String, u32> {
    let servers = fixture.servers();
    let id = |line: &String| {
        let (name, id) = (line.split(' ').nth(1)?, line.rsplit(' ').next()?);
        Some((name.to_string(), id.parse().ok()?))
    };
    servers.iter().filter_map(id).collect()
}

#[test]
fn a_node_that_stays_keeps_its_id() {
    let fixture = Fixture::with_nodes(&template(), &["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    let before = ids(&fixture);
    assert_eq!(before.len(), 3);
    remove_file(fixture.nodes().join("s1")).unwrap();
    fixture.node("s0 10.0.0.9");
    assert_eq!(fixture.run(&[]).code, Some(0));
    let after = ids(&fixture);
    assert_eq!((after["s2"], after["s3"]), (before["s2"], before["s3"]));
    assert_eq!(fixture.run(&[]).code, Some(1));
    fixture.haproxy_takes_it().unwrap();
}

#[test]
fn an_id_that_the_file_has_is_kept_whatever_the_name_decides() {
    let template = template();
    let fixture = Fixture::with_nodes(
        &template.replace("{{ node.id }}", "{{ loop.index }}"),
        &["s1 10.0.0.1", "s2 10.0.0.2"],
    );
    assert_eq!(fixture.run(&[]).code, Some(0));
    fixture.template(&template);
    assert_eq!(fixture.run(&[]).code, Some(1));
    remove_file(fixture.nodes().join("s1")).unwrap();
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert_eq!(ids(&fixture)["s2"], 2);
}

#[test]
fn the_order_in_which_nodes_came_does_not_matter() {
    let lines = ["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"];
    let mut reversed = lines;
    reversed.reverse();
    let configs = [lines, reversed].map(|lines| {
        let fixture = Fixture::with_nodes(&template(), &lines);
        assert_eq!(fixture.run(&[]).code, Some(0));
        fixture.config()
    });
    assert_eq!(configs[0], configs[1]);
}

#[test]
fn the_first_node_with_an_id_is_no_other_configuration() {
    let fixture = Fixture::new(&template());
    assert_eq!(fixture.run(&[]).code, Some(0));
    // The last part of the fingerprint stands for the servers of the very file.
    let lines = |config: String| config.replace(config.lines().nth(1).unwrap(), "");
    let before = lines(fixture.config());
    fixture.node("s1 10.0.0.1");
    assert_eq!(fixture.run(&[]).code, Some(0));
    let servers = lines(fixture.config());
    assert!(servers.starts_with(&before), "{servers}");
}
