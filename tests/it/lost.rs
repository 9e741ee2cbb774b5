//! The member list can be wrong. A node that is lost keeps its file for a while, and a loss
//! of more than half of the nodes is not believed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::cluster::{Cluster, FAILURE, SOON};
use harness::load::{self, Running};
use harness::{send, wait_for};
use nix::sys::signal::Signal::{SIGCONT, SIGKILL, SIGSTOP};

use crate::hold::{EXPIRED, lost, set_lost_since};
use crate::view;

#[test]
fn a_single_node_that_is_lost_is_held_and_then_removed() {
    let cluster = Cluster::up(96, 3);
    let nodes = cluster.file("ha", "nodes");
    cluster.succeed(&["node", "kill", "s3"]);
    wait_for("s3 to be lost", FAILURE, || {
        (lost(&nodes) == ["s3"]).then_some(())
    });
    assert_eq!(cluster.node_files("ha"), ["s1", "s2", "s3"]);
    set_lost_since(&nodes, EXPIRED);
    cluster.wait_for_nodes(&["s1", "s2"]);
    assert!(lost(&nodes).is_empty());
}

#[test]
fn a_hold_ends_at_its_moment() {
    let cluster = Cluster::new(117);
    // Nothing but the end of the hold makes the chain run then.
    started(
        &cluster,
        &[("NODES_HOLD", "8s"), ("SERF_WATCH_AGAIN", "1h")],
    );
    let nodes = cluster.file("ha", "nodes");
    cluster.succeed(&["node", "kill", "s3"]);
    let due: f64 = wait_for("s3 to be held", FAILURE, || {
        let due = std::fs::read_to_string(nodes.join(".due")).ok()?;
        due.trim_end().parse().ok()
    });
    let gone = wait_for("s3 to be gone", SOON, || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (cluster.node_files("ha") == ["s1", "s2"]).then_some(now.as_secs_f64())
    });
    assert!((due..due + 10.0).contains(&gone), "{gone} {due}");
    cluster.wait_for_nodes(&["s1", "s2"]);
    assert!(!nodes.join(".due").exists());
}

#[test]
fn a_node_that_died_gives_way_to_the_one_that_got_its_address() {
    let cluster = Cluster::new(118);
    started(&cluster, &[("NODES_HOLD", "1h")]);
    cluster.succeed(&["node", "kill", "s1"]);
    cluster.launch("s4", &cluster.address(101)).unwrap();
    wait_for("s1 to give way to s4", FAILURE, || {
        (cluster.node_files("ha") == ["s2", "s3", "s4"]).then_some(())
    });
    cluster.wait_for_nodes(&["s2", "s3", "s4"]);
    let told = format!(
        "removed s1: its place {}:3000 is now s4's",
        cluster.address(101)
    );
    assert!(cluster.log("ha").contains(&told), "{}", cluster.log("ha"));
}

/// Starts a balancer with these variables, and three nodes.
fn started(cluster: &Cluster, variables: &[(&str, &str)]) {
    let mut up = cluster.script(&["up", "3"]);
    let output = up.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn half_of_the_nodes_killed_one_by_one_are_held_and_removed_one_by_one() {
    let cluster = Cluster::up(68, 4);
    let nodes = cluster.file("ha", "nodes");
    for (dies, live) in [("s4", &["s1", "s2", "s3"][..]), ("s3", &["s1", "s2"])] {
        cluster.succeed(&["node", "kill", dies]);
        wait_for(&format!("{dies} to be lost"), FAILURE, || {
            (lost(&nodes) == [dies]).then_some(())
        });
        assert_eq!(cluster.node_files("ha"), [live, &[dies]].concat());
        let told = format!("{dies} is lost: it has failed; it stays for 30s");
        wait_for(&told, SOON, || {
            cluster.log("ha").contains(&told).then_some(())
        });
        set_lost_since(&nodes, EXPIRED);
        cluster.wait_for_nodes(live);
    }
}

#[test]
fn an_agent_that_starts_again_and_finds_nobody_takes_no_node_out() {
    let cluster = Cluster::up(67, 2);
    let load = steady_load(&cluster);
    let agents = ["s1", "s2"].map(|name| cluster.service_pid(name, "serf").unwrap());
    for agent in agents {
        send(agent, SIGSTOP);
    }
    send(cluster.service_pid("ha", "serf").unwrap(), SIGKILL);
    wait_for("the log to say why all nodes stay", SOON, || {
        let said = cluster.log("ha").contains("nobody but the agent itself");
        said.then_some(())
    });
    assert_eq!(cluster.node_files("ha"), ["s1", "s2"]);
    for agent in agents {
        send(agent, SIGCONT);
    }
    assert_eq!(view::wait_for_agreement(&cluster, FAILURE), ["s1", "s2"]);
    cluster.wait_for_nodes(&["s1", "s2"]);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn an_agent_cut_off_from_all_others_takes_no_node_out() {
    let cluster = Cluster::up(97, 3);
    let nodes = cluster.file("ha", "nodes");
    let names = ["s1", "s2", "s3"];
    let load = steady_load(&cluster);
    let agents = names.map(|name| cluster.service_pid(name, "serf").unwrap());
    for agent in agents {
        send(agent, SIGSTOP);
    }
    wait_for("all three to be lost", FAILURE, || {
        // Serf finds that they are lost one by one. None may be given up before it has found
        // the last.
        set_lost_since(&nodes, Duration::ZERO);
        (lost(&nodes) == names).then_some(())
    });
    set_lost_since(&nodes, EXPIRED);
    wait_for("the log to tell how it can be confirmed", SOON, || {
        cluster
            .log("ha")
            .contains("NODES_MAX_LOST=100%")
            .then_some(())
    });
    cluster.wait_for_nodes(&names);
    for agent in agents {
        send(agent, SIGCONT);
    }
    wait_for("all of them to be living members again", FAILURE, || {
        (view::living_in(&cluster) == names && lost(&nodes).is_empty()).then_some(())
    });
    cluster.wait_for_nodes(&names);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn the_command_that_the_log_tells_takes_out_at_once_who_is_gone_for_good() {
    let cluster = Cluster::up(153, 4);
    for name in ["s2", "s3", "s4"] {
        cluster.succeed(&["node", "kill", name]);
    }
    let command = wait_for("the log to tell how it can be confirmed", FAILURE, || {
        let log = cluster.log("ha");
        let told = log
            .lines()
            .rfind(|line| line.contains("3 of 4 nodes are lost"))?;
        Some(told.split_once("for good: ")?.1.to_owned())
    });
    assert_eq!(cluster.node_files("ha"), ["s1", "s2", "s3", "s4"]);
    cluster.succeed(&["node", "run", "ha", "sh", "-c", &command]);
    assert_eq!(cluster.node_files("ha"), ["s1"]);
    cluster.wait_for_nodes(&["s1"]);
}

fn steady_load(cluster: &Cluster) -> Running {
    load::start(cluster.front(), 50)
}
