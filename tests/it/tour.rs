//! What the README's tour shows.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use harness::cluster::{BALANCER, Cluster};
use harness::{http, root};

#[test]
fn three_nodes_answer_in_turn_and_are_shown_by_name() {
    let cluster = Cluster::up(70, 3);
    let hosts: BTreeSet<String> = (0..30).map(|_| host_that_answers(&cluster)).collect();
    assert_eq!(hosts.into_iter().collect::<Vec<_>>(), ["s1", "s2", "s3"]);
    assert_eq!(cluster.view("ha", 42).unwrap(), ["s1", "s2", "s3"]);
    let fetch = |path| http::get(cluster.at_port(BALANCER, 1936), path).unwrap();
    let page = fetch("/").text();
    assert!(page.contains("s1") && page.contains("s2") && page.contains("s3"));
    assert!(fetch("/metrics").text().contains("haproxy_server_status"));
}

fn host_that_answers(cluster: &Cluster) -> String {
    let page = http::get(cluster.front(), "/").unwrap();
    let json: serde_json::Value = serde_json::from_slice(&page.body).unwrap_or_default();
    json["host"].as_str().unwrap_or_default().to_string()
}

#[test]
fn only_server_lines_change_between_two_memberships() {
    let cluster = Cluster::up(71, 1);
    let config = cluster.file("ha", "haproxy/haproxy.cfg");
    let before = std::fs::read_to_string(&config).unwrap();
    cluster.succeed(&["node", "start", "s2"]);
    let after = std::fs::read_to_string(&config).unwrap();
    let new: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert_eq!(new.len(), 1, "{new:?}");
    let server = format!("server s2 {}:3000 check ", cluster.address(102));
    assert!(new[0].trim().starts_with(&server), "{new:?}");
    assert!(before.lines().all(|line| after.contains(line)));
    let line = std::fs::read_to_string(cluster.file("ha", "nodes/s2")).unwrap();
    let second = format!("s2 {}", cluster.address(102));
    assert!(line.starts_with(&second), "{line}");
}

#[test]
fn up_run_twice_and_after_everything_was_killed_works_the_same() {
    let cluster = Cluster::up(72, 2);
    let again = cluster.start(3);
    assert!(again.contains("s1 runs already"), "{again}");
    for name in ["ha", "s1", "s2", "s3"] {
        cluster.succeed(&["node", "kill", name]);
    }
    cluster.start(2);
    cluster.wait_for_nodes(&["s1", "s2"]);
}

#[test]
fn a_taken_address_is_refused_and_its_owner_named() {
    let cluster = Cluster::new(73);
    let front = cluster.front();
    let _owner = std::net::TcpListener::bind(front).unwrap();
    let output = cluster.run_script(&["up", "1"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(111), "{stderr}");
    let taken = format!("{front} is taken by users:");
    assert!(stderr.contains(&taken), "{stderr}");
}

#[test]
fn who_listens_at_all_addresses_has_taken_each_of_them() {
    for everywhere in ["0.0.0.0:0", "[::]:0"] {
        let owner = std::net::TcpListener::bind(everywhere).unwrap();
        let port = owner.local_addr().unwrap().port();
        let asked = Command::new("sh")
            .args(["-c", ". scripts/local.sh && owner 127.0.73.42 \"$1\"", "up"])
            .arg(port.to_string())
            .current_dir(root())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&asked.stdout);
        assert!(said.starts_with("users:"), "{asked:?}");
    }
}

#[test]
fn a_folder_of_somebody_else_is_neither_used_nor_removed() {
    let cluster = Cluster::new(73);
    let precious = cluster.run().join("ha");
    fs::create_dir(&precious).unwrap();
    for (words, why) in [
        (&["up", "1"][..], "holds something else than a cluster"),
        (
            &["node", "start", "s1"],
            "holds something else than a cluster",
        ),
        (&["down"], "nothing of it is removed"),
    ] {
        let output = cluster.run_script(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(111), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(precious.exists(), "{words:?}");
    }
    assert_eq!(fs::read_dir(cluster.run()).unwrap().count(), 1);
}

#[test]
fn a_folder_belongs_to_one_net_and_settings_that_are_none_are_refused() {
    let cluster = Cluster::new(73);
    let its_net = cluster.run().join(".net");
    files::replace(&its_net, b"127.0.74\n", files::Durability::Unsynced).unwrap();
    let output = cluster.run_script(&["up", "1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("holds the cluster of 127.0.74"), "{said}");

    let list = |name, value| cluster.script(&["node", "list"]).env(name, value).output();
    for (name, value) in [
        ("MUSTER_NET", "banana"),
        ("MUSTER_NET", "127.0.1.2"),
        ("MUSTER_NET", "10.0.1"),
        ("MUSTER_NET", "127.0.256"),
        ("MUSTER_NET", "127.0.061"),
        ("MUSTER_RUN", "here"),
    ] {
        let output = list(name, value).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(100), "{said}");
        assert!(said.contains(&format!("{name} is '{value}'")), "{said}");
    }
}

#[test]
fn a_template_that_is_not_there_is_told_at_once() {
    let cluster = Cluster::new(154);
    let mut up = cluster.script(&["up", "1"]);
    let output = up.env("HAPROXY_TEMPLATE", "/nowhere/cfg.tera").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(
        said.contains("HAPROXY_TEMPLATE is '/nowhere/cfg.tera'"),
        "{said}"
    );
    cluster.start(1);
}

#[test]
fn wrong_words_are_told_with_the_page() {
    let cluster = Cluster::new(73);
    for words in [
        &["node", "begin", "s1"][..],
        &["up", "three"],
        &["down", "now"],
    ] {
        let output = cluster.run_script(words);
        assert_eq!(output.status.code(), Some(100), "{words:?}");
        assert!(!output.stderr.is_empty());
    }
    for name in ["../x", "-x", "a b", ""] {
        assert_eq!(
            cluster.run_script(&["node", "start", name]).status.code(),
            Some(100)
        );
    }
    assert_eq!(
        cluster.run_script(&["node", "stop", "s9"]).status.code(),
        Some(1)
    );
    assert_eq!(cluster.run_script(&["down"]).status.code(), Some(1));
}

#[test]
fn every_agent_leaves_gracefully_and_nothing_is_left() {
    let cluster = Cluster::up(74, 2);
    let logs = |name| std::fs::File::open(cluster.file(name, "log")).unwrap();
    let open = [logs("s1"), logs("s2"), logs("ha")];
    cluster.succeed(&["down"]);
    for log in open {
        let text = std::io::read_to_string(log).unwrap();
        assert!(
            text.contains("Serf agent starting") || text.contains("agent: "),
            "{text}"
        );
        assert!(!text.contains("Shutdown without a Leave"), "{text}");
    }
    assert!(!cluster.run().exists());
    let ours = format!("MUSTER_NODE={}", cluster.run().display());
    let left = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("environ")).ok())
        .filter(|environ| String::from_utf8_lossy(environ).contains(&ours))
        .count();
    assert_eq!(left, 0, "processes are left");
}

#[test]
fn each_node_of_the_cluster_can_be_asked_for_its_health() {
    let cluster = Cluster::up(89, 1);
    for name in ["ha", "s1"] {
        cluster.succeed(&["node", "run", name, "node-health"]);
        assert!(cluster.file(name, "health").exists(), "{name}");
    }
}
