//! A node's life: it starts, serves, leaves or dies, and nobody loses a request.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::engine::{docker, try_docker, turn};
use super::project::{IN_FLIGHT, PATIENCE, Project, Server, steady_load};
use harness::{http, wait_for};

const STATS: u16 = 1936;

#[test]
fn the_composed_system_serves_every_node_under_a_readable_name() {
    let _turn = turn();
    let project = Project::new(1);
    project.up(3, &[]);

    let servers = project.wait_for_nodes(STATS, 3);
    for server in &servers {
        assert!(is_readable(server), "{server:?}");
    }
    let page = project.wait_for_page(1940, "that all is well", |state| {
        state["sentence"]["text"] == "3 of 3 nodes serve" && state["sentence"]["level"] == "well"
    });
    let shown = page["nodes"].as_array().into_iter().flatten();
    let shown: BTreeSet<&str> = shown.filter_map(|node| node["name"].as_str()).collect();
    assert!(
        servers
            .iter()
            .all(|server| shown.contains(server.name.as_str())),
        "{page}"
    );
    let answers: BTreeSet<String> = (0..12).map(|_| host_that_answers(&project)).collect();
    assert_eq!(answers.len(), 3, "{answers:?}");
    wait_for("the engine to find all healthy", PATIENCE, || {
        let healthy = |id: &String| docker(&["inspect", "-f", "{{.State.Health.Status}}", id]);
        let all = [project.containers("ha"), project.containers("webapp")].concat();
        all.iter().all(|id| healthy(id) == "healthy").then_some(())
    });
    for service in ["ha", "webapp"] {
        has_no_privilege(&project.containers(service)[0]);
        has_bounds(&project.containers(service)[0]);
    }
}

#[test]
fn no_request_is_lost_while_nodes_come_and_go() {
    let _turn = turn();
    let project = Project::new(2);
    project.up(3, &[]);
    project.wait_for_nodes(STATS, 3);

    let load = steady_load(&project, 80);
    project.up(10, &[]);
    project.wait_for_nodes(STATS, 10);
    project.up(2, &[]);
    project.wait_for_nodes(STATS, 2);
    let node = &project.containers("webapp")[0];
    docker(&["stop", "-t", "60", node]);
    project.wait_for_nodes(STATS, 1);
    docker(&["start", node]);
    project.wait_for_nodes(STATS, 2);
    let report = load.stop();
    assert!(report.requests > 1000, "{report:?}");
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn a_killed_container_comes_back_and_costs_only_what_was_in_flight() {
    let _turn = turn();
    let project = Project::new(3);
    project.up(2, &[]);
    project.wait_for_nodes(STATS, 2);

    let load = steady_load(&project, 80);
    kill_first_process(&project.containers("webapp")[0]);
    project.wait_for_nodes(STATS, 2);
    let report = load.stop();
    assert!(report.failed() <= IN_FLIGHT, "{report:?}");

    let balancer = &project.containers("ha")[0];
    kill_first_process(balancer);
    project.wait_for_nodes(STATS, 2);
    let page = http::get(project.published(80), "/").expect("an answer");
    assert_eq!(page.status, 200);
}

fn kill_first_process(container: &str) {
    let restarts = || docker(&["inspect", "-f", "{{.RestartCount}}", container]);
    let before = restarts();
    let id = docker(&["inspect", "-f", "{{.State.Pid}}", container]);
    let id = id.parse().expect("the number of a process");
    kill(Pid::from_raw(id), Signal::SIGKILL).expect("kill the container's first process");
    wait_for("the engine to restart the container", PATIENCE, || {
        (restarts() != before).then_some(())
    });
}

/// `webapp-2-1f2e3d4c`: the service, the instance, eight digits of the id.
fn is_readable(server: &Server) -> bool {
    let parts: Vec<&str> = server.name.split('-').collect();
    let [service, instance, id] = parts[..] else {
        return false;
    };
    service == "webapp" && instance.parse::<u8>().is_ok() && id.len() == 8
}

fn host_that_answers(project: &Project) -> String {
    let answer = || http::get(project.published(80), "/").ok();
    let page = wait_for("an answer", Duration::from_secs(30), answer);
    let json: serde_json::Value = serde_json::from_slice(&page.body).expect("JSON");
    json["host"].as_str().unwrap_or_default().to_owned()
}

/// What one container takes of the machine, and the key of all that none may choose.
fn has_bounds(container: &str) {
    let config = |field: &str| docker(&["inspect", "-f", field, container]);
    for field in ["{{.HostConfig.Memory}}", "{{.HostConfig.PidsLimit}}"] {
        let limit: u64 = config(field).trim().parse().expect("a limit");
        assert!(limit > 0, "{field}");
    }
    let log = config("{{json .HostConfig.LogConfig}}");
    assert!(
        log.contains("max-size") && log.contains("max-file"),
        "{log}"
    );
    let mounts = docker(&["exec", container, "cat", "/proc/mounts"]);
    let writable = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let writable = writable.filter(|words| words[2] == "tmpfs" && words[3].starts_with("rw"));
    let mut count = 0;
    let engines = |place: &str| place.starts_with("/dev") || place.starts_with("/sys");
    for words in writable.filter(|words| !engines(words[1])) {
        assert!(words[3].contains("size="), "{words:?}");
        count += 1;
    }
    assert!(count >= 3, "{mounts}");
    let readable = docker(&["exec", container, "cat", "/secrets/gossip.key"]);
    assert_eq!(readable.trim().len(), 44, "32 bytes in base64");
    for user in ["4242", "0"] {
        let write = "echo x >>/secrets/gossip.key || rm /secrets/gossip.key || touch /secrets/x";
        let written = try_docker(&["exec", "-u", user, container, "sh", "-c", write]);
        assert_eq!(written, None, "{user} can write the key");
    }
    let environment = docker(&["exec", container, "env"]);
    let key = docker(&["exec", container, "cat", "/run/rpc.key"]);
    assert!(!environment.contains(key.trim()), "{environment}");
    let stranger = ["exec", container, "/usr/bin/serf", "keys", "-list"];
    assert_eq!(try_docker(&stranger), None, "the agent asks for no key");
}

fn has_no_privilege(container: &str) {
    let status = docker(&["exec", container, "cat", "/proc/1/status"]);
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Uid:\t4242"), "{status}");
    let written = try_docker(&["exec", "-u", "0", container, "touch", "/usr/written"]);
    assert_eq!(written, None, "the root file system can be written");
}
