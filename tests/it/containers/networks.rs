//! Containers on networks that compose does not make: several of them, without names, with
//! IPv6, and what the health check says there.

use std::time::Duration;

use harness::haproxy::Statistics;
use harness::{http, wait_for};

use super::engine::{Container, docker, image, try_docker, turn};
use super::project::PATIENCE;

/// Ten times what two nodes take to find each other.
const FOUND: Duration = Duration::from_secs(50);

/// The option for a network without a way out.
const INTERNAL: &[&str] = &["--internal"];

/// What every node of ours is run with.
const NODE: [&str; 10] = [
    "--read-only",
    "--cap-drop=ALL",
    "--tmpfs=/run:exec,uid=4242,gid=4242,mode=0755",
    "--tmpfs=/tmp:uid=4242,gid=4242,mode=0700",
    "--tmpfs=/nodes:uid=4242,gid=4242,mode=0755",
    "--tmpfs=/var/log:uid=4242,gid=4242,mode=0755",
    "--tmpfs=/usr/local/etc/haproxy:uid=4242,gid=4242,mode=0755",
    "--health-interval=1s",
    "--health-start-period=1s",
    "--health-retries=3",
];

/// Networks, which go with the value, and a volume for the key.
struct Networks {
    names: Vec<String>,
    key: String,
}

impl Networks {
    /// Networks whose names end so, each with the options for it.
    fn new(number: u8, ends: &[(&str, &[&str])]) -> Networks {
        let project = format!("muster-test-{}-{number}", std::process::id());
        let mut networks = Networks {
            names: Vec::new(),
            key: format!("{project}_secrets"),
        };
        let label = format!("--label=com.docker.compose.project={project}");
        for (end, options) in ends {
            let name = format!("{project}-{end}");
            let create = ["network", "create", &label];
            docker(&[&create[..], options, &[&name]].concat());
            networks.names.push(name);
        }
        docker(&["volume", "create", &label, &networks.key]);
        networks
    }

    /// Starts one of our images in the networks, the first of which is where the others are
    /// looked for under the name `cluster`.
    fn start(&self, image_name: &str, networks: &[usize], more: &[&str]) -> Container {
        self.start_with_key(&self.key, image_name, networks, more)
    }

    fn start_with_key(
        &self,
        key: &str,
        image_name: &str,
        networks: &[usize],
        more: &[&str],
    ) -> Container {
        let volume = format!("--volume={key}:/secrets");
        let first = format!("--network={}", self.names[networks[0]]);
        let alias = "--network-alias=cluster";
        let image = image(image_name);
        let arguments = [&NODE[..], &[&volume, &first, alias], more, &[&image]].concat();
        let container = Container::create(&arguments);
        for other in &networks[1..] {
            docker(&["network", "connect", &self.names[*other], &container.0]);
        }
        docker(&["start", &container.0]);
        container
    }

    /// The address of a container in one of the networks.
    fn address(&self, container: &Container, network: usize) -> String {
        let name = &self.names[network];
        let format = format!("{{{{(index .NetworkSettings.Networks \"{name}\").IPAddress}}}}");
        docker(&["inspect", "-f", &format, &container.0])
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            try_docker(&["network", "rm", name]);
        }
        try_docker(&["volume", "rm", &self.key]);
    }
}

/// The names of the nodes that are UP at the balancer with this address.
fn up(balancer: &str) -> Option<Vec<String>> {
    let address = format!("{balancer}:1936").parse().ok()?;
    let page = http::get(address, "/;csv").ok()?;
    let states = Statistics::from(page.text()).states().into_iter();
    let up = states.filter(|(_, state)| state == "UP");
    Some(up.map(|(name, _)| name).collect())
}

fn wait_until_up(networks: &Networks, balancer: &Container, network: usize, count: usize) {
    let address = networks.address(balancer, network);
    wait_for(&format!("{count} nodes to be UP"), FOUND, || {
        (up(&address)?.len() == count).then_some(())
    });
}

#[test]
fn nodes_find_each_other_by_multicast_where_no_name_is_known() {
    let _turn = turn();
    // A network that is internal would not carry multicast.
    for (number, options) in [
        (40, &[][..]),
        (41, &["--ipv6", "--subnet=fd53:6d75:7374::/64"][..]),
    ] {
        let networks = Networks::new(number, &[("net", options)]);
        let nameless = [
            "-e",
            "SERF_DISCOVER=muster",
            "-e",
            "SERF_JOIN=no.such.invalid",
        ];
        let balancer = networks.start("ha", &[0], &nameless);
        let _nodes = [0, 1].map(|_| networks.start("webapp", &[0], &nameless));
        wait_until_up(&networks, &balancer, 0, 2);
    }
}

#[test]
fn the_network_in_which_the_seeds_are_is_taken_wherever_it_stands_in_the_alphabet() {
    let _turn = turn();
    for (number, gossip, other) in [(42, "a-gossip", "z-other"), (43, "z-gossip", "a-other")] {
        let networks = Networks::new(number, &[(gossip, INTERNAL), (other, INTERNAL)]);
        let balancer = networks.start("ha", &[0, 1], &[]);
        let node = networks.start("webapp", &[0, 1], &[]);
        wait_until_up(&networks, &balancer, 0, 1);
        let files = balancer.exec(&["sh", "-c", "cat /nodes/*"]).unwrap();
        let address = networks.address(&node, 0);
        assert!(files.contains(&format!(" {address}")), "{address}: {files}");
    }
}

/// Waits until `node-health` says so, and whether the node is healthy with it.
fn wait_for_words(node: &Container, is_healthy: bool, words: &str) {
    let mut last = String::new();
    wait_for(&format!("`{words}`"), PATIENCE, || {
        let script = "node-health 2>&1; echo \" code $?\"";
        let said = node.exec(&["sh", "-c", script])?;
        let code = if is_healthy { "code 0" } else { "code 1" };
        let found = said.contains(words) && said.ends_with(code);
        if said != last {
            eprintln!("{said}");
            last = said;
        }
        found.then_some(())
    });
}

fn wait_for_status(node: &Container, wanted: &str) {
    wait_for(&format!("the engine to say {wanted}"), PATIENCE, || {
        let status = docker(&["inspect", "-f", "{{.State.Health.Status}}", &node.0]);
        (status == wanted).then_some(())
    });
}

#[test]
fn a_node_that_is_of_no_use_is_unhealthy_and_says_why() {
    let _turn = turn();
    let networks = Networks::new(44, &[("net", INTERNAL)]);
    let alone = networks.start("webapp", &[0], &[]);
    wait_for_words(&alone, true, "alone");
    wait_for_status(&alone, "healthy");

    let no_agent = networks.start("webapp", &[0], &["-e", "SERF_BIND=192.0.2.1"]);
    wait_for_words(&no_agent, false, "no Serf agent answers");
    let missing = ["-e", "SERF_KEY_REQUIRED=1", "-e", "SERF_KEY_FILE=/tmp/none"];
    let no_key = networks.start("webapp", &[0], &missing);
    wait_for_words(&no_key, false, "no Serf agent answers");
    wait_for_status(&no_agent, "unhealthy");
    wait_for_status(&no_key, "unhealthy");
    drop((no_agent, no_key));

    let others = format!("{}-other", networks.key);
    docker(&["volume", "create", &others]);
    let stranger = networks.start_with_key(&others, "webapp", &[0], &[]);
    wait_for_words(&stranger, false, "never");
    wait_for_status(&stranger, "unhealthy");
    drop(stranger);
    try_docker(&["volume", "rm", &others]);

    let second = networks.start("webapp", &[0], &[]);
    wait_for_words(&second, true, "a member with 1 other");
    second
        .exec(&["svc", "-d", "/run/s6/services/webapp"])
        .unwrap();
    wait_for_words(&second, false, "it does not serve");
    second
        .exec(&["svc", "-u", "/run/s6/services/webapp"])
        .unwrap();
    wait_for_words(&second, true, "a member with 1 other");

    docker(&["kill", &alone.0]);
    wait_for_words(&second, true, "lost");
    wait_for_status(&second, "healthy");
}

#[test]
fn a_node_that_leaves_is_unhealthy_before_it_ends() {
    let _turn = turn();
    let networks = Networks::new(45, &[("net", INTERNAL)]);
    let first = networks.start("webapp", &[0], &[]);
    let second = networks.start("webapp", &[0], &[]);
    for node in [&first, &second] {
        wait_for_words(node, true, "a member with 1 other");
    }
    let stop = std::thread::spawn({
        let id = second.0.clone();
        move || docker(&["stop", "-t", "60", &id])
    });
    let mut was_unhealthy = false;
    wait_for("the node to have ended", PATIENCE, || {
        let script = "node-health >/dev/null 2>&1; echo $?";
        let code = second.exec(&["sh", "-c", script]);
        was_unhealthy |= code.as_deref() == Some("1");
        stop.is_finished().then_some(())
    });
    stop.join().unwrap();
    assert!(was_unhealthy, "it was healthy to its end");
}
