//! Faults that are planted, each of which the comparison has to find.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::wait::until;

use super::case::{Act, Item, Loop, Node, Section, State, Style, Template};
use super::configuration::line;
use super::pair::{Pair, SETTLES};
use super::sites::{READY, SITES, Sites};

/// How long the two are given to become equal again, which they do not.
const PATIENCE: Duration = Duration::from_secs(1);

fn section(header: &str, lines: &[&str]) -> Section {
    Section {
        header: header.to_owned(),
        items: lines.iter().map(|text| line(text)).collect(),
    }
}

fn state(balance: &str) -> State {
    let global = [
        "stats socket \"${HAPROXY_SOCKET}\" mode 600 level admin",
        "hard-stop-after 2s",
    ];
    let defaults = [
        "mode http",
        "timeout connect 2s",
        "timeout client 9s",
        "timeout server 9s",
        // Without it a check has no longer than its interval.
        "timeout check 9s",
    ];
    let source = "source \"${HAPROXY_ADDRESS}\"";
    let bind = "bind \"${HAPROXY_ADDRESS}:8101\"";
    let mut backend = section(
        "backend b1",
        &[
            balance,
            source,
            "option httpchk",
            "http-response set-header X-Mark 0",
        ],
    );
    let words = [
        "check inter 50ms fall 1",
        "weight {{ n.weight }}",
        "maxconn 20",
    ];
    backend.items.push(Item::Loop(Loop {
        words: words.map(str::to_owned).into(),
        role: None,
        style: Style::Tight,
    }));
    let node = |site: u8| Node {
        site,
        weight: None,
        role: "primary",
        id: u32::from(site) + 1,
    };
    State {
        act: Act::Start,
        template: Template {
            sections: vec![
                section("global", &global),
                section("defaults", &defaults),
                section("frontend f1", &[bind, "default_backend b1"]),
                backend,
            ],
            crlf: false,
        },
        nodes: (0..3)
            .map(|site| (format!("s{site}"), node(site)))
            .collect::<BTreeMap<_, _>>(),
        words: [READY; SITES as usize],
        by_hand: Vec::new(),
    }
}

/// Waits until the comparison finds what is expected: as long as checks have no result,
/// it finds that.
fn assert_found(pair: &mut Pair, expected: &str, planted: &str) {
    let mut found = String::new();
    let _ = until(planted, SETTLES, || {
        found = pair.judge().unwrap().unwrap_or_default();
        found.contains(expected).then_some(())
    });
    assert!(found.contains(expected), "{planted}: {found:?}");
}

#[test]
fn a_fault_that_is_planted_is_found() {
    let sites = Sites::new(40);
    let elsewhere = format!("set server b1/s1 addr {} port 3000", sites.at(4));
    let extra = format!("add server b1/x {}:3000;enable server b1/x", sites.at(5));
    for (command, expected) in [
        ("set server b1/s1 weight 33", "srv_uweight"),
        (elsewhere.as_str(), "srv_addr"),
        ("set server b1/s1 state maint", "srv_admin_state"),
        ("set server b1/s1 state drain", "srv_admin_state"),
        ("disable health b1/s1", "srv_check_state"),
        ("set maxconn server b1/s1 7", "slim"),
        ("set server b1/s1 check-port 3001", "srv_check_port"),
        ("disable frontend f1", "f1/FRONTEND status"),
        (extra.as_str(), "b1/x runs, and is not in the file"),
    ] {
        let mut pair = Pair::start(&sites, &state("balance roundrobin")).unwrap();
        pair.compare().unwrap();
        pair.patience = PATIENCE;
        pair.ask(command);
        assert_found(&mut pair, expected, command);
    }
}

#[test]
fn a_file_that_was_not_taken_over_is_found() {
    let sites = Sites::new(41);
    for (from, to, expected) in [
        ("X-Mark 0", "X-Mark 1", "x-mark=1"),
        ("balance source", "balance uri", "BACKEND algo"),
        (
            "balance source",
            "balance source\n    hash-type consistent",
            "request",
        ),
        (
            "maxconn 20",
            "maxconn 20 send-proxy",
            "b1/s0 status: \"UP\" runs, \"DOWN\" is new",
        ),
        ("maxconn 20", "maxconn 20 backup", "bck"),
        ("maxconn 20", "maxconn 20 rise 7", "check_rise"),
        ("inter 50ms", "inter 500ms", "is visited"),
        ("maxconn 20", "maxconn 20 ssl verify none", "srv_use_ssl"),
        (
            "server s2 ",
            "server s9 ",
            "b1/s9 is in the file, and does not run",
        ),
    ] {
        let mut pair = Pair::start(&sites, &state("balance source")).unwrap();
        pair.compare().unwrap();
        pair.patience = PATIENCE;
        pair.edit(from, to);
        assert_found(&mut pair, expected, to);
    }
}
