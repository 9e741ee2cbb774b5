//! A node that leaves is out at once, and its requests end by themselves.

use std::net::TcpListener;
use std::process::Stdio;
use std::thread::scope;
use std::time::Instant;

use harness::http::{Connection, Request};
use harness::wait_for;

use super::case::{Case, MAINTENANCE, State, Template, each, nodes, template};
use crate::haproxy::{PATIENCE, Run, front};

/// TCP with `default-server`, and old workers that stay as long as their connections.
fn tcp(variant: usize) -> Template {
    let lines = "    default-server inter 1s fastinter 100ms downinter 50ms\n";
    let mut template = template(&format!("{lines}{}", each("check")));
    template.global.clear();
    template.defaults = format!("    mode tcp\n    timeout queue {variant}s\n");
    template
}

/// A connection through HAProxy that stays open.
fn connection(test: u8) -> Connection {
    let deadline = Instant::now() + PATIENCE;
    let mut connection = Connection::open(front(test), deadline).unwrap();
    connection.ask(&Request::get("/"), deadline).unwrap();
    connection
}

#[test]
fn leaves_and_joins_do_not_wait_for_old_workers() {
    let _nodes = nodes(155, &[1, 2, 3, 4]);
    let case = Case::start(155, &tcp(1), &[1, 2, 3]);
    let mut connections = Vec::new();
    for variant in 2..7 {
        connections.push(connection(155));
        case.use_template(&tcp(variant));
        case.follow();
    }
    case.remove(3);
    case.step_without_reload();
    assert!(case.is_out("s3"));
    case.remove(2);
    case.add(4, "");
    case.use_template(&tcp(7));
    let run = case.run(&["--timeout", "1s"]);
    assert_eq!(run.code(), 111);
    let told = run.stderr();
    assert!(told.contains("5 old workers are still finishing"), "{told}");
    assert!(case.is_out("s2") && !case.is_out("s4"), "{told}");
    // Nor does it come at the end of a run only.
    case.remove(4);
    case.add(3, "");
    case.generate();
    let mut command = case.command(&[]);
    let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the leave and the join", PATIENCE, || {
        (case.is_out("s4") && !case.is_out("s3")).then_some(())
    });
    assert!(run.try_wait().unwrap().is_none(), "it came at the end");
    connections.clear();
    let run = Run(run.wait_with_output().unwrap());
    assert_eq!(run.code(), 0, "{}", run.stderr());
    case.assert_agrees();
}

#[test]
fn leaves_and_joins_do_not_wait_for_a_port_that_is_taken() {
    let _nodes = nodes(156, &[1, 2, 3]);
    let case = Case::start(156, &tcp(1), &[1, 2]);
    let mut taken = front(156);
    taken.set_port(8081);
    let stranger = TcpListener::bind(taken).unwrap();
    let mut template = tcp(2);
    template.more = format!("frontend more\n    bind {taken}\n    default_backend nodes\n");
    case.remove(2);
    case.add(3, "");
    case.use_template(&template);
    let run = case.run(&[]);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    assert!(case.is_out("s2") && !case.is_out("s3"), "{}", run.stderr());
    wait_for("the joined node to serve", PATIENCE, || {
        (case.get("/") == "s3").then_some(())
    });
    drop(stranger);
    case.follow();
    case.assert_agrees();
}

/// Lets a node with these lines and options leave during a request.
fn leave_during_a_request(test: u8, lines: &str, options: &str) {
    let nodes = nodes(test, &[1, 2]);
    let template = template(&format!("{lines}{}", each(options)));
    let case = Case::start(test, &template, &[1, 2]);
    scope(|scope| {
        // One for each.
        let slow = [(); 2].map(|()| scope.spawn(|| case.get("/slow")));
        wait_for("both requests to arrive", PATIENCE, || {
            nodes.iter().all(|node| node.requests() > 0).then_some(())
        });
        case.remove(2);
        case.step_without_reload();
        (0..4).for_each(|_| assert_eq!(case.get("/"), "s1"));
        let mut answers = slow.map(|answer| answer.join().unwrap());
        answers.sort();
        assert_eq!(answers, ["s1", "s2"]);
    });
    wait_for("it to go into maintenance", PATIENCE, || {
        let is_done = case.run(&[]).code() == 1;
        let is_over = |state: State| state.admin & MAINTENANCE != 0;
        (is_done && case.state("s2").is_none_or(is_over)).then_some(())
    });
    case.assert_agrees();
}

#[test]
fn a_leave_ends_no_request_though_the_line_says_shutdown_sessions() {
    leave_during_a_request(157, "", "check inter 1s on-marked-down shutdown-sessions");
}

#[test]
fn a_leave_ends_no_request_though_default_server_says_shutdown_sessions() {
    let lines = "    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions\n";
    leave_during_a_request(158, lines, "check");
}

#[test]
fn a_file_that_lost_its_last_lines_takes_nobody_out_of_use() {
    let _nodes = nodes(192, &[1, 2]);
    let case = Case::start(192, &template(&each("")), &[1, 2]);
    let file = case.read("haproxy.cfg");
    let (before, _) = file.split_once("    server ").unwrap();
    // Nothing stands in the section that the file begins with, so HAProxy refuses it.
    let cut = before.replace(
        "default_backend nodes",
        "default_backend nodes\n    use_backend c",
    );
    case.write_bytes(cut.as_bytes());
    assert_eq!(case.run(&[]).code(), 111);
    assert!(["s1", "s2"].iter().all(|name| !case.is_out(name)));
    let served: Vec<String> = case.shares(4).into_keys().collect();
    assert_eq!(served, ["s1", "s2"]);
}

#[test]
fn a_client_whose_node_left_gets_another_one_though_the_section_persists() {
    let _nodes = nodes(193, &[1]);
    let lines = "    option persist\n    cookie SRV insert indirect\n";
    let mut template = template(&format!("{lines}{}", each("cookie {{ n.name }}")));
    // With `option redispatch` a client goes elsewhere where its node refuses it.
    "    mode http\n".clone_into(&mut template.defaults);
    let case = Case::start(193, &template, &[1, 2]);
    case.remove(2);
    case.step();
    let ask = || {
        let deadline = Instant::now() + PATIENCE;
        let mut connection = Connection::open(front(193), deadline).ok()?;
        let request = Request {
            headers: "Connection: close\r\nCookie: SRV=s2\r\n",
            ..Request::get("/")
        };
        let answer = connection.ask(&request, deadline).ok()?;
        (answer.text() == "s1").then_some(())
    };
    wait_for("an answer of the other node", PATIENCE, ask);
    case.assert_agrees();
}
