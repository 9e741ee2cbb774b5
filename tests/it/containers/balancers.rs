//! Several balancers, late ones, agents that do not belong, and nodes that are cut
//! off or move.

use std::time::{Duration, Instant};

use super::engine::{Container, container_log, docker, image, limited, told, try_docker, turn};
use super::project::{IN_FLIGHT, PATIENCE, Project, Server, steady_load};
use harness::{http, root, wait_for};

const FIRST: u16 = 1936;
const SECOND: u16 = 1937;

/// How long a balancer that starts may need until it knows its nodes. It takes less than 2 s.
const RIGHT: Duration = Duration::from_secs(20);

#[test]
fn two_balancers_that_start_last_follow_the_same_nodes() {
    let _turn = turn();
    let project = Project::new(4);
    project.up(2, &["webapp"]);
    project.up(2, &["webapp", "ha", "ha2"]);
    let names = |servers: Vec<Server>| servers.into_iter().map(|server| server.name);
    let first = names(project.wait_for_nodes(FIRST, 2));
    let second = names(project.wait_for_nodes(SECOND, 2));
    assert!(first.eq(second));
    for page in [1940, 1941] {
        project.wait_for_page(page, "that the other balancer agrees", |state| {
            let others = state["balancers"].as_array().map_or(0, Vec::len);
            others == 1 && state["balancers"][0]["agrees"] == true
        });
    }

    let load = steady_load(&project, 81);
    docker(&["restart", "-t", "60", &project.containers("ha")[0]]);
    project.wait_for_nodes(FIRST, 2);
    project.up(3, &["webapp"]);
    project.wait_for_nodes(FIRST, 3);
    project.wait_for_nodes(SECOND, 3);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn a_restarted_balancer_forgets_a_node_that_ended_meanwhile() {
    let _turn = turn();
    let project = Project::new(5);
    project.up(2, &[]);
    project.wait_for_nodes(FIRST, 2);

    let balancer = &project.containers("ha")[0];
    docker(&["stop", "-t", "60", balancer]);
    docker(&["stop", "-t", "60", &project.containers("webapp")[0]]);
    docker(&["start", balancer]);
    let started = Instant::now();
    wait_for("the file of the node that stayed, alone", RIGHT, || {
        let files = try_docker(&["exec", balancer, "ls", "/nodes"])?;
        (files.lines().count() == 1).then_some(())
    });
    eprintln!("/nodes was right {:?} after the start", started.elapsed());
    project.wait_for_nodes(FIRST, 1);
}

#[test]
fn a_node_with_another_gossip_key_never_gets_in() {
    let _turn = turn();
    let project = Project::new(6);
    project.up(1, &[]);
    project.wait_for_nodes(FIRST, 1);

    let rogue = with_key(&project, "Z29zc2lwLW9mLXNvbWVib2R5LWVsc2UtLS0tLS0tLS0=");
    wait_to_be_turned_away(&rogue);
    // If the rogue had joined after all, it would be seen before the node that starts next.
    project.up(2, &["webapp"]);
    let servers = project.wait_for_nodes(FIRST, 2);
    assert!(servers.iter().all(|server| server.name != "rogue"));
    let alone = rogue.exec(&["serf", "members"]).expect("its members");
    assert_eq!(alone.lines().count(), 1, "{alone}");
}

#[test]
fn the_gossip_key_of_a_running_cluster_is_changed_as_documented() {
    let _turn = turn();
    let project = Project::new(22);
    project.up(2, &[]);
    let before = project.wait_for_nodes(FIRST, 2);
    let load = steady_load(&project, 80);
    let balancer = &project.containers("ha")[0];
    let key = || docker(&["exec", balancer, "cat", "/secrets/gossip.key"]);
    let old = key();

    let guide = std::fs::read_to_string(root().join("docs/images.md")).expect("the guide");
    let is_about_keys = |block: &&str| block.contains("serf keys -install");
    let blocks = guide.split("```sh\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| Some(rest.split_once("```")?.0));
    let block = blocks.find(is_about_keys).expect("the commands");
    let compose = project.compose(&[]);
    let words: Vec<_> = std::iter::once(compose.get_program())
        .chain(compose.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    let mut shell = limited(
        "sh",
        &[
            "-e",
            "-c",
            &block.replace("docker compose", &words.join(" ")),
        ],
    );
    shell.current_dir(compose.get_current_dir().expect("the project's folder"));
    shell.envs(
        compose
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    told(&mut shell);

    assert_ne!(key(), old);
    let keys = docker(&["exec", balancer, "serf", "keys", "-list"]);
    assert!(keys.contains(&key()) && !keys.contains(&old), "{keys}");
    let log = container_log(balancer);
    assert!(!log.contains("EventMemberFailed"), "a node was out");
    assert_eq!(project.wait_for_nodes(FIRST, 2), before);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");

    let rogue = with_key(&project, &old);
    wait_to_be_turned_away(&rogue);
    project.up(3, &["webapp"]);
    let servers = project.wait_for_nodes(FIRST, 3);
    assert!(servers.iter().all(|server| server.name != "rogue"));
}

/// A node called `rogue`, beside those of the project, with a key of its own.
fn with_key(project: &Project, key: &str) -> Container {
    let network = project.network();
    let network = ["--network", &network, "--network-alias", "cluster"];
    let files = ["--tmpfs", "/run:exec,uid=4242"];
    let key = format!("umask 077; echo '{key}' >/secrets/gossip.key; exec /init");
    let image = [
        "-e",
        "SERF_NODE=rogue",
        "--entrypoint",
        "sh",
        &image("webapp"),
        "-c",
        &key,
    ];
    Container::run(&[&network[..], &files, &image].concat())
}

fn wait_to_be_turned_away(rogue: &Container) {
    wait_for("the rogue to be turned away", PATIENCE, || {
        rogue
            .log()
            .contains("could decrypt the message")
            .then_some(())
    });
}

#[test]
fn a_node_that_was_frozen_is_served_by_others_and_returns() {
    let _turn = turn();
    let project = Project::new(7);
    project.up(2, &[]);
    project.wait_for_nodes(FIRST, 2);

    let node = &project.containers("webapp")[0];
    let load = steady_load(&project, 80);
    wait_for("requests to both nodes", PATIENCE, || {
        (load.begun() > 500).then_some(())
    });
    docker(&["pause", node]);
    // "UP 1/2" is on its way down, and still gets requests.
    wait_for("the health check to see it", PATIENCE, || {
        let servers = project.servers(FIRST)?;
        let down = |server: &Server| server.status.starts_with("DOWN");
        servers.iter().any(down).then_some(())
    });
    let balancer = &project.containers("ha")[0];
    wait_for(
        "the requests that wait for it to be ended",
        PATIENCE,
        || container_log(balancer).contains("is silent").then_some(()),
    );
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
    docker(&["unpause", node]);
    project.wait_for_nodes(FIRST, 2);
}

#[test]
fn a_node_that_was_cut_off_from_the_network_is_served_again_when_it_is_back() {
    let _turn = turn();
    let project = Project::new(14);
    project.up(2, &[]);
    project.wait_for_nodes(FIRST, 2);

    let (network, node) = (project.network(), &project.containers("webapp")[0]);
    let address = address_of(node);
    let load = steady_load(&project, 80);
    docker(&["network", "disconnect", &network, node]);
    wait_for("the health check to see it", PATIENCE, || {
        let servers = project.servers(FIRST)?;
        let down = |server: &Server| server.status.starts_with("DOWN");
        servers.iter().any(down).then_some(())
    });
    let load_while_away = steady_load(&project, 80);
    wait_for("some requests", PATIENCE, || {
        (load_while_away.begun() > 500).then_some(())
    });
    docker(&[
        "network", "connect", "--ip", &address, "--alias", "cluster", &network, node,
    ]);
    project.wait_for_nodes(FIRST, 2);
    let report = load_while_away.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
    let report = load.stop();
    assert!(report.failed() <= IN_FLIGHT, "{report:?}");
}

#[test]
fn a_name_that_returns_with_another_address_is_served_there_and_nowhere_else() {
    let _turn = turn();
    let project = Project::new(15);
    project.up(1, &["ha", "webapp"]);
    project.wait_for_nodes(FIRST, 1);

    let fixed = |host: u8| {
        let secrets = format!("{}:/secrets", project.volume());
        let (network, address) = (project.network(), project.address(host));
        let place = ["--network", &network, "--ip", &address];
        let name = ["--network-alias", "cluster", "-e", "SERF_NODE=fixed"];
        let files = ["-v", &secrets, "--tmpfs", "/run:exec,uid=4242"];
        Container::run(&[&place[..], &name, &files, &[&image("webapp")]].concat())
    };
    let first = fixed(50);
    project.wait_for_nodes(FIRST, 2);
    docker(&["stop", "-t", "60", &first.0]);
    drop(first);
    let _second = fixed(51);

    let balancer = &project.containers("ha")[0];
    let (old, new) = (project.address(50), project.address(51));
    let everywhere =
        "cat /nodes/* /usr/local/etc/haproxy/haproxy.cfg; haproxy-reload --status || true";
    wait_for("the new address, and the new one alone", PATIENCE, || {
        let known = try_docker(&["exec", balancer, "sh", "-c", everywhere])?;
        (known.matches(&new).count() == 3 && !known.contains(&old)).then_some(())
    });
    project.wait_for_nodes(FIRST, 2);
    wait_for("an answer from there", PATIENCE, || {
        let page = http::get(project.published(80), "/").ok()?;
        page.text().contains(&new).then_some(())
    });
}

fn address_of(container: &str) -> String {
    let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    docker(&["inspect", "-f", address, container])
}
