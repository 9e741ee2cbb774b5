//! Nodes that say nothing any more: cut off, frozen, paused or killed.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::cluster::SOON;
use harness::http::{Connection, Request};
use harness::lan::Lan;
use harness::load::{Connections, Load, Report, Running};
use harness::wait::pass;
use harness::{send, wait_for};
use nix::sys::signal::Signal::{self, SIGCONT, SIGKILL, SIGSTOP, SIGUSR1};

/// The balancer; the nodes are 1, 2 and 3.
const BALANCER: u8 = 42;
const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Ten times what a request waits at most for a frozen node.
const MUCH: Duration = Duration::from_secs(40);

/// So many requests can wait at a time: all that come until a frozen node is found.
const WAITING: u32 = 400;

fn lan(name: &str) -> Lan {
    let mut lan = Lan::new(name);
    let seeds = ("SERF_JOIN", "10.77.0.1 10.77.0.42");
    lan.start(BALANCER, "ha/services", &[seeds]);
    for number in 1..=3 {
        let log = log(&lan, number);
        lan.start(number, "webapp/services", &[seeds, ("WEBAPP_LOG", &log)]);
    }
    lan.wait_for_agreement(BALANCER, &NODES);
    lan
}

/// The access log of a node's web application.
fn log(lan: &Lan, number: u8) -> String {
    lan.state(number).join("access").display().to_string()
}

fn front() -> SocketAddr {
    "127.0.0.1:80".parse().unwrap()
}

fn load(lan: &Lan, method: &'static str) -> Running {
    let load = Load {
        method,
        waiting: WAITING,
        ..Load::new(front(), 100)
    };
    let running = lan.within(BALANCER, move || load.start()).join().unwrap();
    wait_for("requests to all nodes", SOON, || {
        (running.begun() > u64::from(WAITING) + 100).then_some(())
    });
    running
}

/// Waits until so many more requests have begun, and ends the load.
fn stop_after(running: Running, more: u64) -> Report {
    let begun = running.begun();
    wait_for("more requests", SOON, || {
        (running.begun() > begun + more).then_some(())
    });
    running.stop()
}

fn signal(lan: &Lan, number: u8, signal: Signal) {
    send(lan.service_pid(number, "webapp"), signal);
}

fn wait_until_down(lan: &Lan) {
    wait_for("the first node to be DOWN", SOON, || {
        (lan.up(BALANCER) == NODES[1..]).then_some(())
    });
}

fn wait_until_ended(lan: &Lan) {
    wait_for("the requests on the silent node to be ended", SOON, || {
        let told = lan.log(BALANCER).contains("nodes/n1 is silent (");
        told.then_some(())
    });
}

#[test]
fn a_cable_that_is_cut_costs_no_get_and_of_posts_only_those_that_were_sent() {
    let lan = lan("cable");
    for (method, fails_at_most) in [
        ("GET", 0),
        // A connection that is kept to the node can have taken one.
        ("POST", u64::from(WAITING) / 2),
    ] {
        let running = load(&lan, method);
        lan.cable(1, "down");
        wait_until_down(&lan);
        let report = stop_after(running, 100);
        assert!(report.failed() <= fails_at_most, "{method}: {report:?}");
        assert!(report.max() < MUCH, "{method}: {report:?}");
        lan.cable(1, "up");
        lan.wait_until_up(BALANCER, &NODES);
    }
}

#[test]
fn a_post_that_has_to_connect_is_not_lost_with_the_cable() {
    let lan = lan("connect");
    let load = Load {
        method: "POST",
        connections: Connections::Close,
        waiting: WAITING,
        ..Load::new(front(), 100)
    };
    let running = lan.within(BALANCER, move || load.start()).join().unwrap();
    lan.cable(1, "down");
    wait_until_down(&lan);
    wait_until_ended(&lan);
    let report = stop_after(running, 100);
    // Those that were sent when it was cut. A new client's request is never sent over a
    // connection that an earlier one has left.
    assert!(report.failed() <= 2, "{report:?}");
}

#[test]
fn a_frozen_node_costs_no_get_and_holds_up_nothing_for_long() {
    let lan = lan("frozen");
    let running = load(&lan, "GET");
    signal(&lan, 1, SIGSTOP);
    wait_until_down(&lan);
    wait_until_ended(&lan);
    let report = stop_after(running, 100);
    signal(&lan, 1, SIGCONT);
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.max() < MUCH, "{report:?}");
    lan.wait_until_up(BALANCER, &NODES);
}

#[test]
fn a_node_that_pauses_for_a_second_loses_no_request() {
    let lan = lan("pause");
    for method in ["GET", "POST"] {
        let running = load(&lan, method);
        signal(&lan, 1, SIGSTOP);
        pass(Duration::from_secs(1));
        signal(&lan, 1, SIGCONT);
        let report = stop_after(running, 200);
        assert_eq!(report.failed(), 0, "{method}: {report:?}");
    }
}

#[test]
fn a_node_that_is_killed_costs_no_slow_get_and_no_post_is_sent_twice() {
    let lan = lan("killed");
    for number in 1..=3 {
        delay(&lan, number, 3000);
    }
    for method in ["GET", "POST"] {
        let asked: Vec<_> = (0..100)
            .map(|number| lan.within(BALANCER, move || ask(method, number)))
            .collect();
        wait_for("all nodes to have their share", SOON, || {
            (seen(&lan, method).len() >= 100).then_some(())
        });
        let on_the_first = lines(&lan, 1, method).len();
        assert!(on_the_first > 20, "{on_the_first}");
        signal(&lan, 1, SIGKILL);
        let answers = asked.into_iter().map(|asked| asked.join().unwrap());
        let failed = answers.filter(|answer| !answer).count();
        let mut names = seen(&lan, method);
        if method == "GET" {
            assert_eq!(failed, 0);
            assert!(names.len() > 100, "none was repeated");
        } else {
            assert_eq!(failed, on_the_first);
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "one was sent twice");
        }
        lan.wait_until_up(BALANCER, &NODES);
        delay(&lan, 1, 3000);
    }
}

#[test]
fn a_request_on_a_node_that_says_it_is_leaving_is_not_cut() {
    let lan = lan("leaving");
    delay(&lan, 1, 3000);
    let post = lan.within(BALANCER, || -> Vec<bool> {
        // One of three goes to the slow node.
        (0..3).map(|number| ask("POST", number)).collect()
    });
    wait_for("the slow one to have its request", SOON, || {
        (!lines(&lan, 1, "POST").is_empty()).then_some(())
    });
    // Its health check gets 503 from now on, so that it is DOWN.
    signal(&lan, 1, SIGUSR1);
    wait_until_down(&lan);
    assert_eq!(post.join().unwrap(), [true; 3]);
    assert!(!lan.log(BALANCER).contains("is silent"), "it was cut");
}

/// Makes a node's web application slow.
fn delay(lan: &Lan, number: u8, milliseconds: u32) {
    let node: SocketAddr = format!("10.77.0.{number}:3000").parse().unwrap();
    let body = format!("{{\"delay\": {milliseconds}}}");
    let asked = lan.within(BALANCER, move || {
        let deadline = Instant::now() + SOON;
        let request = Request {
            method: "POST",
            path: "/delay",
            headers: "Connection: close\r\n",
            body: &body,
        };
        let mut connection = Connection::open(node, deadline).unwrap();
        connection.ask(&request, deadline).unwrap().status
    });
    assert_eq!(asked.join().unwrap(), 200);
}

/// Whether a request with this name is answered well.
fn ask(method: &str, number: usize) -> bool {
    let deadline = Instant::now() + MUCH;
    let request = Request {
        method,
        path: "/",
        headers: &format!("Connection: close\r\nX-Request-Id: {method}-{number}\r\n"),
        body: "",
    };
    let mut connection = Connection::open(front(), deadline).unwrap();
    let answer = connection.ask(&request, deadline);
    answer.is_ok_and(|answer| answer.status == 200)
}

/// The lines of a node's access log for requests that have a name.
fn lines(lan: &Lan, number: u8, method: &str) -> Vec<String> {
    let log = fs::read_to_string(log(lan, number)).unwrap_or_default();
    let begin = format!("{method} / {method}-");
    let lines = log.lines().filter(|line| line.starts_with(&begin));
    lines.map(ToOwned::to_owned).collect()
}

/// The same of all nodes.
fn seen(lan: &Lan, method: &str) -> Vec<String> {
    (1..=3)
        .flat_map(|number| lines(lan, number, method))
        .collect()
}
