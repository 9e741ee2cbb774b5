//! Files with the fingerprint that haproxy-gen gives them, on the real HAProxy.

use std::collections::BTreeMap;

use crate::haproxy::{Config, Haproxy, address};

/// The file as haproxy-gen writes it.
fn generated(mut config: Config) -> Config {
    config.fingerprint = None;
    let text = config.text();
    let parsed = haproxy_config::Config::parse(&text);
    config.fingerprint = Some(haproxy_config::fingerprint(&parsed, None));
    config
}

/// What HAProxy says of each server: its address, and its id where somebody gave it one.
fn servers(haproxy: &Haproxy) -> BTreeMap<String, (String, Option<u32>)> {
    let answer = haproxy.ask("show servers state nodes");
    let rows = answer.lines().skip(2).filter(|line| !line.is_empty());
    let server = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        let id = (columns[16] != "0").then(|| columns[2].parse().unwrap());
        (columns[3].to_owned(), (columns[4].to_owned(), id))
    };
    rows.map(server).collect()
}

#[test]
fn a_server_that_no_command_can_say_is_taken_over_by_a_reload() {
    let haproxy = Haproxy::start(93, &[1]);
    for option in ["check-sni a;b", "disabled", "check-sni \"a b\""] {
        for number in [2, 3] {
            let mut config = haproxy.config(&[1]);
            let there = address(93, number);
            config.backend = format!("    server odd {there} {option}\n");
            let told = haproxy.change(&generated(config));
            assert!(told.contains("reload"), "{option}: {told}");
            assert_eq!(servers(&haproxy)["odd"].0, there.ip().to_string());
            haproxy.assert_agrees();
            let status = haproxy.run(&["--status"]).stdout();
            assert!(status.contains("nodes/odd"), "{option}: {status}");
        }
    }
}

#[test]
fn a_server_keeps_the_id_of_its_line() {
    let haproxy = Haproxy::start(94, &[]);
    let with_ids = |ids: &[u32]| {
        let mut config = haproxy.config(&[]);
        let line = |(number, id)| {
            let there = address(94, number);
            format!("    server s{number} {there} check id {id}\n")
        };
        config.backend = (1..).zip(ids).map(line).collect();
        generated(config)
    };
    haproxy.change(&with_ids(&[70]));
    let worker = haproxy.worker();
    haproxy.change(&with_ids(&[70, 555]));
    assert_eq!(haproxy.worker(), worker);
    haproxy.assert_agrees();
    let by_commands = servers(&haproxy);
    assert_eq!(by_commands["s2"].1, Some(555));
    haproxy.run(&["--full"]);
    assert_eq!(servers(&haproxy), by_commands);
    let told = haproxy.change(&with_ids(&[70, 556]));
    assert!(
        told.contains("reload, since the id of nodes/s2 changed"),
        "{told}"
    );
    assert_eq!(servers(&haproxy)["s2"].1, Some(556));
    haproxy.assert_agrees();
}
