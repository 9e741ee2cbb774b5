//! Ten thousand members, and floods.

use std::time::{Duration, Instant};

use super::{Case, backend};

/// Far above what it takes, which is below a second in a debug build: this finds
/// what grows with the square of the members, on the slowest machine.
const AT_MOST: Duration = Duration::from_secs(60);

fn cluster(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| {
            let ip = format!("10.{}.{}.7", 1 + number / 250, number % 250);
            backend(&format!("node-{number:05}"), &ip, "alive")
        })
        .collect()
}

#[test]
fn ten_thousand_members_are_followed_and_then_nothing_is_to_do() {
    let case = Case::new();
    let members = cluster(10_000);
    let start = Instant::now();
    assert_eq!(case.follow(&members, &[]).code, 0);
    assert_eq!(case.follow(&members, &[]).code, 1);
    assert!(start.elapsed() < AT_MOST, "{:?}", start.elapsed());
    assert_eq!(case.nodes().len(), 10_000);
}

#[test]
fn a_flood_of_hostile_members_is_counted_and_not_spelled_out() {
    let case = Case::new();
    let mut members: Vec<String> = (0..5_000)
        .map(|number| backend(&format!("/{number}"), "10.0.0.1", "alive"))
        .collect();
    members.push(backend("s1", "10.0.0.1", "alive"));
    let ran = case.follow(&members, &[]);
    assert_eq!((ran.code, case.nodes().len()), (0, 1));
    assert_eq!(ran.stderr.lines().count(), 22, "{}", ran.stderr);
    assert!(ran.stderr.contains("refused 4980 more"), "{}", ran.stderr);
}

#[test]
fn a_flood_of_members_at_the_place_of_a_node_leaves_it_as_it_is() {
    let case = Case::with(&["s1 10.0.0.1"]);
    let mut members: Vec<String> = (0..10_000)
        .map(|number| backend(&format!("a{number}"), "10.0.0.1", "alive"))
        .collect();
    members.push(backend("s1", "10.0.0.1", "alive"));
    let start = Instant::now();
    let ran = case.follow(&members, &[]);
    assert!(start.elapsed() < AT_MOST, "{:?}", start.elapsed());
    assert_eq!(
        (ran.code, case.nodes()),
        (1, vec!["s1 10.0.0.1".to_string()])
    );
    assert!(ran.stderr.contains("refused 9980 more"), "{}", ran.stderr);
}

#[test]
fn a_log_that_is_full_becomes_the_older_one() {
    let case = Case::new();
    case.put("serf.log", &"x".repeat(5 * 1024 * 1024));
    case.event("member-join", &[["s1", "10.0.0.1", "backend"]]);
    assert!(case.log().starts_with("Member join script triggered\n"));
    let older = case.path("serf.log.1").metadata().unwrap();
    assert_eq!(older.len(), 5 * 1024 * 1024);
}
