//! Nodes that find each other by multicast, where nobody is named and no route leads anywhere.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use harness::cluster::{FAILURE, SOON, living};
use harness::lan::{Lan, Plug};
use harness::wait_for;

const DISCOVER: [(&str, &str); 2] = [("SERF_DISCOVER", "muster"), ("SERF_JOIN", "nobody.invalid")];

fn wait_for_members(lan: &Lan, number: u8, names: &[&str]) {
    wait_for(&format!("n{number} to know {names:?}"), FAILURE, || {
        (living(&mut lan.run_on(number, "serf")) == names).then_some(())
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
fn many_that_start_at_the_same_moment_become_one_cluster() {
    let numbers = [1, 2, 3, 4, 5, 6];
    let mut lan = plugged_in("many", IPV4, &numbers);
    for number in numbers {
        lan.boot(number, "webapp/services", &DISCOVER);
    }
    for number in numbers {
        wait_for_members(&lan, number, &["n1", "n2", "n3", "n4", "n5", "n6"]);
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
        lan.plug_in(Plug::At(harness::lan::Switch::Near), 1);
        lan.plug_in(Plug::At(harness::lan::Switch::Near), 2);
        let mut plain = None;
        if !ours_is_first {
            plain = Some(plain_agent(&lan, 2));
            wait_for("the plain agent", SOON, || {
                (living(&mut lan.run_on(2, "serf")) == ["plain2"]).then_some(())
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

/// A name as DNS has it, of labels that may have any bytes.
fn name(labels: &[&str]) -> Vec<u8> {
    let mut name = Vec::new();
    for label in labels {
        name.push(u8::try_from(label.len()).unwrap());
        name.extend(label.as_bytes());
    }
    name.push(0);
    name
}

fn record(owner: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [owner, &[0, kind, 0, 1, 0, 0, 0, 120], &length, data].concat()
}

/// An answer that an agent of the cluster muster is at `ip`, called as the caller likes.
fn answer(called: &str, ip: [u8; 4], port: u16) -> Vec<u8> {
    let service = name(&["_serf_muster", "_tcp", "local"]);
    let instance = name(&[called, "_serf_muster", "_tcp", "local"]);
    let host = name(&[called]);
    let place = [&[0, 0, 0, 0], &port.to_be_bytes()[..], &host].concat();
    let header = [0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0];
    let records = [
        record(&service, 12, &instance),
        record(&instance, 33, &place),
        record(&host, 1, &ip),
    ];
    [&header[..], &records.concat()].concat()
}

/// Answers the next question on the network of host 2.
fn forge(answers: Vec<Vec<u8>>) {
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let socket = UdpSocket::bind((group, 5353)).unwrap();
    let own = Ipv4Addr::new(10, 77, 0, 2);
    socket.join_multicast_v4(&group, &own).unwrap();
    socket.set_read_timeout(Some(FAILURE)).unwrap();
    let (_, asker) = socket.recv_from(&mut [0; 4096]).unwrap();
    for answer in answers {
        socket.send_to(&answer, asker).unwrap();
    }
}

#[test]
fn of_what_anybody_answers_only_a_neighbours_address_is_believed() {
    let lan = plugged_in("forged", IPV4, &[1, 2]);
    let port = 7946;
    let answers = vec![
        b"\x1b]0;owned\x07\n10.77.0.66:7946\n".to_vec(),
        vec![0xc0; 4000],
        answer("x\n10.77.0.66:7946", [192, 0, 2, 1], port),
        answer("$(reboot)", [127, 0, 0, 1], 22),
        answer("\x1b[2J", [224, 0, 0, 251], port),
        answer("own", [10, 77, 0, 1], port),
        answer("zero", [10, 77, 0, 3], 0),
        answer("`reboot` \n10.77.0.66:7946", [10, 77, 0, 9], port),
    ];
    let forger = lan.within(2, move || forge(answers));
    // Only what is asked after the forger listens is answered.
    wait_for("a forged answer", FAILURE, || {
        let program = harness::cluster::program("serf-discover");
        let mut find = lan.run_on(1, program.to_str().unwrap());
        let output = find
            .args(["find", "muster", "10.77.0.1:7946"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let said = String::from_utf8(output.stdout).unwrap();
        match output.status.code() {
            Some(1) => assert_eq!(said, ""),
            code => assert_eq!((code, said.as_str()), (Some(0), "10.77.0.9:7946\n")),
        }
        (!said.is_empty()).then_some(())
    });
    forger.join().unwrap();
}

#[test]
fn questions_of_neighbours_are_answered_and_no_flood_of_them() {
    let mut lan = plugged_in("asked", IPV4, &[1, 2]);
    lan.boot(1, "webapp/services", &DISCOVER);
    wait_for_members(&lan, 1, &["n1"]);
    let flood = lan.within(2, || {
        let socket = UdpSocket::bind("10.77.0.2:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let header = [0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let service = name(&["_SERF_muster", "_tcp", "local"]);
        let question = [&header[..], &service, &[0, 12, 0, 1]].concat();
        let ask = || socket.send_to(&question, ("224.0.0.251", 5353)).unwrap();
        let mut buffer = [0; 4096];
        wait_for("a first answer", FAILURE, || {
            ask();
            socket.recv_from(&mut buffer).ok()
        });
        for _ in 0..1000 {
            ask();
        }
        let mut answers = 1;
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            assert_eq!(from.to_string(), "10.77.0.1:5353");
            assert_eq!(buffer[..2], [0, 7], "{:?}", &buffer[..length]);
            answers += 1;
        }
        answers
    });
    let answers = flood.join().unwrap();
    assert!(
        (1..=200).contains(&answers),
        "{answers} answers to 1000 questions"
    );
}
