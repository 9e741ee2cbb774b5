//! What is answered to each path and method.

use crate::page::{PATHS, Page};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn kind(path: &str) -> &'static str {
    match path {
        "/" => "text/html; charset=utf-8",
        "/live" => "text/event-stream",
        "/metrics" => "text/plain; version=0.0.4; charset=utf-8",
        "/page.css" => "text/css; charset=utf-8",
        "/page.js" => "text/javascript; charset=utf-8",
        "/icon.svg" => "image/svg+xml",
        _ => "application/json",
    }
}

#[test]
fn each_path_has_its_kind_and_every_answer_the_headers_that_keep_others_out() {
    let (page, _haproxy) = Page::start(1);
    for path in PATHS {
        let head = page.ask("HEAD", path);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-type"), Some(kind(path)));
        if path != "/live" {
            let answer = page.get(path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some(kind(path)));
            assert!(!answer.body.is_empty());
        }
    }
    let others = [page.get("/nothing"), page.ask("POST", "/")];
    let all = PATHS.map(|path| page.ask("HEAD", path));
    for answer in all.iter().chain(&others) {
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value));
        }
        assert!(answer.header("access-control-allow-origin").is_none());
        let kept = answer.header("cache-control").unwrap();
        assert!(["no-store", "no-cache"].contains(&kept), "{kept}");
    }
}

#[test]
fn nothing_else_is_there() {
    let (page, _haproxy) = Page::start(2);
    for path in [
        "/nothing",
        "/live/",
        "//",
        "/state",
        "/nodes/s1",
        "/../nodes/s1",
        "/%2e%2e/nodes/s1",
        "/page.css/",
        "/PAGE.css",
        "/page%2ecss",
    ] {
        assert_eq!(page.get(path).status, 404, "{path}");
    }
}

#[test]
fn nothing_can_be_done_but_to_look() {
    let (page, _haproxy) = Page::start(3);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "LOOK"] {
        for path in PATHS {
            let answer = page.ask(method, path);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        }
        assert_eq!(page.ask(method, "/nothing").status, 404);
    }
}

#[test]
fn what_follows_a_request_is_not_read() {
    let (page, _haproxy) = Page::start(4);
    let head = "GET /page.css HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n";
    let answer = page.raw(&format!("{head}Content-Length: 1000000000\r\n\r\n{{"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // Nor is what stands in a request besides its path.
    let answer = page.raw(&format!(
        "{head}Cookie: a=b\r\nRange: bytes=0-0\r\nIf-None-Match: *\r\nX-Forwarded-Host: x\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[test]
fn the_state_is_that_of_the_files() {
    let (page, _haproxy) = Page::start(5);
    let state = page.json("/state.json");
    assert_eq!(state["name"], "lb1");
    let agreement = page.json("/agreement.json");
    assert_eq!(agreement["name"], "lb1");
    assert_eq!(agreement["nodes"], serde_json::json!(["s1 10.0.0.1"]));
    assert_eq!(agreement["digest"], state["digest"]);
    page.cluster.join("s2");
    let other = page.json("/state.json");
    assert_ne!(other["digest"], state["digest"]);
}
