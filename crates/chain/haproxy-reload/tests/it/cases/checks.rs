//! Health checks, however they are asked for.

use harness::wait_for;

use super::case::{Case, each, nodes, template};
use super::peers::{Agent, Recorder};
use crate::haproxy::{PATIENCE, address};

#[test]
fn haproxy_survives_a_join_where_a_program_makes_the_checks() {
    let mut template = template(&format!(
        "    option external-check\n    external-check command /bin/true\n{}",
        each("check inter 200ms")
    ));
    template
        .global
        .push_str("    external-check\n    insecure-fork-wanted\n");
    let case = Case::start(150, &template, &[1]);
    case.add(2, "");
    case.step_with_reload("nodes/s2 cannot be added at run time: option external-check");
    case.wait_for_status("s2", "UP");
    case.assert_agrees();
}

/// Options of servers, lines before them, and how their checks begin.
const KINDS: [(&str, &str, &[u8]); 9] = [
    ("ssl verify none check", "option httpchk", b"\x16\x03"),
    ("ssl verify none check", "", b"\x16\x03"),
    ("check", "default-server ssl verify none", b"\x16\x03"),
    ("send-proxy check", "option httpchk", b"PROXY"),
    ("send-proxy-v2 check", "", b"\r\n\r\n"),
    (
        "ssl verify none check",
        "default-server send-proxy",
        b"PROXY",
    ),
    (
        "ssl verify none check no-check-ssl",
        "option httpchk",
        b"OPTIO",
    ),
    (
        "send-proxy ssl verify none check port PORT",
        "option httpchk",
        b"OPTIO",
    ),
    ("check", "option httpchk", b"OPTIO"),
];

#[test]
fn checks_of_a_joined_node_speak_what_those_of_the_file_do() {
    let port = |kind: usize| 3001 + u16::try_from(kind).unwrap();
    let mut template = template(&each(""));
    for (kind, (options, lines, _)) in KINDS.iter().enumerate() {
        let (port, loops) = (port(kind), each(&format!("{options} inter 100ms")));
        let loops = loops.replace("n.address }}", "n.ip }}:PORT");
        let section = format!("backend kind{kind}\n    {lines}\n{loops}");
        template.more += &section.replace("PORT", &port.to_string());
    }
    let record = |node, kind| {
        let mut address = address(151, node);
        address.set_port(port(kind));
        Recorder::start(address)
    };
    let of_node = |node| (0..KINDS.len()).map(move |kind| record(node, kind));
    let (of_the_file, joined): (Vec<_>, Vec<_>) = (of_node(1).collect(), of_node(2).collect());
    let case = Case::start(151, &template, &[1]);
    case.add(2, "");
    case.step_without_reload();
    for recorders in [of_the_file, joined] {
        for (recorder, (options, lines, expected)) in recorders.iter().zip(KINDS) {
            let seen = wait_for("a check", PATIENCE, || recorder.seen());
            assert!(seen.starts_with(expected), "{lines} {options}: {seen:?}");
        }
    }
}

#[test]
fn a_node_that_moves_is_checked_first_where_default_server_asks_for_it() {
    let nodes = nodes(152, &[1, 2, 3]);
    let template = template(&format!(
        "    option httpchk HEAD /\n    default-server check inter 1s fastinter 100ms downinter 50ms \
         fall 2 rise 1\n{}",
        each("")
    ));
    let case = Case::start(152, &template, &[1, 3]);
    nodes[1].set_sick(true);
    case.place(1, address(152, 2), "");
    case.step_without_reload();
    (0..30).for_each(|_| assert_eq!(case.get("/"), "s3"));
    nodes[1].set_sick(false);
    wait_for("the new address to serve", PATIENCE, || {
        (case.get("/") == "s2").then_some(())
    });
    assert_eq!(nodes[1].early_requests(), 0);
}

#[test]
fn a_check_that_somebody_disabled_is_shown_and_put_right() {
    let case = Case::start(167, &template(&each("check inter 100ms")), &[1]);
    let worker = case.worker();
    let shown = || {
        let (status, rows) = case.status();
        (status["agrees"] == true, rows["nodes/s1"].clone())
    };
    assert_eq!(shown(), (true, "same".to_owned()));
    case.ask("disable health nodes/s1");
    assert_eq!(shown(), (false, "differs".to_owned()));
    case.follow();
    assert_eq!(shown(), (true, "same".to_owned()));
    assert_eq!(case.worker(), worker);
}

#[test]
fn nobody_checks_a_node_that_joins_in_maintenance() {
    let off = "{% if n.tags.is == \"off\" %}disabled{% endif %}";
    let lines = format!(
        "    option httpchk\n{}",
        each(&format!("check inter 50ms {off}"))
    );
    let [stays, joins] = [1, 2].map(|number| Agent::start(address(191, number), ""));
    let case = Case::start(191, &template("    balance roundrobin"), &[]);
    case.add(1, "is=on");
    case.use_template(&template(&lines));
    case.follow();
    case.add(2, "is=off");
    case.step_without_reload();
    let until = stays.asked() + 10;
    wait_for("further checks", PATIENCE, || {
        (stays.asked() >= until).then_some(())
    });
    assert_eq!(joins.asked(), 0);
    assert!(case.is_out("s2"));
    case.add(2, "is=on");
    case.step_without_reload();
    wait_for("a check", PATIENCE, || (joins.asked() > 0).then_some(()));
    case.assert_agrees();
}
