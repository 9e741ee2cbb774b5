//! Anybody may ask a node to be slow, also through the balancer. It is slow for him alone.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::cluster::{Cluster, SOON};
use harness::load::Load;
use harness::{require, wait_for};

/// Who asks for slow answers, on the cluster's net. The load comes from another address.
const SLOW: u8 = 66;

/// A request of that client, which is answered with its status.
fn ask(cluster: &Cluster, more: &[&str], path: &str) -> Command {
    let mut curl = Command::new(require("curl"));
    curl.args(["-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}"])
        .args(["--interface", &cluster.address(SLOW)])
        .args(more)
        .arg(format!("http://{}{path}", cluster.front()))
        .stdout(Stdio::piped());
    curl
}

/// Asks each of the three nodes for this delay.
fn delay(cluster: &Cluster, milliseconds: u32) -> Vec<String> {
    let body = format!("{{\"delay\": {milliseconds}}}");
    // Whoever sends a header that the balancer adds is slowed alone all the same.
    let forged = format!("X-Forwarded-For: {}", cluster.address(1));
    let more = ["-d", &body, "-H", &forged];
    let ask = || ask(cluster, &more, "/delay").output().unwrap();
    let told = (0..3).map(|_| String::from_utf8(ask().stdout).unwrap());
    told.collect()
}

#[test]
fn who_asks_for_slow_answers_through_the_balancer_takes_no_node_from_others() {
    let cluster = Cluster::up(120, 3);
    cluster.wait_for_nodes(&["s1", "s2", "s3"]);
    // Longer than the balancer waits, and as long as it may be.
    assert_eq!(delay(&cluster, 600_000), ["400"; 3]);
    assert_eq!(delay(&cluster, 10_000), ["200"; 3]);
    let held: Vec<Child> = (0..60)
        .map(|_| ask(&cluster, &[], "/").spawn().unwrap())
        .collect();
    let report = Load::new(cluster.front(), 100).run_for(Duration::from_secs(6));
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.max() < Duration::from_secs(5), "{report:?}");
    let mut codes: Vec<String> = held
        .into_iter()
        .map(|it| String::from_utf8(it.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    codes.sort_unstable();
    // Each node holds eight of them at a time, and refuses the others at once.
    let slow = codes.iter().filter(|code| *code == "200").count();
    let refused = codes.iter().filter(|code| *code == "429").count();
    assert!(
        slow >= 24 && refused > 0 && slow + refused == 60,
        "{codes:?}"
    );
    // Its delay ends when it says so.
    assert_eq!(delay(&cluster, 0), ["200"; 3]);
    wait_for("an answer at once", SOON, || {
        let answer = ask(&cluster, &["-m", "5"], "/").output().unwrap();
        (answer.stdout == b"200").then_some(())
    });
}
