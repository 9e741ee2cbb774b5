//! `/nodes` is the interface: without Serf anything may write it.

use std::fs;
use std::io::Write;
use std::path::Path;

use harness::cluster::{SOON, node_files};
use harness::{Owned, require, root, wait_for};

use super::{Example, done, under_load};
use crate::examples::http;

/// Writes a file of hosts in its place, as an editor does: it is mounted.
fn write_hosts(path: &Path, lines: &str) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

#[test]
fn nodes_follow_the_addresses_of_a_name() {
    let mut example = Example::new(126, "ha/config/haproxy.cfg.tera");
    for host in 1..=3 {
        let at = example.address(host, 3000);
        http::serve(at, move |peer| {
            while peer.request().is_some() {
                peer.answer("200 OK", &at.ip().to_string());
            }
        });
    }
    let hosts = example.path("hosts");
    let names = |hosts: &[u8]| {
        let ip = |host: &u8| example.address(*host, 0).ip();
        hosts
            .iter()
            .map(|host| format!("web.example-{}", ip(host)))
            .collect::<Vec<_>>()
    };
    let lines = |hosts: &[u8]| {
        let line = |host: &u8| format!("{} web.example\n", example.address(*host, 0).ip());
        hosts.iter().map(line).collect::<String>()
    };
    let (texts, expected) = (
        [&[1][..], &[1, 2, 3], &[2, 3], &[], &[3]].map(lines),
        [&[1][..], &[1, 2, 3], &[2, 3], &[2, 3], &[3]].map(names),
    );
    write_hosts(&hosts, &texts[0]);
    example.apply();
    let mut command = example.command(&require("unshare"));
    let script = "mount --bind \"$1\" /etc/hosts && exec \"$2\" web.example 3000";
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&hosts);
    command
        .arg(root().join("examples/nodes/dns"))
        .env("DNS_EVERY", "0.2");
    command.env("HAPROXY_TEMPLATE", &example.pairs[0].0);
    command.stderr(fs::File::create(example.path("loop.log")).unwrap());
    let _loop = Owned::start(&mut command).unwrap();
    let agree = |expected: &[String]| {
        wait_for(&format!("{expected:?} to be up"), SOON, || {
            let states = example.statistics().states();
            let up = states.iter().filter(|(_, state)| state.starts_with("UP"));
            let up: Vec<&String> = up.map(|(name, _)| name).collect();
            let is_whole = up.iter().copied().eq(expected);
            (is_whole && node_files(&example.path("nodes")) == expected).then_some(())
        });
    };
    agree(&expected[0]);
    let worker = example.worker();
    under_load(example.front(), || {
        for (text, expected) in std::iter::zip(&texts, &expected).skip(1) {
            write_hosts(&hosts, text);
            agree(expected);
        }
    });
    assert_eq!(example.worker(), worker, "no reload");
    assert!(!done(
        &mut example.command(&harness::cluster::program("haproxy-reload"))
    ));
}
