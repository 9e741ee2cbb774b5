//! What a member's tags do: port, weight, service.

use std::process::Command;

use harness::wait_for;

use harness::cluster::{Cluster, SOON, fetch, printed};

/// The weight that HAProxy gives a server at this moment.
fn weight(cluster: &Cluster, name: &str) -> Option<String> {
    let page = fetch(&format!("http://{}:1936/;csv", cluster.address(42)));
    let row = page
        .lines()
        .find(|line| line.split(',').nth(1) == Some(name))?;
    row.split(',').nth(18).map(str::to_string)
}

fn set_tag(cluster: &Cluster, host: u8, tag: &str) {
    let rpc = format!("{}:7373", cluster.address(host));
    let words = ["tags", "-set", tag];
    let output = Command::new("serf")
        .args(words)
        .env("SERF_RPC_ADDR", rpc)
        .output()
        .unwrap();
    printed(&output, &words);
}

#[test]
fn a_weight_that_changes_reaches_haproxy_without_a_reload_and_zero_drains() {
    let cluster = Cluster::up(84, 2);
    assert_eq!(weight(&cluster, "s1").as_deref(), Some("100"));
    let worker = cluster.worker();
    set_tag(&cluster, 101, "weight=50");
    wait_for("the weight 50", SOON, || {
        (weight(&cluster, "s1")? == "50").then_some(())
    });
    set_tag(&cluster, 101, "weight=0");
    wait_for("the weight 0", SOON, || {
        (weight(&cluster, "s1")? == "0").then_some(())
    });
    let url = format!("http://{}/", cluster.front());
    for _ in 0..10 {
        assert!(fetch(&url).contains(r#""host":"s2""#));
    }
    set_tag(&cluster, 101, "weight=100");
    wait_for("the weight 100", SOON, || {
        (weight(&cluster, "s1")? == "100").then_some(())
    });
    assert_eq!(cluster.worker(), worker, "HAProxy was reloaded");
}

#[test]
fn a_tag_that_does_not_fit_changes_nothing_and_is_told() {
    let cluster = Cluster::up(85, 1);
    set_tag(&cluster, 101, "weight=heavy\nx");
    wait_for("the refusal", SOON, || {
        cluster.log("ha").contains(r"heavy\nx").then_some(())
    });
    cluster.wait_for_nodes(&["s1"]);
}

#[test]
fn two_services_are_two_backends_on_their_own_ports() {
    let cluster = Cluster::new(86);
    let template = harness::root().join("ha/config/services.cfg.tera");
    let start = |words: &[&str], service: &str, port: &str| {
        let mut script = cluster.script(words);
        script
            .env("HAPROXY_TEMPLATE", &template)
            .env("SERVICE", service)
            .env("PORT", port);
        printed(&script.output().unwrap(), words);
    };
    start(&["up", "1"], "web", "3000");
    start(&["node", "start", "a1"], "api", "3001");
    let config = std::fs::read_to_string(cluster.file("ha", "haproxy/haproxy.cfg")).unwrap();
    for server in [
        format!("server s1 {}:3000 ", cluster.address(101)),
        format!("server a1 {}:3001 ", cluster.address(102)),
    ] {
        assert!(config.contains(&server), "{config}");
    }
    let page = fetch(&format!("http://{}:1936/;csv", cluster.address(42)));
    assert!(
        page.contains("\nweb,s1,") && page.contains("\napi,a1,"),
        "{page}"
    );
}
