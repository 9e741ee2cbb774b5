//! Other balancers, and whether they agree.

use serde_json::json;

use harness::wait_for;

use crate::page::{Cluster, LONG, Page};
use crate::streams::Stream;

/// The state of a chain that knows these balancers.
fn knows(balancers: &[(&str, &Page)]) -> serde_json::Value {
    let balancers = balancers.iter().map(|(name, page)| {
        let address = page.address.ip().to_string();
        ((*name).to_owned(), address.into())
    });
    let balancers: serde_json::Map<_, _> = balancers.collect();
    json!({ "run": "r1", "begin": 1.0, "facts": { "balancers": balancers } })
}

/// What the page says of the first of the other balancers.
fn first(page: &Page) -> serde_json::Value {
    page.json("/state.json")["balancers"][0].clone()
}

fn wait_for_words(page: &Page, words: &str) -> serde_json::Value {
    wait_for(&format!("a balancer that {words}"), LONG, || {
        let balancer = first(page);
        (balancer["words"] == words).then_some(balancer)
    })
}

#[test]
fn a_balancer_agrees_or_differs_by_name_or_is_silent() {
    let other = Page::of(Cluster::new(), 71, |_| ());
    let page = Page::of(Cluster::new(), 72, |_| ());
    page.cluster.state(&knows(&[("lb2", &other)]));
    let balancer = wait_for_words(&page, "agrees");
    assert_eq!(
        (&balancer["name"], &balancer["agrees"]),
        (&json!("lb2"), &json!(true))
    );

    for name in ["s4", "s5"] {
        page.cluster.join(name);
    }
    let balancer = wait_for_words(&page, "lacks s4 and s5");
    assert_eq!(balancer["agrees"], false);
    other.cluster.join("s9");
    wait_for_words(&page, "lacks s4 and s5; has s9, not known here");
    std::fs::remove_file(other.cluster.path("nodes/s9")).unwrap();
    for name in ["s4", "s5"] {
        other.cluster.join(name);
    }
    wait_for_words(&page, "agrees");
    drop(other);
    let balancer = wait_for_words(&page, "its page does not answer");
    assert_eq!(balancer["agrees"], json!(null));
}

#[test]
fn whoever_comes_first_is_told_as_well() {
    let other = Page::of(Cluster::new(), 75, |_| ());
    let page = Page::of(Cluster::new(), 76, |_| ());
    page.cluster.state(&knows(&[("lb2", &other)]));
    let words = first(&page)["words"].clone();
    // It waits for the other one for a while, which may not do on a busy machine.
    let yet = "has not answered yet";
    assert!(words == "agrees" || words == yet, "{words}");
    wait_for_words(&page, "agrees");
}

#[test]
fn streams_hear_of_other_balancers() {
    let other = Page::of(Cluster::new(), 73, |_| ());
    let page = Page::of(Cluster::new(), 74, |_| ());
    let mut stream = Stream::open(&page, "");
    page.cluster.state(&knows(&[("lb2", &other)]));
    stream.change_of("balancer-lb2");
    let change = stream.change_of("agrees");
    assert!(change.to_string().contains("balancer-lb2"), "{change}");
}
