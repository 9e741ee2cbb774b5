//! When the cluster is read, and what happens when it cannot be.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use harness::wait;

use crate::haproxy::Haproxy;
use crate::page::{Cluster, Page};
use crate::streams::Stream;

#[test]
fn haproxy_is_asked_by_whoever_looks_and_by_nobody_else() {
    let (page, haproxy) = Page::start(21);
    wait::pass(Duration::from_millis(1500));
    assert_eq!(haproxy.asked(), 0);
    assert_eq!(page.json("/agreement.json")["name"], "lb1");
    assert_eq!(page.get("/page.css").status, 200);
    assert_eq!(haproxy.asked(), 0);
    for path in ["/", "/state.json", "/metrics"] {
        assert_eq!(page.get(path).status, 200);
    }
    // At most each of them, at least the first.
    let asked = haproxy.asked();
    assert!((1..=3).contains(&asked), "{asked}");
    wait::pass(Duration::from_millis(1500));
    assert_eq!(haproxy.asked(), asked);
}

#[test]
fn when_the_last_stream_has_ended_nobody_asks_any_more() {
    let (page, haproxy) = Page::start(22);
    let mut stream = Stream::open(&page, "");
    while stream.next().unwrap().name != "beat" {}
    while stream.next().unwrap().name != "beat" {}
    assert!(haproxy.asked() >= 2, "{}", haproxy.asked());
    drop(stream);
    let quiet = harness::wait_for("the end of the questions", crate::page::LONG, || {
        let before = haproxy.asked();
        wait::pass(Duration::from_millis(1500));
        (haproxy.asked() == before).then_some(before)
    });
    assert!(quiet >= 2);
}

#[test]
fn those_who_come_together_share_one_answer_of_haproxy() {
    let (page, haproxy) = Page::start(23);
    let page = Arc::new(page);
    let ask = |_| {
        let page = Arc::clone(&page);
        thread::spawn(move || page.get("/state.json").status)
    };
    let start = Instant::now();
    let asked: Vec<_> = (0..20).map(ask).collect();
    for it in asked {
        assert_eq!(it.join().unwrap(), 200);
    }
    // It is good for 200 ms.
    let most = 2 + start.elapsed().as_millis() / 200;
    assert!(haproxy.asked() as u128 <= most, "{}", haproxy.asked());
}

#[test]
fn a_haproxy_that_never_answers_keeps_nobody_waiting() {
    let cluster = Cluster::new();
    let haproxy = Haproxy::silent(&cluster.socket());
    let page = Page::of(cluster, 24, |_| ());
    let start = Instant::now();
    for path in ["/", "/state.json", "/metrics", "/agreement.json"] {
        assert_eq!(page.get(path).status, 200, "{path}");
    }
    let mut stream = Stream::open(&page, "");
    while stream.next().unwrap().name != "beat" {}
    page.cluster.join("s2");
    let nodes = page.json("/agreement.json")["nodes"].to_string();
    assert!(nodes.contains("s2") || start.elapsed() < Duration::from_secs(2));
    assert!(start.elapsed() < Duration::from_secs(25));
    assert!(haproxy.asked() > 0);
}

#[test]
fn where_nothing_can_be_read_the_page_says_so_and_is_there() {
    let cluster = Cluster::new();
    fs::remove_dir_all(cluster.path("nodes")).unwrap();
    let page = Page::of(cluster, 25, |_| ());
    for path in ["/", "/state.json", "/metrics"] {
        assert_eq!(page.get(path).status, 200, "{path}");
    }
    // Another balancer is told nothing rather than that there are no nodes.
    assert_eq!(page.get("/agreement.json").status, 500);
}
