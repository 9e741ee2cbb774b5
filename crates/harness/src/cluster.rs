//! A cluster of this machine, made and changed by the scripts that people use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::haproxy::{Statistics, ask};
use crate::{root, view, wait_for};

/// How long the membership may need to become right where no failure detection
/// is involved: tenfold of what a busy machine needs.
pub const SOON: Duration = Duration::from_secs(60);
/// How long Serf may need to find out who is dead: its suspicion alone takes up
/// to 24 s a node, and probes of a busy machine come late.
pub const FAILURE: Duration = Duration::from_secs(240);

/// A program as `scripts/build` made it.
pub fn program(name: &str) -> PathBuf {
    let path = root().join("target/bin").join(name);
    assert!(
        path.is_file(),
        "{} is not built: scripts/build",
        path.display()
    );
    path
}

/// A balancer and nodes on 127.N.NET.x, where N is of this run of the tests; it ends
/// with the value.
pub struct Cluster {
    net: u8,
    run: crate::Scratch,
}

impl Cluster {
    /// A cluster whose nodes nobody started yet.
    pub fn new(net: u8) -> Self {
        Self {
            net,
            run: crate::scratch(),
        }
    }

    /// `scripts/up NODES`.
    pub fn up(net: u8, nodes: usize) -> Self {
        let cluster = Self::new(net);
        cluster.start(nodes);
        cluster
    }

    /// Runs `scripts/up NODES`, which must succeed.
    pub fn start(&self, nodes: usize) -> String {
        self.succeed(&["up", &nodes.to_string()])
    }

    /// A script with the settings of this cluster, not yet run.
    pub fn script(&self, words: &[&str]) -> Command {
        let mut command = Command::new(root().join("scripts").join(words[0]));
        command
            .args(&words[1..])
            .env("MUSTER_NET", self.net())
            .env("MUSTER_RUN", self.run())
            .env("MUSTER_BUILT", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a script that must succeed, and returns what it printed.
    pub fn succeed(&self, words: &[&str]) -> String {
        printed(&self.run_script(words), words)
    }

    /// Runs a script to its end.
    pub fn run_script(&self, words: &[&str]) -> Output {
        self.script(words).output().expect("run a script")
    }

    /// The folder with the state of all nodes.
    pub fn run(&self) -> &Path {
        self.run.path()
    }

    /// A file of the node `name`'s folder.
    pub fn file(&self, name: &str, file: &str) -> PathBuf {
        self.run().join(name).join(file)
    }

    /// What a node's processes have written.
    pub fn log(&self, name: &str) -> String {
        // Serf writes hostile names as they are, so it need not be UTF-8.
        let log = fs::read(self.file(name, "log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What the addresses of its nodes begin with.
    pub fn net(&self) -> String {
        crate::address(&self.net.to_string())
    }

    /// That of one of them.
    pub fn address(&self, host: u8) -> String {
        format!("{}.{host}", self.net())
    }

    /// Where the balancer serves.
    pub fn front(&self) -> std::net::SocketAddr {
        format!("{}:8080", self.address(42)).parse().expect("…")
    }

    /// The id of a service's process, as `svstat` knows it.
    pub fn service_pid(&self, node: &str, service: &str) -> Option<u32> {
        let directory = self.file(node, "services").join(service);
        let output = Command::new(program("svstat"))
            .args(["-o", "pid"])
            .arg(directory)
            .output()
            .ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }

    /// What the balancer `name` believes: the files in its `/nodes`.
    pub fn node_files(&self, name: &str) -> Vec<String> {
        view::files(&self.file(name, "nodes"))
    }

    /// The names on the server lines of its configuration.
    pub fn configured(&self, name: &str) -> Vec<String> {
        view::configured(&self.file(name, "haproxy/haproxy.cfg"))
    }

    /// Each server that its HAProxy has, and the state that it shows.
    pub fn servers(&self, balancer: u8) -> BTreeMap<String, String> {
        self.statistics(balancer).states()
    }

    /// The statistics that a balancer shows on its page; none where nobody answers.
    pub fn statistics(&self, balancer: u8) -> Statistics {
        let page = fetch(&format!("http://{}:1936/;csv", self.address(balancer)));
        Statistics::from(page)
    }

    /// The id of HAProxy's current worker, which a reload would change.
    pub fn worker(&self) -> String {
        let info = self.ask_haproxy("show info");
        info.lines()
            .find(|line| line.starts_with("Pid: "))
            .expect("…")
            .to_string()
    }

    /// What HAProxy has counted of a server.
    pub fn counter(&self, node: &str, column: &str) -> u64 {
        let table = Statistics::from(self.ask_haproxy("show stat nodes 4 -1"));
        table
            .value(node, column)
            .expect("a column")
            .parse()
            .expect("a number")
    }

    fn ask_haproxy(&self, command: &str) -> String {
        ask(&self.file("ha", "haproxy.sock"), command).expect("ask HAProxy")
    }

    /// Waits until `/nodes`, the file and HAProxy of `ha` hold exactly `names`,
    /// and every one of them is up.
    pub fn wait_for_nodes(&self, names: &[&str]) {
        self.wait_for_nodes_within(SOON, names);
    }

    /// The same, with a deadline of its own.
    pub fn wait_for_nodes_within(&self, deadline: Duration, names: &[&str]) {
        wait_for(&format!("ha to have exactly {names:?}"), deadline, || {
            (self.view("ha", 42) == Some(names.iter().map(ToString::to_string).collect()))
                .then_some(())
        });
    }

    /// The nodes on which a balancer's files, configuration and HAProxy agree.
    pub fn view(&self, name: &str, host: u8) -> Option<Vec<String>> {
        let files = self.node_files(name);
        let up = |(name, state): (String, String)| state.starts_with("UP").then_some(name);
        let servers: Option<Vec<String>> = self.servers(host).into_iter().map(up).collect();
        (self.configured(name) == files && servers? == files).then_some(files)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for folder in fs::read_dir(self.run()).into_iter().flatten().flatten() {
                let name = folder.file_name();
                let log = self.log(&name.to_string_lossy());
                let tail: Vec<&str> = log.lines().rev().take(40).collect();
                eprintln!("--- the last lines of {}:", name.to_string_lossy());
                tail.iter().rev().for_each(|line| eprintln!("{line}"));
            }
        }
        let _ = self.run_script(&["down"]);
    }
}

/// What `output` printed, if it succeeded.
pub fn printed(output: &Output, words: &[&str]) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{words:?}: {}\n{stdout}{stderr}",
        output.status
    );
    stdout
}

/// The body of a page; empty when nobody answers.
pub fn fetch(url: &str) -> String {
    let (host, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .expect("a path");
    let address = host.parse().expect("an address and a port");
    crate::http::get(address, &format!("/{path}"))
        .map_or_else(|_| String::new(), |answer| answer.text())
}
