//! The access log, in which a repetition can be told from another request.

use crate::node::Node;

#[test]
fn each_request_is_a_line_with_the_name_that_it_was_given() {
    let dir = harness::scratch();
    let log = dir.path().join("log");
    let node = Node::start(47, |command| {
        command.arg("--log").arg(&log);
    });
    node.ask("POST", "/", "X-Request-Id: r-1\r\n", "x");
    node.ask("GET", "/a%20b?c", "X-Request-Id: no name\r\n", "");
    assert_eq!(
        std::fs::read_to_string(&log).unwrap(),
        "POST / r-1\nGET /a%20b -\n"
    );
}

#[test]
fn an_empty_variable_names_no_log() {
    let node = Node::start(48, |command| {
        command.env("WEBAPP_LOG", "");
    });
    assert_eq!(node.get("").status, 200);
}
