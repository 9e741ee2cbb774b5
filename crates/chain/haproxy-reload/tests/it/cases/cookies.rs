//! What made each join a reload in the files of most people.

use harness::http;
use harness::wait_for;

use super::case::{Case, each, nodes, template};
use crate::haproxy::{PATIENCE, front};

/// The cookie that comes with an answer of `node`.
fn cookie_of(case: &Case, node: &str) -> String {
    wait_for(&format!("an answer of {node}"), PATIENCE, || {
        let answer = http::get(front(case.test), "/").ok()?;
        let cookie = answer.header("set-cookie").unwrap_or("no cookie");
        (answer.text() == node).then(|| cookie.to_owned())
    })
}

#[test]
fn from_3_0_on_a_node_with_a_cookie_joins_without_a_reload() {
    let _nodes = nodes(175, &[1, 2]);
    let lines = "    cookie SRV insert indirect nocache\n";
    let template = template(&format!("{lines}{}", each("cookie {{ n.name }}")));
    let case = Case::start(175, &template, &[1]);
    case.add(2, "");
    if harness::haproxy::Haproxy::release().unwrap() >= (3, 0) {
        case.step_without_reload();
    } else {
        case.step_with_reload("nodes/s2 cannot be added at run time: cookie s2");
    }
    assert_eq!(cookie_of(&case, "s2"), "SRV=s2; path=/");
    assert_eq!(cookie_of(&case, "s1"), "SRV=s1; path=/");
    case.assert_agrees();
}

#[test]
fn a_node_joins_without_a_reload_though_there_is_a_default_server() {
    let _nodes = nodes(176, &[1, 2]);
    let lines = "    option httpchk HEAD /\n    default-server check inter 1s fastinter 100ms \
                 downinter 50ms fall 3 rise 2 slowstart 10s maxconn 250 maxqueue 256 weight 100\n";
    let case = Case::start(176, &template(&format!("{lines}{}", each(""))), &[1]);
    case.add(2, "");
    case.step_without_reload();
    case.wait_for_status("s2", "UP");
    assert_eq!(case.stat("s2", "slim").as_deref(), Some("250"));
    assert_eq!(case.stat("s2", "qlimit").as_deref(), Some("256"));
    case.remove(1);
    case.step_without_reload();
    case.assert_agrees();
}

#[test]
fn a_joined_node_has_the_dynamic_cookie_that_a_reload_gives_it() {
    let _nodes = nodes(177, &[1, 2]);
    let lines = "    cookie SRV insert indirect nocache dynamic\n    dynamic-cookie-key secret\n";
    let case = Case::start(177, &template(&format!("{lines}{}", each(""))), &[1]);
    case.add(2, "");
    case.step_without_reload();
    let cookie = cookie_of(&case, "s2");
    assert!(cookie.starts_with("SRV="), "{cookie}");
    assert_eq!(case.run(&["--full"]).code(), 0);
    assert_eq!(cookie_of(&case, "s2"), cookie);
}

#[test]
fn a_node_that_tracks_another_joins_by_a_reload() {
    let mut template = template(&each("track probe/{{ n.name }}"));
    template.more = format!("backend probe\n{}", each("check inter 100ms"));
    let _nodes = nodes(178, &[1, 2]);
    let case = Case::start(178, &template, &[1]);
    case.add(2, "");
    case.step_with_reload("track");
    case.wait_for_status("s2", "UP");
    case.assert_agrees();
}
