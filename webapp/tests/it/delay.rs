//! The delay that people set to see how the balancer reacts.

use std::time::{Duration, Instant};

use crate::node::Node;

#[test]
fn a_delay_holds_for_pages_until_it_is_taken_back() {
    let node = Node::plain(11);
    let answer = node.delay(r#"{"delay": 300}"#);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        r#"{"message":"New timeout of 300ms configured."}"#
    );
    for method in ["GET", "POST"] {
        let before = Instant::now();
        assert_eq!(node.ask(method, "/", "", "").status, 200);
        assert!(before.elapsed() >= Duration::from_millis(300), "{method}");
    }

    node.delay(r#"{"delay": 3600000}"#);
    // The health check is answered before the test's deadline.
    assert_eq!(node.head().status, 200);
    let answer = node.delay(r#"{"delay": 0}"#);
    assert_eq!(
        answer.text(),
        r#"{"message":"New timeout of 0ms configured."}"#
    );
    // If the hour were still in force, no answer would come before the test's deadline.
    assert_eq!(node.get("").status, 200);
}

#[test]
fn one_that_waits_does_not_hold_up_the_others() {
    let node = Node::plain(12);
    node.delay(r#"{"delay": 3600000}"#);
    let mut slow = node.connect();
    slow.send("GET", "/", "", "");
    assert_eq!(node.delay(r#"{"delay": 0}"#).status, 200);
    assert_eq!(node.get("").status, 200);
}

#[test]
fn a_content_type_is_not_asked_for() {
    let node = Node::plain(13);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    assert_eq!(
        node.ask("POST", "/delay", form, r#"{"delay":1}"#).status,
        200
    );
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    let node = Node::plain(14);
    let more_than_an_hour = r#"{"delay": 3600001}"#;
    for body in [
        "",
        "{}",
        "[]",
        "delay=5",
        r#"{"delay": "5"}"#,
        r#"{"delay": -1}"#,
        r#"{"delay": 1.5}"#,
        r#"{"delay": null}"#,
        r#"{"delay": 1"#,
        r#"{"delay": 99999999999999999999}"#,
        more_than_an_hour,
    ] {
        let answer = node.delay(body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.text().starts_with(r#"{"message":""#) && answer.body.len() > 20,
            "{body}"
        );
    }
    assert!(node.delay("{}").text().contains("missing field `delay`"));
    assert!(
        node.delay(more_than_an_hour)
            .text()
            .contains("at most 3600000")
    );
    // None of them changed anything.
    assert_eq!(node.get("").status, 200);
}

#[test]
fn a_body_without_end_is_cut_short() {
    let node = Node::plain(15);
    assert_eq!(node.delay(&" ".repeat(20_000)).status, 413);
}
