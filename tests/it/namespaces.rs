//! Hosts with a network of their own: what a loopback net cannot show, cut cables
//! and multicast.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::cluster::{FAILURE, SOON, program, root, signal};
use crate::hold::{lost, set_lost_since};

/// A bridge and hosts on it, in network namespaces that this machine's own
/// network does not see: host N is 10.77.0.N.
struct Lan {
    name: String,
    hosts: Vec<Host>,
    scratch: tempfile::TempDir,
}

struct Host {
    number: u8,
    init: Child,
}

fn ip(words: &str) -> Output {
    Command::new("ip")
        .args(words.split(' '))
        .output()
        .expect("run ip")
}

fn must(words: &str) {
    let output = ip(words);
    assert!(
        output.status.success(),
        "ip {words} (are you root?): {output:?}"
    );
}

impl Lan {
    fn new(name: &str) -> Self {
        let lan = Self {
            name: format!("muster-{name}"),
            hosts: Vec::new(),
            scratch: harness::scratch(),
        };
        let switch = lan.namespace(0);
        must(&format!("netns add {switch}"));
        must(&format!("-n {switch} link add br0 type bridge"));
        must(&format!("-n {switch} link set br0 up"));
        lan
    }

    /// The namespace of a host; 0 is the switch.
    fn namespace(&self, number: u8) -> String {
        format!("{}-{number}", self.name)
    }

    /// Plugs a host in and starts the services of `folder` on it.
    fn start(&mut self, number: u8, folder: &str, settings: &[(&str, &str)]) {
        let (switch, namespace) = (self.namespace(0), self.namespace(number));
        must(&format!("netns add {namespace}"));
        must(&format!("-n {namespace} link set lo up"));
        must(&format!(
            "-n {switch} link add port{number} type veth peer name eth0 netns {namespace}"
        ));
        must(&format!("-n {switch} link set port{number} master br0 up"));
        must(&format!(
            "-n {namespace} address add 10.77.0.{number}/24 dev eth0"
        ));
        must(&format!("-n {namespace} link set eth0 up"));
        must(&format!("-n {namespace} route add default dev eth0"));
        wait_for("the address to be usable", SOON, || {
            ip(&format!("-n {namespace} address show tentative"))
                .stdout
                .is_empty()
                .then_some(())
        });
        let init = self.init(number, folder, settings);
        self.hosts.push(Host { number, init });
    }

    fn init(&self, number: u8, folder: &str, settings: &[(&str, &str)]) -> Child {
        let state = self.state(number);
        fs::create_dir_all(state.join("nodes")).unwrap();
        fs::create_dir_all(state.join("haproxy")).unwrap();
        let log = fs::File::create(state.join("log")).unwrap();
        let path = |file: &str| state.join(file).display().to_string();
        let programs = program("init").parent().unwrap().display().to_string();
        let scripts = root().join("ha/scripts").display().to_string();
        Command::new("ip")
            .args(["netns", "exec", &self.namespace(number)])
            .arg(program("init"))
            .arg("--services")
            .arg(root().join(folder))
            .arg("--scandir")
            .arg(state.join("services"))
            .env_clear()
            .env(
                "PATH",
                format!("{programs}:{scripts}:/usr/sbin:/usr/bin:/sbin:/bin"),
            )
            .env("S6_KEEP_ENV", "1")
            .env("INIT_PREFIX", "1")
            .env("SERF_NODE", format!("n{number}"))
            .env("SERF_IFACE", "eth0")
            .env("SERF_JOIN_EVERY", "2")
            .env("SERVER_NAME", format!("n{number}"))
            .env("NODES_DIR", path("nodes"))
            .env("SERF_LOG", path("serf.log"))
            .env(
                "HAPROXY_TEMPLATE",
                root().join("ha/config/haproxy.cfg.tera"),
            )
            .env("HAPROXY_CFG", path("haproxy/haproxy.cfg"))
            .env("HAPROXY_SOCKET", path("haproxy.sock"))
            .env("HAPROXY_MASTER", path("master.sock"))
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("start init in a namespace")
    }

    fn state(&self, number: u8) -> PathBuf {
        self.scratch.path().join(number.to_string())
    }

    fn log(&self, number: u8) -> String {
        fs::read_to_string(self.state(number).join("log")).unwrap_or_default()
    }

    /// Pulls or plugs the cable of a host.
    fn cable(&self, number: u8, state: &str) {
        must(&format!(
            "-n {} link set port{number} {state}",
            self.namespace(0)
        ));
    }

    /// The nodes that are UP in the HAProxy of host `number`.
    fn up(&self, number: u8) -> Vec<String> {
        let namespace = self.namespace(number);
        let words = [
            "netns",
            "exec",
            &namespace,
            "curl",
            "-s",
            "-m",
            "5",
            "http://127.0.0.1:1936/;csv",
        ];
        let output = Command::new("ip").args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>())
            .filter(|row| row.len() > 17 && row[1].starts_with('n') && row[17].starts_with("UP"))
            .map(|row| row[1].to_string())
            .collect()
    }

    fn wait_until_up(&self, number: u8, names: &[&str]) {
        wait_for(&format!("{names:?} to be up"), FAILURE, || {
            (self.up(number) == names).then_some(())
        });
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            signal(i32::try_from(host.init.id()).unwrap(), Signal::SIGTERM);
        }
        for host in &mut self.hosts {
            let _ = host.init.wait();
        }
        for number in self.hosts.iter().map(|host| host.number).chain([0]) {
            if std::thread::panicking() && number > 0 {
                eprintln!("--- the log of n{number}:\n{}", self.log(number));
            }
            ip(&format!("netns delete {}", self.namespace(number)));
        }
    }
}

#[test]
fn agents_find_each_other_by_multicast_where_nobody_is_named() {
    let mut lan = Lan::new("mdns");
    let discover = [("SERF_DISCOVER", "muster")];
    for (number, folder) in [
        (1, "webapp/services"),
        (42, "ha/services"),
        (2, "webapp/services"),
    ] {
        lan.start(number, folder, &discover);
        // An agent asks when it starts and then once a minute: whoever is there answers.
        wait_for("the agent", SOON, || {
            lan.log(number).contains("agent running").then_some(())
        });
    }
    lan.wait_until_up(42, &["n1", "n2"]);
}

#[test]
fn a_balancer_that_was_cut_off_keeps_its_nodes_and_is_right_when_the_cable_is_back() {
    let mut lan = Lan::new("cut");
    let join = [("SERF_JOIN", "10.77.0.1 10.77.0.2 10.77.0.42")];
    lan.start(42, "ha/services", &join);
    lan.start(1, "webapp/services", &join);
    lan.start(2, "webapp/services", &join);
    lan.wait_until_up(42, &["n1", "n2"]);
    let nodes = lan.state(42).join("nodes");
    lan.cable(42, "down");
    wait_for("both nodes to be lost", FAILURE, || {
        // Serf finds them one by one; none may end its hold before the last is found.
        set_lost_since(&nodes, Duration::ZERO);
        (lost(&nodes).len() == 2).then_some(())
    });
    wait_for("the health checks to fail", SOON, || {
        lan.up(42).is_empty().then_some(())
    });
    lan.start(3, "webapp/services", &join);
    lan.cable(42, "up");
    lan.wait_until_up(42, &["n1", "n2", "n3"]);
}
