//! The page, `muster-page --once` and `haproxy-reload --status` are three ways to see one
//! cluster: what they say of it is the same.

use std::collections::BTreeMap;

use harness::cluster::{BALANCER, Cluster, FAILURE, SOON};
use harness::{http, send, wait_for};
use nix::sys::signal::Signal::{SIGCONT, SIGSTOP};
use serde_json::Value;

use crate::hold::{EXPIRED, lost, set_lost_since};

/// The state of each node by its name, and whether all is well.
type Seen = (BTreeMap<String, String>, bool);

fn by_page(cluster: &Cluster) -> Option<Seen> {
    let answer = http::get(cluster.at_port(BALANCER, 1940), "/state.json").ok()?;
    let state: Value = serde_json::from_slice(&answer.body).ok()?;
    let nodes = state["nodes"].as_array()?.iter();
    let states = nodes.map(|node| (text(&node["name"]), text(&node["state"])));
    Some((states.collect(), state["sentence"]["level"] == "well"))
}

fn by_status(cluster: &Cluster) -> Option<Seen> {
    let words = ["node", "run", "ha", "haproxy-reload", "--status", "--json"];
    let output = cluster.run_script(&words);
    let report: Value = serde_json::from_slice(&output.stdout).ok()?;
    let nodes = report["servers"].as_array()?.iter().map(|row| &row["node"]);
    let nodes = nodes.filter(|node| node.is_object());
    let states = nodes.map(|node| (text(&node["name"]), text(&node["state"])));
    Some((states.collect(), output.status.code() == Some(0)))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn once(cluster: &Cluster) -> bool {
    let output = cluster.run_script(&["node", "run", "ha", "muster-page", "--once"]);
    output.status.code() == Some(0)
}

/// Waits until all three say of each node what is to be said, and whether all is well.
fn agree(cluster: &Cluster, nodes: &[(&str, &str)], is_well: bool) {
    let named = nodes
        .iter()
        .map(|(name, state)| ((*name).to_owned(), (*state).to_owned()));
    let wanted: Seen = (named.collect(), is_well);
    wait_for(&format!("all to say {wanted:?}"), FAILURE, || {
        let seen = (by_page(cluster), by_status(cluster), once(cluster));
        (seen == (Some(wanted.clone()), Some(wanted.clone()), is_well)).then_some(())
    });
}

#[test]
fn the_page_and_the_status_say_the_same_of_each_node() {
    let cluster = Cluster::up(156, 4);
    let nodes = cluster.file("ha", "nodes");
    let serve = [("s1", "serves"), ("s2", "serves"), ("s3", "serves")];
    agree(&cluster, &[&serve[..], &[("s4", "serves")]].concat(), true);

    cluster.succeed(&["node", "stop", "s4"]);
    agree(&cluster, &[&serve[..], &[("s4", "left")]].concat(), true);

    cluster.succeed(&["node", "kill", "s3"]);
    let three = |state| [serve[0], serve[1], ("s3", state), ("s4", "left")];
    agree(&cluster, &three("lost"), false);
    wait_for("s3 to be lost", SOON, || {
        (lost(&nodes) == ["s3"]).then_some(())
    });
    set_lost_since(&nodes, EXPIRED);
    agree(&cluster, &three("died"), true);

    let agent = cluster.service_pid("ha", "serf").unwrap();
    send(agent, SIGSTOP);
    cluster.run_script(&["node", "run", "ha", "member-event", "sync"]);
    agree(&cluster, &three("died"), false);
    send(agent, SIGCONT);
    agree(&cluster, &three("died"), true);
}
