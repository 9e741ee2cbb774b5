//! Nodes that find each other by multicast, where nobody is named and no route leads anywhere.

use std::time::{Duration, Instant};

use harness::cluster::{FAILURE, SOON};
use harness::wait_for;

use crate::lan::{Lan, Plug};
use crate::view;

const DISCOVER: [(&str, &str); 2] = [("SERF_DISCOVER", "muster"), ("SERF_JOIN", "nobody.invalid")];

fn wait_for_members(lan: &Lan, number: u8, names: &[&str]) {
    wait_for(&format!("n{number} to know {names:?}"), FAILURE, || {
        (view::living(&mut lan.run_on(number, "serf")) == names).then_some(())
    });
}

/// Plugs hosts in, so that only the services are yet to start.
fn plugged_in(name: &str, plug: Plug, numbers: &[u8]) -> Lan {
    let mut lan = Lan::new(name);
    for number in numbers {
        lan.plug_in(plug, *number);
    }
    lan
}

/// How long it takes until two nodes are one cluster, from the start of the second.
fn together(name: &str, plug: Plug, apart: Duration) -> Duration {
    let mut lan = plugged_in(name, plug, &[1, 2]);
    let first = Instant::now();
    lan.boot(1, "webapp/services", &DISCOVER);
    wait_for("the time for the second", FAILURE, || {
        (first.elapsed() >= apart).then_some(())
    });
    let second = Instant::now();
    lan.boot(2, "webapp/services", &DISCOVER);
    for number in [1, 2] {
        wait_for_members(&lan, number, &["n1", "n2"]);
    }
    let took = second.elapsed();
    eprintln!("{name}: {took:?}");
    took
}

const IPV4: Plug = Plug::Bare { ipv6: false };
const BOTH: Plug = Plug::Bare { ipv6: true };

#[test]
fn nodes_that_start_at_the_same_moment_become_one_cluster() {
    for (name, plug) in [("mdns4", IPV4), ("mdns46", BOTH), ("mdns6", Plug::Ipv6)] {
        assert!(together(name, plug, Duration::ZERO) < 10 * Duration::from_secs(5));
    }
}

#[test]
fn a_node_that_starts_later_finds_the_one_that_is_there() {
    for (name, plug) in [("later4", IPV4), ("later46", BOTH), ("later6", Plug::Ipv6)] {
        assert!(together(name, plug, Duration::from_secs(3)) < 10 * Duration::from_secs(5));
    }
}

#[test]
fn a_balancer_finds_its_nodes_by_multicast() {
    let mut lan = plugged_in("mdns", IPV4, &[1, 42, 2]);
    lan.boot(1, "webapp/services", &DISCOVER);
    lan.boot(42, "ha/services", &DISCOVER);
    lan.boot(2, "webapp/services", &DISCOVER);
    lan.wait_until_up(42, &["n1", "n2"]);
}

#[test]
fn a_node_that_was_alone_finds_others_later() {
    let mut lan = plugged_in("alone", IPV4, &[1, 2]);
    lan.cable(2, "down");
    lan.boot(2, "webapp/services", &DISCOVER);
    lan.boot(1, "webapp/services", &DISCOVER);
    for number in [1, 2] {
        wait_for_members(&lan, number, &[&format!("n{number}")]);
    }
    lan.cable(2, "up");
    wait_for_members(&lan, 1, &["n1", "n2"]);
    wait_for_members(&lan, 2, &["n1", "n2"]);
}

/// An agent that discovers as Serf itself does.
fn plain_agent(lan: &Lan, number: u8) -> harness::Owned {
    let mut agent = lan.run_on(number, "serf");
    let address = format!("10.77.0.{number}");
    agent.args([
        "agent",
        "-node",
        &format!("plain{number}"),
        "-bind",
        &address,
    ]);
    agent.args(["-discover", "muster", "-tag", "role=backend"]);
    harness::Owned::spawn(&mut agent).unwrap()
}

#[test]
fn agents_with_serfs_own_discovery_find_ours_and_are_found() {
    for ours_is_first in [true, false] {
        let mut lan = Lan::new(if ours_is_first { "ours" } else { "plain" });
        // Serf asks on the interface of the default route.
        lan.plug_in(Plug::At(crate::lan::Switch::Near), 1);
        lan.plug_in(Plug::At(crate::lan::Switch::Near), 2);
        let mut plain = None;
        if !ours_is_first {
            plain = Some(plain_agent(&lan, 2));
            wait_for("the plain agent", SOON, || {
                (view::living(&mut lan.run_on(2, "serf")) == ["plain2"]).then_some(())
            });
        }
        lan.boot(1, "webapp/services", &DISCOVER);
        if ours_is_first {
            wait_for_members(&lan, 1, &["n1"]);
            plain = Some(plain_agent(&lan, 2));
        }
        for number in [1, 2] {
            wait_for_members(&lan, number, &["n1", "plain2"]);
        }
        drop(plain);
    }
}
