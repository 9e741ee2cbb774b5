use std::time::Duration;

use journal::Refused;
use nodes::Name;

use super::*;

const NOW: f64 = 1000.0;

fn node(line: &str) -> Node {
    let name = Name::parse(line.split(' ').next().unwrap()).unwrap();
    Node::parse(&name, line).unwrap()
}

fn look() -> Look {
    Look {
        now: NOW,
        age: None,
        again: Duration::ZERO,
    }
}

fn row(server: &str, state: &str, file: &'static str) -> Row {
    Row {
        server: server.to_owned(),
        state: state.to_owned(),
        check: if state.starts_with("DOWN") {
            "L4CON"
        } else {
            ""
        }
        .to_owned(),
        file,
        ..Row::absent()
    }
}

/// What is said of each row, and of all, with these lines in /nodes.
fn said(
    lines: &[&str],
    standings: &[(&str, Standing)],
    rows: &[Row],
    facts: &Facts,
) -> (Vec<String>, Counts) {
    let listing = Listing {
        nodes: lines.iter().map(|line| node(line)).collect(),
        refused: vec![],
        hidden: vec![],
    };
    said_of(&listing, standings, rows, facts)
}

fn said_of(
    listing: &Listing,
    standings: &[(&str, Standing)],
    rows: &[Row],
    facts: &Facts,
) -> (Vec<String>, Counts) {
    let standings = standings
        .iter()
        .map(|(name, it)| ((*name).to_owned(), it.clone()));
    let standings = standings.collect();
    let cluster = Cluster::new(listing, &standings, look());
    let mut rows: Vec<Row> = rows.iter().map(copy).collect();
    cluster.complete(&mut rows);
    let told = rows.iter().map(|row| {
        let words = row.node.as_ref().map_or("-", |said| said.words.as_str());
        format!("{} {words}", row.server)
    });
    (told.collect(), cluster.counts(&rows, facts))
}

fn copy(row: &Row) -> Row {
    Row {
        address: row.address.clone(),
        check: row.check.clone(),
        weight: row.weight,
        ..self::row(&row.server, &row.state, row.file)
    }
}

fn lost(until: Option<f64>) -> Standing {
    let (since, why) = (NOW - 18.0, "it has failed".to_owned());
    match until {
        Some(until) => Standing::Lost { since, until, why },
        None => Standing::Held { since, why },
    }
}

fn left(seconds: f64) -> Standing {
    Standing::Left {
        t: NOW - seconds,
        address: Some("10.0.0.9".to_owned()),
    }
}

#[test]
fn a_node_does_what_its_server_does() {
    let lines = [
        "s1 10.0.0.1",
        "s2 10.0.0.2",
        "s3 10.0.0.3",
        "s4 10.0.0.4",
        "s5 10.0.0.5",
    ];
    let rows = [
        row("nodes/s1", "UP 1/2", "same"),
        row("nodes/s2", "DOWN", "same"),
        row("nodes/s3", "DRAIN", "same"),
        row("nodes/s4", "MAINT", "left"),
        row("repeated/again", "no check", "fixed"),
    ];
    let (told, counts) = said(&lines, &[], &rows, &Facts::default());
    let expected = [
        "nodes/s1 serves",
        "nodes/s2 does not answer",
        "nodes/s3 gets no new requests",
        "nodes/s4 not yet in HAProxy",
        "repeated/again -",
        "s5 not yet in HAProxy",
    ];
    assert_eq!(told, expected);
    assert_eq!((counts.all, counts.serve), (5, 1));
    let expected = [
        "1 node does not answer: s2",
        "2 nodes do not serve yet: s4 s5",
    ];
    assert_eq!(counts.problems, expected);
}

#[test]
fn a_server_of_another_name_is_its_nodes_by_the_address() {
    let mut server = row("nodes/web-s1", "UP", "same");
    server.address = Some("10.0.0.1:80".to_owned());
    let (told, counts) = said(&["s1 10.0.0.1 port=80"], &[], &[server], &Facts::default());
    assert_eq!(told, ["nodes/web-s1 serves"]);
    assert_eq!((counts.serve, counts.problems.len()), (1, 0));
}

#[test]
fn the_address_of_one_that_left_is_the_new_nodes_alone() {
    let mut old = row("nodes/s1", "MAINT", "left");
    old.address = Some("10.0.0.1:3000".to_owned());
    let mut beside = row("other/x", "DOWN", "fixed");
    beside.address = Some("10.0.0.1:3000".to_owned());
    let rows = [old, row("nodes/s2", "UP", "same"), beside];
    let (told, counts) = said(&["s2 10.0.0.1"], &[], &rows, &Facts::default());
    assert_eq!(told, ["nodes/s1 -", "nodes/s2 serves", "other/x -"]);
    assert_eq!((counts.serve, counts.problems.len()), (1, 0));
}

#[test]
fn a_node_serves_where_all_its_servers_do() {
    let rows = [row("web/s1", "UP", "same"), row("api/s1", "DOWN", "same")];
    let (_, counts) = said(&["s1 10.0.0.1"], &[], &rows, &Facts::default());
    assert_eq!((counts.serve, counts.problems.len()), (0, 1));
}

#[test]
fn a_node_that_is_lost_says_so_though_its_server_may_be_up() {
    let standings = [("s1", lost(Some(NOW + 12.0))), ("s2", lost(None))];
    let rows = [
        row("nodes/s1", "UP", "same"),
        row("nodes/s2", "DOWN", "same"),
    ];
    let lines = ["s1 10.0.0.1", "s2 10.0.0.2"];
    let held = "1 of 2 is held; serf-nodes --confirm takes it out".to_owned();
    let facts = Facts {
        held: Some(held.clone()),
        ..Facts::default()
    };
    let (told, counts) = said(&lines, &standings, &rows, &facts);
    let expected = [
        "nodes/s1 lost, goes in 12s: it has failed",
        "nodes/s2 lost since 18s, stays until you confirm it: it has failed",
    ];
    assert_eq!(told, expected);
    assert_eq!(counts.problems, [held.as_str(), "1 node is lost: s1"]);
}

#[test]
fn who_left_or_died_is_not_unwell_and_keeps_a_row_for_a_while() {
    let died = Standing::Died {
        t: NOW - 5.0,
        address: None,
        why: "it did not come back".to_owned(),
    };
    let standings = [("s2", left(41.0)), ("s3", died), ("s4", left(3.0))];
    let rows = [
        row("nodes/s1", "UP", "same"),
        row("nodes/s2", "MAINT", "left"),
    ];
    let (told, counts) = said(&["s1 10.0.0.1"], &standings, &rows, &Facts::default());
    let expected = [
        "nodes/s1 serves",
        "nodes/s2 left 41s ago",
        "s4 left 3s ago",
        "s3 died 5s ago: it did not come back",
    ];
    assert_eq!(told, expected);
    assert_eq!((counts.all, counts.serve, counts.problems.len()), (1, 1, 0));
}

#[test]
fn many_that_are_gone_have_no_rows_but_the_last_ones() {
    let names: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    let gone = |(number, name)| (String::as_str(name), left(f64::from(number)));
    let standings: Vec<_> = (0..).zip(&names).map(gone).collect();
    let (told, _) = said(&[], &standings, &[], &Facts::default());
    assert_eq!(told.len(), MOST_GONE);
    assert_eq!(told[0], "s0 left 0s ago");
}

#[test]
fn a_member_that_is_refused_has_a_row_and_all_of_them_count() {
    let refused = Standing::Refused {
        address: "10.0.0.1".to_owned(),
        why: "it has the address of s1".to_owned(),
    };
    let facts = Facts {
        refused: vec![Refused::default()],
        refused_all: 70,
        ..Facts::default()
    };
    let rows = [row("nodes/s1", "UP", "same")];
    let (told, counts) = said(&["s1 10.0.0.1"], &[("x y", refused)], &rows, &facts);
    assert_eq!(told[1], "x y refused: it has the address of s1");
    assert_eq!(counts.problems, ["70 members are refused: x y ..."]);
}

#[test]
fn a_service_that_has_no_server_here_is_not_unwell() {
    let lines = ["s1 10.0.0.1 service=api", "s2 10.0.0.2"];
    let rows = [row("nodes/s2", "UP", "same")];
    let (told, counts) = said(&lines, &[], &rows, &Facts::default());
    assert_eq!(told[1], "s1 no server for its service api");
    assert_eq!((counts.serve, counts.problems.len()), (1, 0));
}

#[test]
fn where_nothing_serves_nothing_is_well() {
    let told = |lines: &[&str], rows: &[Row]| said(lines, &[], rows, &Facts::default()).1.problems;
    assert_eq!(told(&[], &[]), ["there is no node"]);
    let mut weightless = row("nodes/s1", "UP", "same");
    weightless.weight = Some(0);
    assert_eq!(
        told(&["s1 10.0.0.1 weight=0"], &[copy(&weightless)]),
        ["the only node does not serve"]
    );
    let rows = [weightless, row("nodes/s2", "UP", "same")];
    assert_eq!(
        told(&["s1 10.0.0.1 weight=0", "s2 10.0.0.2"], &rows),
        [""; 0]
    );
}

#[test]
fn a_server_that_was_not_checked_yet_does_not_serve_and_one_in_maintenance_is_at_rest() {
    let unchecked = Row {
        check: "* INI".to_owned(),
        ..row("nodes/s1", "DOWN 1/2", "same")
    };
    let rows = [unchecked, row("nodes/s2", "MAINT", "differs")];
    let (told, counts) = said(
        &["s1 10.0.0.1", "s2 10.0.0.2"],
        &[],
        &rows,
        &Facts::default(),
    );
    assert_eq!(
        told,
        ["nodes/s1 not yet checked", "nodes/s2 in maintenance"]
    );
    assert_eq!(counts.problems, ["1 node does not serve yet: s1"]);
}

#[test]
fn a_file_that_holds_no_node_has_a_row_without_its_content() {
    let listing = Listing {
        refused: vec![nodes::Refused {
            path: "/nodes/a\n\u{1b}b".into(),
            why: "'secret' is no IP address".to_owned(),
            is_folder: false,
        }],
        ..Listing::default()
    };
    let (told, counts) = said_of(&listing, &[], &[], &Facts::default());
    assert_eq!(
        told,
        [r"a\n\x1bb its file holds no node: haproxy-gen says why"]
    );
    assert_eq!(counts.problems, [r"1 file holds no node: a\n\x1bb"]);
}

#[test]
fn a_file_that_holds_no_node_is_said_once() {
    let listing = Listing {
        refused: vec![nodes::Refused {
            path: "/nodes/s9".into(),
            why: "it is empty".to_owned(),
            is_folder: false,
        }],
        ..Listing::default()
    };
    // serf-nodes waits for the node of this name before it removes the file.
    let lost = Standing::Lost {
        since: NOW - 1.0,
        until: NOW + 29.0,
        why: "it is not in the member list".to_owned(),
    };
    let (_, counts) = said_of(&listing, &[("s9", lost)], &[], &Facts::default());
    assert_eq!(counts.problems, ["1 file holds no node: s9"]);
}
