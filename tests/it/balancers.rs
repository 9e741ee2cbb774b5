//! Several balancers follow the same cluster, and losing one loses nothing.

use harness::cluster::{Cluster, SOON};
use harness::{load, wait_for};

#[test]
fn two_balancers_agree_and_the_other_serves_on_when_one_dies() {
    let cluster = Cluster::up(87, 2);
    let second = cluster.address(43);
    cluster.succeed(&["node", "balancer", "hb", &second]);
    cluster.succeed(&["node", "start", "s3"]);
    let names = Some(["s1", "s2", "s3"].map(str::to_string).to_vec());
    for (name, host) in [("ha", 42), ("hb", 43)] {
        wait_for("both balancers to agree", SOON, || {
            (cluster.view(name, host) == names).then_some(())
        });
    }
    let front = format!("{second}:8080").parse().unwrap();
    let load = load::start(front, 100);
    cluster.succeed(&["node", "kill", "ha"]);
    let report = cluster_goes_on(&cluster, load);
    assert_eq!(report.failed(), 0, "{report:?}");
}

/// Lets nodes come and go although the first balancer, which is a seed of all, is gone.
fn cluster_goes_on(cluster: &Cluster, load: harness::load::Running) -> harness::load::Report {
    cluster.succeed(&["node", "start", "s4"]);
    cluster.succeed(&["node", "stop", "s1"]);
    let names = Some(["s2", "s3", "s4"].map(str::to_string).to_vec());
    wait_for("the second balancer to follow", SOON, || {
        (cluster.view("hb", 43) == names).then_some(())
    });
    load.stop()
}
