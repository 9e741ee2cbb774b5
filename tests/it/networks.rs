//! Which network a cluster is in: hosts that have two, and hosts that have IPv6 alone.

use std::collections::BTreeMap;

use harness::cluster::{FAILURE, node_files, program};
use harness::lan::{Lan, Plug};
use harness::wait_for;

/// The addresses of the living members, by name, as host `number` knows them.
fn members(lan: &Lan, number: u8) -> BTreeMap<String, String> {
    let mut serf = lan.run_on(number, "serf");
    serf.args(["members", "-format=json", "-status=alive"]);
    let output = serf.output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let members = list["members"].as_array().cloned().unwrap_or_default();
    let pairs = members
        .iter()
        .map(|it| (text(&it["name"]), text(&it["addr"])));
    pairs.collect()
}

fn wait_for_members(lan: &Lan, number: u8, expected: &[(&str, &str)]) {
    let pairs = expected.iter();
    let expected = pairs
        .map(|(name, at)| ((*name).to_owned(), (*at).to_owned()))
        .collect();
    let mut seen = BTreeMap::new();
    let what = format!("{expected:?} to be the members of n{number}");
    wait_for(&what, FAILURE, || {
        seen = members(lan, number);
        (seen == expected).then_some(())
    });
}

#[test]
fn the_network_of_the_seeds_is_that_of_the_cluster_whatever_its_interface_is_called() {
    let mut lan = Lan::new("two");
    lan.uplink("down");
    let seeds = [("SERF_JOIN", "10.77.0.1 10.77.0.42")];
    for (number, near, folder) in [
        (42, "eth1", "ha/services"),
        (1, "eth0", "webapp/services"),
        (2, "eth1", "webapp/services"),
        (3, "eth0", "webapp/services"),
    ] {
        lan.plug_in(Plug::Two(near), number);
        lan.boot(number, folder, &seeds);
    }
    let expected = [
        ("n1", "10.77.0.1:7946"),
        ("n2", "10.77.0.2:7946"),
        ("n3", "10.77.0.3:7946"),
        ("n42", "10.77.0.42:7946"),
    ];
    wait_for_members(&lan, 42, &expected);
    lan.wait_for_agreement(42, &["n1", "n2", "n3"]);
}

#[test]
fn a_host_with_two_networks_whose_seeds_say_nothing_tells_which_it_took() {
    let mut lan = Lan::new("mute");
    lan.plug_in(Plug::Two("eth0"), 1);
    lan.plug_in(Plug::Two("eth0"), 2);
    let seeds = ("SERF_JOIN", "nobody.invalid");
    lan.boot(1, "webapp/services", &[seeds]);
    lan.boot(2, "webapp/services", &[seeds, ("SERF_IFACE", "eth0")]);
    wait_for_members(&lan, 1, &[("n1", "10.78.0.1:7946")]);
    wait_for_members(&lan, 2, &[("n2", "10.77.0.2:7946")]);
    let said = lan.log(1);
    assert!(said.contains("taking 10.78.0.1"), "{said}");
    assert!(
        said.contains("SERF_IFACE") && said.contains("SERF_BIND"),
        "{said}"
    );
    let said = lan.log(2);
    assert!(!said.contains("several addresses"), "{said}");
}

#[test]
fn an_address_that_was_guessed_is_left_when_the_seeds_say_another_one() {
    let mut lan = Lan::new("late");
    let programs = harness::scratch();
    let answers = programs.path().join("answers");
    let getent = format!("#!/bin/sh\nexec cat {} 2>/dev/null\n", answers.display());
    harness::write_program(&programs.path().join("getent"), &getent);
    let path = format!(
        "{}:{}:{}:/usr/sbin:/usr/bin:/sbin:/bin",
        programs.path().display(),
        harness::root().join("target/bin").display(),
        harness::root().join("ha/scripts").display()
    );
    lan.plug_in(Plug::Two("eth0"), 1);
    let settings = [("PATH", path.as_str()), ("SERF_JOIN", "cluster")];
    lan.boot(1, "webapp/services", &settings);
    wait_for_members(&lan, 1, &[("n1", "10.78.0.1:7946")]);
    let answer = b"10.77.0.1 STREAM cluster\n";
    files::replace(&answers, answer, files::Durability::Unsynced).unwrap();
    wait_for_members(&lan, 1, &[("n1", "10.77.0.1:7946")]);
    let said = lan.log(1);
    assert_eq!(said.matches("starting it again").count(), 1, "{said}");
    is_healthy(&lan, 1, "3000");
}

#[test]
fn a_cluster_lives_on_ipv6_alone() {
    let mut lan = Lan::new("ipv6");
    let balancer = [
        ("SERF_JOIN", "fd77::1 [fd77::2]:7946"),
        ("HAPROXY_HTTP", ":::80"),
        ("HAPROXY_STATS", ":::1936"),
        ("HAPROXY_CLI_BIND", ":::9999"),
    ];
    let listen = ("WEBAPP_LISTEN", "[::]:3000");
    let bare = [listen, ("SERF_JOIN", "fd77::42")];
    let told = [
        listen,
        ("SERF_JOIN", "[fd77::42]:7946"),
        ("SERF_BIND", "fd77::2"),
        ("SERF_RPC_ADDR", "[::1]:7373"),
    ];
    lan.plug_in(Plug::Ipv6, 42);
    lan.boot(42, "ha/services", &balancer);
    lan.plug_in(Plug::Ipv6, 1);
    lan.boot(1, "webapp/services", &bare);
    lan.plug_in(Plug::Ipv6, 2);
    lan.boot(2, "webapp/services", &told);
    let expected = [
        ("n1", "[fd77::1]:7946"),
        ("n2", "[fd77::2]:7946"),
        ("n42", "[fd77::42]:7946"),
    ];
    wait_for_members(&lan, 42, &expected);
    lan.wait_for_agreement(42, &["n1", "n2"]);
    assert_eq!(node_files(&lan.state(42).join("nodes")), ["n1", "n2"]);
    let mut served = BTreeMap::new();
    wait_for("both nodes to answer", FAILURE, || {
        let mut curl = lan.run_on(1, "curl");
        curl.args(["-s", "-m", "5", "http://[fd77::42]/"]);
        let page = String::from_utf8(curl.output().unwrap().stdout).unwrap();
        let node = ["n1", "n2"].iter().find(|name| page.contains(**name))?;
        served.insert(*node, page);
        (served.len() == 2).then_some(())
    });
    is_healthy(&lan, 42, "1936");
    is_healthy(&lan, 1, "3000");
}

/// The health check of the image says that what listens there serves, and that the host is a
/// member, or rightly alone.
fn is_healthy(lan: &Lan, number: u8, port: &str) {
    let mut check = lan.run_on(number, program("node-health").to_str().unwrap());
    check.env("HEALTH_PORT", port);
    check.env("NODE_HEALTH_MARK", lan.state(number).join("joined"));
    let output = check.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
