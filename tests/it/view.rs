//! What Serf believes of the nodes, and whether a balancer believes the same.

use std::time::Duration;

use harness::cluster::{BALANCER, Cluster, living};
use harness::wait_for;

/// Asks the agent of `ha` who is alive as a backend in its cluster.
pub(crate) fn living_in(cluster: &Cluster) -> Vec<String> {
    living(&mut cluster.serf("ha"))
}

/// Waits until members, `/nodes`, the file and HAProxy of `ha` are the same, whether
/// their health checks pass or not.
pub(crate) fn wait_for_agreement(cluster: &Cluster, deadline: Duration) -> Vec<String> {
    let what = "members, /nodes, haproxy.cfg and HAProxy to agree";
    wait_for(what, deadline, || {
        let living = living_in(cluster);
        let servers: Vec<String> = cluster.servers(BALANCER).into_keys().collect();
        let agree = cluster.node_files("ha") == living
            && cluster.configured("ha") == living
            && servers == living;
        agree.then_some(living)
    })
}
