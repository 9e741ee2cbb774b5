//! What a member's tags do: the port, the weight and the service.

use harness::cluster::{BALANCER, Cluster, SOON, printed};
use harness::{http, wait_for};

/// Waits until HAProxy gives a server this weight.
fn wait_for_weight(cluster: &Cluster, name: &str, weight: &str) {
    wait_for(&format!("the weight {weight}"), SOON, || {
        let statistics = cluster.statistics(BALANCER);
        (statistics.value(name, "weight")? == weight).then_some(())
    });
}

fn set_tag(cluster: &Cluster, node: &str, tag: &str) {
    let words = ["tags", "-set", tag];
    let output = cluster.serf(node).args(words).output().unwrap();
    printed(&output, &words);
}

#[test]
fn a_weight_that_changes_reaches_haproxy_without_a_reload_and_zero_drains() {
    let cluster = Cluster::up(84, 2);
    let statistics = cluster.statistics(BALANCER);
    assert_eq!(statistics.value("s1", "weight"), Some("100"));
    let worker = cluster.worker();
    set_tag(&cluster, "s1", "weight=50");
    wait_for_weight(&cluster, "s1", "50");
    set_tag(&cluster, "s1", "weight=0");
    wait_for_weight(&cluster, "s1", "0");
    for _ in 0..10 {
        let page = http::get(cluster.front(), "/").unwrap().text();
        assert!(page.contains(r#""host":"s2""#), "{page}");
    }
    set_tag(&cluster, "s1", "weight=100");
    wait_for_weight(&cluster, "s1", "100");
    assert_eq!(cluster.worker(), worker, "HAProxy was reloaded");
}

#[test]
fn a_tag_that_does_not_fit_changes_nothing_and_is_told() {
    let cluster = Cluster::up(85, 1);
    set_tag(&cluster, "s1", "weight=heavy\nx");
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
    let page = http::get(cluster.at_port(BALANCER, 1936), "/;csv").unwrap();
    let page = page.text();
    assert!(
        page.contains("\nweb,s1,") && page.contains("\napi,a1,"),
        "{page}"
    );
}
