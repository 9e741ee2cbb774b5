//! A `docker-compose.yml` (ours, or that of another folder) under a name, a subnet and an
//! address of the test's own, so that it never meets a system that somebody runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use harness::haproxy::Statistics;
use harness::load::{self, Running};
use harness::{http, root, wait_for};
use serde_json::Value;

use super::engine::{docker, limited, told, try_docker};

/// Serf needs up to a minute to find out who is dead or to let a name return, and machines
/// are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A composed system, which goes with the value.
pub(crate) struct Project {
    folder: PathBuf,
    name: String,
    publish: String,
    subnet: String,
    log_host: String,
}

/// A node as a balancer's statistics page has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) status: String,
}

impl Project {
    /// Nothing is started yet. `number` gives the test its addresses.
    pub(crate) fn new(number: u8) -> Project {
        Project::of(root(), number)
    }

    /// That of the folder's own `docker-compose.yml`.
    pub(crate) fn of(folder: &Path, number: u8) -> Project {
        Project {
            folder: folder.to_owned(),
            name: format!("muster-test-{}-{number}", std::process::id()),
            publish: published_at(number),
            subnet: free_subnet(number),
            log_host: String::new(),
        }
    }

    /// HAProxy's log goes to this host as well.
    pub(crate) fn forwarding_to(mut self, log_host: &str) -> Project {
        log_host.clone_into(&mut self.log_host);
        self
    }

    /// Brings these services up, with so many nodes.
    pub(crate) fn up(&self, nodes: usize, services: &[&str]) {
        let scale = format!("webapp={nodes}");
        let two: &[&str] = if services.contains(&"ha2") {
            &["--profile", "two"]
        } else {
            &[]
        };
        let up = ["up", "-d", "--no-build", "--no-recreate", "--scale", &scale];
        told(&mut self.compose(&[two, &up, services].concat()));
    }

    /// `compose` with these words.
    pub(crate) fn compose(&self, arguments: &[&str]) -> Command {
        let common = ["-p", &self.name];
        let plugin = with_plugin();
        let (program, first): (_, &[&str]) = if plugin {
            ("docker", &["compose"])
        } else {
            ("docker-compose", &[])
        };
        let mut command = limited(program, &[first, &common, arguments].concat());
        command.current_dir(&self.folder);
        command.env("PUBLISH", &self.publish);
        command.env("NETWORK_SUBNET", format!("{}.0/24", self.subnet));
        command.env("NODE_RANGE", format!("{}.128/25", self.subnet));
        command.env("HA_PROXY_IP", format!("{}.42", self.subnet));
        command.env("LOG_HOST", &self.log_host);
        command
    }

    /// The ids of a service's running containers.
    pub(crate) fn containers(&self, service: &str) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.name);
        let service = format!("label=com.docker.compose.service={service}");
        let list = docker(&["ps", "-q", "-f", &project, "-f", &service]);
        list.lines().map(str::to_owned).collect()
    }

    /// The network that they all are in.
    pub(crate) fn network(&self) -> String {
        format!("{}_heig", self.name)
    }

    /// The volume with the gossip key.
    pub(crate) fn volume(&self) -> String {
        format!("{}_secrets", self.name)
    }

    /// An address of the network. Those above 127 are given to the nodes.
    pub(crate) fn address(&self, host: u8) -> String {
        format!("{}.{host}", self.subnet)
    }

    /// Where the first balancer's port is published; the second's is one above.
    pub(crate) fn published(&self, port: u16) -> SocketAddr {
        let address = format!("{}:{port}", self.publish);
        address.parse().expect("an address and a port")
    }

    /// What the page of a balancer that publishes it at this port says, once `is_it` so.
    pub(crate) fn wait_for_page(
        &self,
        port: u16,
        what: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Value {
        wait_for(&format!("the page to say {what}"), PATIENCE, || {
            let answer = http::get(self.published(port), "/state.json").ok()?;
            let state = serde_json::from_slice(&answer.body).ok()?;
            is_it(&state).then_some(state)
        })
    }

    /// The nodes of the balancer whose statistics page is on `port`; none of those that
    /// have left.
    pub(crate) fn servers(&self, port: u16) -> Option<Vec<Server>> {
        let page = http::get(self.published(port), "/;csv").ok()?;
        let states = Statistics::from(page.text()).states().into_iter();
        Some(
            states
                .map(|(name, status)| Server { name, status })
                .collect(),
        )
    }

    /// Waits until that balancer has exactly so many nodes, all of them up.
    pub(crate) fn wait_for_nodes(&self, port: u16, count: usize) -> Vec<Server> {
        let mut seen = None;
        wait_for(
            &format!("{count} nodes that are up, at port {port}"),
            PATIENCE,
            || {
                let servers = self.servers(port)?;
                if seen.as_ref() != Some(&servers) {
                    eprintln!("port {port} has {servers:?}");
                    seen = Some(servers.clone());
                }
                let all_up = servers.iter().all(|server| server.status == "UP");
                (all_up && servers.len() == count).then_some(servers)
            },
        )
    }
}

/// The steady load has so many connections, each of which can have one request in flight
/// on a node that is killed or cut off.
pub(crate) const IN_FLIGHT: u64 = 32;

/// Asks 500 times a second, on kept connections and on new ones.
pub(crate) fn steady_load(project: &Project, port: u16) -> Running {
    load::start(project.published(port), 500)
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.compose(&["logs", "--no-color", "--tail=60"]).output();
            let log = log.map(|output| output.stdout).unwrap_or_default();
            eprintln!(
                "--- the containers' logs\n{}",
                String::from_utf8_lossy(&log)
            );
        }
        let down = "--profile two down --volumes --remove-orphans --rmi local --timeout 3";
        let down: Vec<&str> = down.split(' ').collect();
        let _ = self.compose(&down).output();
    }
}

/// An address of loopback that no other run of these tests has at the same time.
fn published_at(number: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{low}.{number}", 64 + high % 64)
}

/// The first three numbers of a subnet that this machine has no route to. Runs
/// beside each other look in different places, since both could find one free.
fn free_subnet(number: u8) -> String {
    let routes = told(&mut limited("ip", &["-4", "route"]));
    let place = std::process::id();
    (place..place + 16)
        .map(|place| format!("10.{}.{number}", 128 + place % 128))
        .find(|subnet| !routes.contains(&format!("{subnet}.")))
        .expect("a free subnet in 10.128.0.0/9")
}

/// Whether compose is docker's plugin (version 2) or a program (version 1).
fn with_plugin() -> bool {
    static PLUGIN: OnceLock<bool> = OnceLock::new();
    *PLUGIN.get_or_init(|| try_docker(&["compose", "version"]).is_some())
}
