//! A cluster of this machine, made and changed by the scripts that people use.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use harness::wait_for;

use crate::view;

/// How long the membership may need to become right where no failure detection
/// is involved: tenfold of what a busy machine needs.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How long Serf may need to find out who is dead: its suspicion alone takes up
/// to 24 s a node, and probes of a busy machine come late.
pub(crate) const FAILURE: Duration = Duration::from_secs(240);

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
}

/// A program as `scripts/build` made it.
pub(crate) fn program(name: &str) -> PathBuf {
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
pub(crate) struct Cluster {
    net: u8,
    run: harness::Scratch,
}

impl Cluster {
    /// A cluster whose nodes nobody started yet.
    pub(crate) fn new(net: u8) -> Self {
        Self {
            net,
            run: harness::scratch(),
        }
    }

    /// `scripts/up NODES`.
    pub(crate) fn up(net: u8, nodes: usize) -> Self {
        let cluster = Self::new(net);
        cluster.start(nodes);
        cluster
    }

    /// Runs `scripts/up NODES`, which must succeed.
    pub(crate) fn start(&self, nodes: usize) -> String {
        self.succeed(&["up", &nodes.to_string()])
    }

    /// A script with the settings of this cluster, not yet run.
    pub(crate) fn script(&self, words: &[&str]) -> Command {
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
    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        printed(&self.run_script(words), words)
    }

    /// Runs a script to its end.
    pub(crate) fn run_script(&self, words: &[&str]) -> Output {
        self.script(words).output().expect("run a script")
    }

    /// The folder with the state of all nodes.
    pub(crate) fn run(&self) -> &Path {
        self.run.path()
    }

    /// A file of the node `name`'s folder.
    pub(crate) fn file(&self, name: &str, file: &str) -> PathBuf {
        self.run().join(name).join(file)
    }

    /// What a node's processes have written.
    pub(crate) fn log(&self, name: &str) -> String {
        // Serf writes hostile names as they are, so it need not be UTF-8.
        let log = fs::read(self.file(name, "log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What the addresses of its nodes begin with.
    pub(crate) fn net(&self) -> String {
        harness::address(&self.net.to_string())
    }

    /// That of one of them.
    pub(crate) fn address(&self, host: u8) -> String {
        format!("{}.{host}", self.net())
    }

    /// Where the balancer serves.
    pub(crate) fn front(&self) -> std::net::SocketAddr {
        format!("{}:8080", self.address(42)).parse().unwrap()
    }

    /// The id of a service's process, as `svstat` knows it.
    pub(crate) fn service_pid(&self, node: &str, service: &str) -> Option<i32> {
        let directory = self.file(node, "services").join(service);
        let output = Command::new(program("svstat"))
            .arg("--json")
            .arg(directory)
            .output()
            .ok()?;
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        status["pid"]
            .as_i64()?
            .try_into()
            .ok()
            .filter(|pid| *pid > 0)
    }

    /// What the balancer `name` believes: the files in its `/nodes`.
    pub(crate) fn node_files(&self, name: &str) -> Vec<String> {
        view::files(&self.file(name, "nodes"))
    }

    /// The names on the server lines of its configuration.
    pub(crate) fn configured(&self, name: &str) -> Vec<String> {
        view::configured(&self.file(name, "haproxy/haproxy.cfg"))
    }

    /// Each server that its HAProxy has, and the state that it shows: those that
    /// a node left behind in maintenance are not counted.
    pub(crate) fn servers(&self, balancer: u8) -> BTreeMap<String, String> {
        let page = fetch(&format!("http://{}:1936/;csv", self.address(balancer)));
        page.lines()
            .map(|line| line.split(',').collect::<Vec<_>>())
            .filter(|row| row.len() > 17 && !matches!(row[1], "FRONTEND" | "BACKEND" | "svname"))
            .filter(|row| !row[17].starts_with("MAINT"))
            .map(|row| (row[1].to_string(), row[17].to_string()))
            .collect()
    }

    /// Asks Serf itself, at the agent of the address HOST, who is alive as a backend.
    pub(crate) fn living(&self, host: u8) -> Vec<String> {
        view::living(
            Command::new("serf").env("SERF_RPC_ADDR", format!("{}:7373", self.address(host))),
        )
    }

    /// The id of HAProxy's current worker, which a reload would change.
    pub(crate) fn worker(&self) -> String {
        let info = self.ask_haproxy("show info");
        info.lines()
            .find(|line| line.starts_with("Pid: "))
            .unwrap()
            .to_string()
    }

    /// What HAProxy has counted of a server.
    pub(crate) fn counter(&self, node: &str, column: &str) -> u64 {
        let table = self.ask_haproxy("show stat nodes 4 -1");
        let mut rows = table
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>());
        let head = rows.next().expect("a head");
        let column = head.iter().position(|name| *name == column).unwrap();
        let row = rows.find(|row| row.get(1) == Some(&node)).unwrap();
        row[column].parse().unwrap()
    }

    fn ask_haproxy(&self, command: &str) -> String {
        let mut socket = UnixStream::connect(self.file("ha", "haproxy.sock")).unwrap();
        socket.write_all(format!("{command}\n").as_bytes()).unwrap();
        std::io::read_to_string(socket).unwrap()
    }

    /// Waits until `/nodes`, the file and HAProxy of `ha` hold exactly `names`,
    /// and every one of them is up.
    pub(crate) fn wait_for_nodes(&self, names: &[&str]) {
        self.wait_for_nodes_within(SOON, names);
    }

    /// The same, with a deadline of its own.
    pub(crate) fn wait_for_nodes_within(&self, deadline: Duration, names: &[&str]) {
        wait_for(&format!("ha to have exactly {names:?}"), deadline, || {
            (self.view("ha", 42) == Some(names.iter().map(ToString::to_string).collect()))
                .then_some(())
        });
    }

    /// Waits until members, `/nodes`, the file and HAProxy of `ha` are the same,
    /// whether their health checks pass or not.
    pub(crate) fn wait_for_agreement(&self, deadline: Duration) -> Vec<String> {
        wait_for(
            "members, /nodes, haproxy.cfg and HAProxy to agree",
            deadline,
            || {
                let living = self.living(42);
                let servers: Vec<String> = self.servers(42).into_keys().collect();
                (self.node_files("ha") == living
                    && self.configured("ha") == living
                    && servers == living)
                    .then_some(living)
            },
        )
    }

    /// The nodes on which a balancer's files, configuration and HAProxy agree.
    pub(crate) fn view(&self, name: &str, host: u8) -> Option<Vec<String>> {
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
pub(crate) fn printed(output: &Output, words: &[&str]) -> String {
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
pub(crate) fn fetch(url: &str) -> String {
    let (host, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .expect("a path");
    let address = host.parse().expect("an address and a port");
    crate::http::get(address, &format!("/{path}")).map_or_else(|_| String::new(), |(_, body)| body)
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: i32, signal: nix::sys::signal::Signal) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}
