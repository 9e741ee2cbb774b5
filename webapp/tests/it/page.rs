//! The page, its header and its session.

use std::process::Command;

use crate::node::{Node, cookie, field};

fn named(command: &mut Command) {
    command
        .env("SERVER_IP", "192.168.42.11")
        .env("SERVER_NAME", "s1")
        .env("SERVER_TAG", "latest");
}

#[test]
fn the_page_is_the_labs_byte_for_byte() {
    let node = Node::start(1, named);
    let answer = node.get("");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        format!(
            r#"{{"hello":"world!","ip":"192.168.42.11","host":"s1","tag":"latest","sessionViews":1,"id":"{}"}}"#,
            field(&answer, "id")
        )
    );
    assert_eq!(answer.header("x-backend-ip"), Some("192.168.42.11"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn a_session_is_kept_by_its_cookie() {
    let node = Node::start(2, named);
    let first = node.get("");
    let set = first.header("set-cookie").unwrap();
    let id = field(&first, "id");
    assert!(set.starts_with(&format!("NODESESSID={id}")), "{set}");
    assert!(
        set.contains("; Path=/") && set.contains("; HttpOnly"),
        "{set}"
    );

    let second = node.get(&cookie(&first));
    assert_eq!(field(&second, "sessionViews"), "2");
    assert_eq!(field(&second, "id"), field(&first, "id"));
    assert_eq!(second.header("set-cookie"), None);
}

#[test]
fn a_cookie_of_another_node_gives_a_new_session() {
    let node = Node::plain(3);
    let answer = node.get("cookie: NODESESSID=theirs\r\n");
    assert_eq!(field(&answer, "sessionViews"), "1");
    assert_ne!(field(&answer, "id"), "theirs");
    assert!(answer.header("set-cookie").is_some());
}

#[test]
fn a_health_check_gets_no_session() {
    let node = Node::start(4, named);
    let answer = node.head();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-backend-ip"), Some("192.168.42.11"));
    assert_eq!(answer.header("set-cookie"), None);

    let page = node.get("");
    node.ask("HEAD", "/", &cookie(&page), "");
    assert_eq!(field(&node.get(&cookie(&page)), "sessionViews"), "2");
}

#[test]
fn without_settings_it_says_where_the_request_came_to() {
    let node = Node::start(5, |command| {
        command.env("SERVER_IP", "").env("SERVER_NAME", "");
    });
    let answer = node.get("");
    let ip = harness::address("65.5");
    assert_eq!(field(&answer, "ip"), ip);
    assert_eq!(answer.header("x-backend-ip"), Some(&*ip));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(field(&answer, "host"), host.trim());
    assert_eq!(field(&answer, "tag"), "");
}

#[test]
fn one_connection_serves_many_requests() {
    let node = Node::plain(6);
    let mut connection = node.connect();
    for _ in 0..100 {
        connection.send("HEAD", "/", "", "");
        assert_eq!(connection.answer().status, 200);
        connection.send("GET", "/", "", "");
        assert_eq!(connection.answer().status, 200);
    }
}

#[test]
fn any_other_path_or_method_is_not_found() {
    let node = Node::plain(7);
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/delay"),
        ("DELETE", "/"),
        ("GET", "//"),
    ] {
        let answer = node.ask(method, path, "", "");
        assert_eq!(answer.status, 404, "{method} {path}");
        assert!(
            answer.text().starts_with("{\"message\":"),
            "{}",
            answer.text()
        );
    }
}
