//! Whatever the cluster goes through, in the end members, `/nodes`, the file and
//! HAProxy are the same.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use harness::cluster::{Cluster, FAILURE, SOON};
use harness::{load, send, wait_for};
use nix::sys::signal::Signal::{SIGCONT, SIGSTOP};

use crate::agent::Agent;
use crate::view;

/// Gives other steps in every run. A failure tells the seed, and `MUSTER_SEED` repeats them.
fn dice() -> fastrand::Rng {
    let seed = std::env::var("MUSTER_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("MUSTER_SEED is a number"),
    );
    eprintln!("MUSTER_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

#[test]
fn a_hundred_joins_and_leaves_at_random_end_in_agreement() {
    let cluster = Cluster::up(88, 1);
    let mut dice = dice();
    let mut agents: BTreeMap<u8, Agent> = BTreeMap::new();
    let mut leaving = Vec::new();
    for step in 0..100 {
        let host = dice.u8(120..140);
        if let Some(agent) = agents.remove(&host) {
            agent.leave();
            leaving.push(agent);
            continue;
        }
        // The address may be that of an agent which is leaving, and is free when that has ended.
        leaving.drain(..).for_each(Agent::ended);
        // Each gets a new name, since Serf keeps the name of a member that is gone for a while.
        let name = format!("g{step}");
        agents.insert(
            host,
            Agent::start(&cluster, OsStr::new(&name), host, &["role=backend"]),
        );
    }
    leaving.drain(..).for_each(Agent::ended);
    // An agent ends 3 s after it was told to leave, whether the others have heard of it or
    // not. If they have not, they find out that it is dead, and its file stays for a while.
    wait_for("all guests to be members", FAILURE, || {
        (view::living_in(&cluster).len() == agents.len() + 1).then_some(())
    });
    let agreed = view::wait_for_agreement(&cluster, FAILURE);
    assert_eq!(agreed.len(), agents.len() + 1);
}

#[test]
fn thirty_agents_that_start_at_once_are_followed_until_the_last_has_left() {
    let cluster = Cluster::up(98, 1);
    let mut agents: Vec<Agent> = (120..149)
        .map(|host| {
            let name = format!("g{host}");
            Agent::start(&cluster, OsStr::new(&name), host, &["role=backend"])
        })
        .collect();
    wait_for("all of them to be members", FAILURE, || {
        (view::living_in(&cluster).len() == 30).then_some(())
    });
    assert_eq!(view::wait_for_agreement(&cluster, FAILURE).len(), 30);
    while !agents.is_empty() {
        let some = agents.split_off(agents.len().saturating_sub(6));
        some.iter().for_each(Agent::leave);
        some.into_iter().for_each(Agent::ended);
    }
    cluster.wait_for_nodes_within(FAILURE, &["s1"]);
}

#[test]
fn nodes_that_start_before_their_balancer_are_found_by_it() {
    let cluster = Cluster::new(89);
    for name in ["s1", "s2"] {
        let told = cluster.succeed(&["node", "start", name]);
        assert!(told.contains("no balancer runs here"), "{told}");
    }
    cluster.start(3);
    cluster.wait_for_nodes(&["s1", "s2", "s3"]);
}

#[test]
fn a_balancer_that_is_stopped_and_killed_by_turns_for_a_minute_is_right_each_time() {
    let cluster = Cluster::up(90, 2);
    for how in ["stop", "kill"].repeat(6) {
        cluster.succeed(&["node", how, "ha"]);
        cluster.start(2);
        assert_eq!(view::wait_for_agreement(&cluster, SOON), ["s1", "s2"]);
        cluster.wait_for_nodes(&["s1", "s2"]);
    }
}

#[test]
fn a_name_that_comes_back_with_another_address_is_served_there() {
    let cluster = Cluster::up(91, 2);
    cluster.succeed(&["node", "stop", "s1"]);
    cluster.succeed(&["node", "start", "s1", &cluster.address(150)]);
    cluster.wait_for_nodes(&["s1", "s2"]);
    let file = std::fs::read_to_string(cluster.file("ha", "nodes/s1")).unwrap();
    let line = format!("s1 {}", cluster.address(150));
    assert!(file.starts_with(&line), "{file}");
}

#[test]
fn a_name_that_was_killed_is_served_at_another_address_once_serf_allows_it() {
    let cluster = Cluster::up(66, 2);
    cluster.succeed(&["node", "kill", "s1"]);
    // Serf keeps the address of a member that died for up to a minute, which is as long as
    // the script waits.
    let _ = cluster.run_script(&["node", "start", "s1", &cluster.address(150)]);
    cluster.wait_for_nodes_within(FAILURE, &["s1", "s2"]);
    let file = std::fs::read_to_string(cluster.file("ha", "nodes/s1")).unwrap();
    let line = format!("s1 {}", cluster.address(150));
    assert!(file.starts_with(&line), "{file}");
}

#[test]
fn a_frozen_agent_costs_no_request_and_its_node_is_there_again_afterwards() {
    let cluster = Cluster::up(92, 3);
    let load = load::start(cluster.front(), 50);
    let agent = cluster.service_pid("s1", "serf").unwrap();
    send(agent, SIGSTOP);
    wait_for("Serf to miss it", FAILURE, || {
        (!view::living_in(&cluster).contains(&"s1".to_string())).then_some(())
    });
    send(agent, SIGCONT);
    cluster.wait_for_nodes_within(FAILURE, &["s1", "s2", "s3"]);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}
