//! No byte of a key is in any answer.

use std::fs;

use crate::haproxy::Haproxy;
use crate::page::{Cluster, PATHS, Page};
use crate::streams::Stream;

#[test]
fn no_answer_has_a_byte_of_a_key() {
    const SECRET: &str = "c2VjcmV0LW9mLXRoZS1jbHVzdGVy";
    let cluster = Cluster::new();
    for name in [
        "rpc.key",
        "gossip.key",
        "nodes/.rpc.key",
        "nodes/gossip.key",
    ] {
        fs::write(cluster.path(name), SECRET).unwrap();
    }
    fs::write(cluster.path("nodes/.state"), SECRET).unwrap();
    cluster.note(SECRET);
    std::os::unix::fs::symlink("../rpc.key", cluster.path("nodes/s9")).unwrap();
    let _haproxy = Haproxy::start(&cluster.socket(), &["s1"]);
    let page = Page::of(cluster, 61, |command| {
        command.env("SERF_RPC_AUTH", SECRET);
    });
    let more = [
        "/rpc.key",
        "/../rpc.key",
        "/%2e%2e/gossip.key",
        "/nodes/.state",
    ];
    for path in PATHS.into_iter().chain(more) {
        if path != "/live" {
            let text = page.get(path).text();
            assert!(
                !text.contains(SECRET) && !text.contains(&SECRET[..8]),
                "{path}"
            );
        }
    }
    let event = Stream::open(&page, "").next().unwrap();
    assert!(!event.data.contains(&SECRET[..8]), "{}", event.data);
}
