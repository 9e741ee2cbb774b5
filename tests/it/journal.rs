//! What the chain leaves behind of its runs: the state of the last one, and the journal.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use harness::cluster::{BALANCER, Cluster, FAILURE, SOON};
use harness::{send, wait_for};
use nix::sys::signal::Signal::{SIGCONT, SIGSTOP};
use serde_json::Value;

use crate::hold::{EXPIRED, lost, set_lost_since};

/// The lines of the balancer's journal, oldest first.
fn journal(cluster: &Cluster) -> Vec<Value> {
    let text = fs::read_to_string(cluster.file("ha", "muster.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Those of the journal that name this node in this list of a step.
fn lines_of(cluster: &Cluster, step: &str, list: &str, name: &str) -> Vec<Value> {
    let names_it = |line: &Value| {
        let names = line[list].as_array().into_iter().flatten();
        line["step"] == step && names.filter(|it| it.as_str() == Some(name)).count() > 0
    };
    journal(cluster).into_iter().filter(names_it).collect()
}

fn state(cluster: &Cluster) -> Value {
    let text = fs::read(cluster.file("ha", "nodes/.state")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn failed_runs(cluster: &Cluster) -> u64 {
    state(cluster)["totals"]["runs"]["failed"]
        .as_u64()
        .unwrap_or(0)
}

/// Starts a balancer and a node, with a template of the test's own.
fn with_template(cluster: &Cluster, folder: &Path) -> PathBuf {
    let template = folder.join("haproxy.cfg.tera");
    let ours = harness::root().join("ha/config/haproxy.cfg.tera");
    fs::copy(ours, &template).unwrap();
    let mut up = cluster.script(&["up", "1"]);
    let output = up.env("HAPROXY_TEMPLATE", &template).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    template
}

/// Changes the file as an editor does that saves whole.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    let text = text.replace(from, to);
    files::replace(file, text.as_bytes(), files::Durability::Unsynced).unwrap();
}

fn member_event(cluster: &Cluster, path: Option<&Path>) {
    let mut words = vec![
        "node".to_owned(),
        "run".to_owned(),
        "ha".to_owned(),
        "sh".to_owned(),
    ];
    let path = path.map_or(String::new(), |path| {
        format!("PATH={}:$PATH ", path.display())
    });
    words.extend(["-c".to_owned(), format!("{path}member-event sync")]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let _ = cluster.run_script(&words);
}

#[test]
fn who_joins_leaves_and_dies_has_one_line_a_step() {
    let cluster = Cluster::up(149, 1);
    cluster.succeed(&["node", "start", "s2"]);
    cluster.succeed(&["node", "start", "s3"]);
    cluster.succeed(&["node", "stop", "s2"]);
    cluster.succeed(&["node", "kill", "s3"]);
    let nodes = cluster.file("ha", "nodes");
    wait_for("s3 to be lost", FAILURE, || {
        (lost(&nodes) == ["s3"]).then_some(())
    });
    set_lost_since(&nodes, EXPIRED);
    cluster.wait_for_nodes(&["s1"]);
    for (list, name) in [
        ("added", "s2"),
        ("added", "s3"),
        ("left", "s2"),
        ("lost", "s3"),
        ("died", "s3"),
    ] {
        let lines = lines_of(&cluster, "serf-nodes", list, name);
        assert_eq!(lines.len(), 1, "{list} {name}: {lines:?}");
    }
    assert_eq!(lines_of(&cluster, "serf-nodes", "died", "s2"), [""; 0]);
    assert_eq!(lines_of(&cluster, "serf-nodes", "left", "s3"), [""; 0]);
    for (list, name) in [
        ("added", "nodes/s2"),
        ("retired", "nodes/s2"),
        ("retired", "nodes/s3"),
    ] {
        let lines = lines_of(&cluster, "haproxy-reload", list, name);
        assert_eq!(lines.len(), 1, "{list} {name}: {lines:?}");
    }
    let wrote = journal(&cluster)
        .iter()
        .filter(|line| line["wrote"].is_array())
        .count();
    assert!(wrote >= 5, "{wrote}");
}

#[test]
fn a_template_that_is_broken_is_told_once_for_as_long_as_it_is() {
    let cluster = Cluster::new(150);
    let folder = harness::scratch();
    let template = with_template(&cluster, folder.path());
    edit(&template, "mode http\n", "mode gopher\n");
    let failing = wait_for("the state to say so", SOON, || {
        let failing = state(&cluster)["failing"]["haproxy-gen"].clone();
        failing.is_object().then_some(failing)
    });
    assert_eq!(failing["code"], 100);
    assert!(
        failing["error"].as_str().unwrap().contains("gopher"),
        "{failing}"
    );
    let before = failed_runs(&cluster);
    for _ in 0..5 {
        member_event(&cluster, None);
    }
    assert!(failed_runs(&cluster) >= before + 5);
    let told = || {
        let of_gen = |line: &Value| line["step"] == "haproxy-gen" && line["code"] == 100;
        journal(&cluster).into_iter().filter(of_gen).count()
    };
    assert_eq!(told(), 1);
    assert_eq!(
        state(&cluster)["failing"]["haproxy-gen"]["since"],
        failing["since"]
    );

    edit(&template, "mode gopher\n", "mode http\n");
    wait_for("the journal to say that it works again", SOON, || {
        let again = |line: &Value| line["step"] == "haproxy-gen" && line["after"].is_number();
        journal(&cluster).iter().any(again).then_some(())
    });
    wait_for("the state to say so when the run has ended", SOON, || {
        let failing = &state(&cluster)["failing"];
        failing.as_object().unwrap().is_empty().then_some(())
    });
    assert_eq!(told(), 1);
}

#[test]
fn an_agent_that_does_not_answer_is_the_state_of_the_chain() {
    let cluster = Cluster::up(151, 1);
    let agent = cluster.service_pid("ha", "serf").unwrap();
    send(agent, SIGSTOP);
    member_event(&cluster, None);
    let failing = state(&cluster)["failing"]["serf-members"].clone();
    send(agent, SIGCONT);
    assert_eq!(failing["code"], 111, "{failing}");
    wait_for("the agent to answer again", SOON, || {
        member_event(&cluster, None);
        let failing = &state(&cluster)["failing"];
        failing.as_object().unwrap().is_empty().then_some(())
    });
}

#[test]
fn a_step_that_is_killed_is_told_by_the_last_one() {
    let cluster = Cluster::up(152, 1);
    let bin = harness::scratch();
    let fake = bin.path().join("haproxy-gen");
    harness::write_program(&fake, "#!/bin/sh\nkill -9 $$\n");
    member_event(&cluster, Some(bin.path()));
    let of_gen = |line: &Value| line["step"] == "haproxy-gen" && line["code"] == 111;
    let lines: Vec<Value> = journal(&cluster).into_iter().filter(of_gen).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0]["error"]
            .as_str()
            .unwrap()
            .starts_with("left no word"),
        "{lines:?}"
    );
    wait_for("the chain to be well again", SOON, || {
        let failing = &state(&cluster)["failing"];
        failing.as_object().unwrap().is_empty().then_some(())
    });
}

#[test]
fn neither_a_page_that_stands_still_nor_who_does_not_read_it_holds_up_the_chain() {
    let cluster = Cluster::up(155, 1);
    let stuck: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut client = TcpStream::connect(cluster.at_port(BALANCER, 1940)).unwrap();
            let request = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
            client.write_all(request).unwrap();
            client
        })
        .collect();
    cluster.succeed(&["node", "start", "s2"]);
    let page = cluster.service_pid("ha", "page").unwrap();
    send(page, SIGSTOP);
    cluster.succeed(&["node", "start", "s3"]);
    cluster.succeed(&["node", "stop", "s2"]);
    cluster.wait_for_nodes(&["s1", "s3"]);
    send(page, SIGCONT);
    drop(stuck);
    let of_s3 = lines_of(&cluster, "haproxy-reload", "added", "nodes/s3");
    assert_eq!(of_s3.len(), 1, "{of_s3:?}");
}
