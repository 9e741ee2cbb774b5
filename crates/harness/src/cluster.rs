//! A cluster of this machine, made and changed by the scripts that people use, and laid
//! out as `scripts/local.sh` does it.

mod view;

use std::fmt::Display;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};

use crate::{Scratch, root};

pub use view::{configured, living, node_files};

/// How long the membership may need to become right where no failure detection is
/// involved: tenfold of what a busy machine needs.
pub const SOON: Duration = Duration::from_secs(60);
/// How long Serf may need to find out who is dead: its suspicion alone takes up to 24 s a
/// node, and probes of a busy machine come late.
pub const FAILURE: Duration = Duration::from_secs(240);

/// The address of the balancer `ha` ends with it.
pub const BALANCER: u8 = 42;

/// A program as `scripts/build` made it.
///
/// # Panics
/// When it is not built.
#[track_caller]
pub fn program(name: &str) -> PathBuf {
    let path = root().join("target/bin").join(name);
    let shown = path.display();
    assert!(path.is_file(), "{shown} is not built: scripts/build");
    path
}

/// A balancer and nodes on a loopback net.
#[derive(Debug)]
pub struct Cluster {
    root: PathBuf,
    net: String,
    run: PathBuf,
    /// Of a cluster that ends with the value.
    own: Option<Scratch>,
}

impl Cluster {
    /// The cluster that the environment names (`MUSTER_NET`, `MUSTER_RUN`), which others
    /// have started and will end. `root` is the repository.
    ///
    /// # Errors
    /// When a variable is missing, or holds no net.
    pub fn of_environment(root: &Path) -> anyhow::Result<Self> {
        let variable = |name| std::env::var(name).with_context(|| format!("read ${name}"));
        Self::at(root, &variable("MUSTER_NET")?, variable("MUSTER_RUN")?)
    }

    /// The one of the net `net`, such as 127.0.42, whose state is in the folder `run`.
    ///
    /// # Errors
    /// When `net` is no net.
    pub fn at(root: &Path, net: &str, run: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let balancer = format!("{net}.{BALANCER}").parse::<Ipv4Addr>();
        balancer.with_context(|| format!("read {net} as the first three numbers of a net"))?;
        Ok(Self {
            root: root.to_path_buf(),
            net: net.to_owned(),
            run: run.into(),
            own: None,
        })
    }

    /// A cluster whose nodes nobody has started yet, on 127.N.`net`.x, where N is of this
    /// process. It ends with the value.
    ///
    /// # Panics
    /// When no folder can be made for it.
    pub fn new(net: u8) -> Self {
        let own = crate::scratch();
        Self {
            root: root().to_path_buf(),
            net: crate::address(&net.to_string()),
            run: own.path().to_path_buf(),
            own: Some(own),
        }
    }

    /// Such a cluster, after `scripts/up NODES`.
    ///
    /// # Panics
    /// When the script fails.
    pub fn up(net: u8, nodes: usize) -> Self {
        let cluster = Self::new(net);
        cluster.start(nodes);
        cluster
    }

    /// Runs `scripts/up NODES`, which must succeed.
    pub fn start(&self, nodes: usize) -> String {
        self.succeed(&["up", &nodes.to_string()])
    }

    /// Runs a script that must succeed, and returns what it printed.
    pub fn succeed(&self, words: &[&str]) -> String {
        printed(&self.run_script(words), words)
    }

    /// Runs a script to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run_script(&self, words: &[&str]) -> Output {
        self.script(words).output().expect("run a script")
    }

    /// A script with the settings of this cluster, not yet run.
    pub fn script(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("scripts").join(words[0]));
        self.settings(command.args(&words[1..]));
        command
    }

    /// Starts `scripts/node ARGUMENT...`, and does not wait for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn node(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        let mut command = self.script(&[&["node"], arguments].concat());
        command
            .stdout(Stdio::null())
            .spawn()
            .context("start scripts/node")
    }

    /// Starts a node without waiting for anything: only what `scripts/node` does at last.
    ///
    /// # Errors
    /// When the shell fails.
    pub fn launch(&self, node: &str, address: &str) -> anyhow::Result<()> {
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                ". scripts/lib.sh; . scripts/local.sh; launch_node \"$1\" \"$2\"",
            ])
            .args(["scripts/node", node, address]);
        self.settings(&mut command);
        let status = command.status().context("launch a node")?;
        ensure!(
            status.success(),
            "launch {node}: the shell ended with {status}"
        );
        Ok(())
    }

    fn settings(&self, command: &mut Command) {
        command
            .env("MUSTER_NET", &self.net)
            .env("MUSTER_RUN", &self.run)
            .env("MUSTER_BUILT", "1")
            .current_dir(&self.root)
            .stdin(Stdio::null());
    }

    /// A full reload of the HAProxy of `ha`, by the program `haproxy_reload`.
    pub fn full_reload(&self, haproxy_reload: &Path) -> Command {
        let mut command = Command::new(haproxy_reload);
        command
            .arg("--full")
            .env("HAPROXY_CFG", self.file("ha", "haproxy/haproxy.cfg"))
            .env("HAPROXY_SOCKET", self.socket())
            .env("HAPROXY_MASTER", self.file("ha", "haproxy-master.sock"))
            .stdin(Stdio::null());
        command
    }

    /// The folder with the state of all nodes.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// A file of a node.
    pub fn file(&self, node: &str, path: &str) -> PathBuf {
        self.run.join(node).join(path)
    }

    /// The address whose last number is `host`.
    pub fn address(&self, host: impl Display) -> String {
        format!("{}.{host}", self.net)
    }

    /// A port at such an address.
    pub fn at_port(&self, host: u8, port: u16) -> SocketAddr {
        let ip: Ipv4Addr = self.address(host).parse().expect("an address of the net");
        (ip, port).into()
    }

    /// Where the balancer `ha` serves.
    pub fn front(&self) -> SocketAddr {
        self.at_port(BALANCER, 8080)
    }

    /// What a node's processes have written.
    pub fn log(&self, node: &str) -> String {
        // Whatever is there is looked at.
        let log = fs::read(self.file(node, "log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The names of all that have been started.
    ///
    /// # Errors
    /// When the cluster has no folder.
    pub fn nodes(&self) -> anyhow::Result<Vec<String>> {
        let entries = fs::read_dir(&self.run).context("read the cluster's folder")?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join("pid").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The number of a node's init.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn pid(&self, node: &str) -> anyhow::Result<u32> {
        let path = self.file(node, "pid");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let word = text.split_whitespace().next().unwrap_or_default();
        word.parse()
            .with_context(|| format!("read {}", path.display()))
    }

    /// The number of a service's process, as `svstat` knows it.
    pub fn service_pid(&self, node: &str, service: &str) -> Option<u32> {
        let directory = self.file(node, "services").join(service);
        let mut svstat = Command::new(program("svstat"));
        let output = svstat.args(["-o", "pid"]).arg(directory).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }

    /// A command of Serf to the agent of a node, with the key of its command port.
    pub fn serf(&self, node: &str) -> Command {
        let read = |file| fs::read_to_string(self.file(node, file)).unwrap_or_default();
        let mut command = Command::new("serf");
        command
            .env("SERF_RPC_ADDR", format!("{}:7373", read("address").trim()))
            .env("SERF_RPC_AUTH", read("rpc.key").trim());
        command
    }

    /// When a node was launched: the kernel says when its log was made.
    ///
    /// # Errors
    /// When it was not.
    pub fn launched(&self, node: &str) -> anyhow::Result<SystemTime> {
        let path = self.file(node, "log");
        fs::metadata(&path)
            .and_then(|metadata| metadata.created())
            .with_context(|| format!("look when {} was made", path.display()))
    }

    #[expect(clippy::print_stderr, reason = "a failed test shows the logs")]
    fn show_logs(&self) {
        for folder in fs::read_dir(&self.run).into_iter().flatten().flatten() {
            let name = folder.file_name().to_string_lossy().into_owned();
            let log = self.log(&name);
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            eprintln!("--- the last lines of {name}:\n{}", last.join("\n"));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own.is_some() {
            if std::thread::panicking() {
                self.show_logs();
            }
            let _ = self.run_script(&["down"]);
        }
    }
}

/// What a script printed, which must have succeeded.
///
/// # Panics
/// With all that it said, when it has not.
#[track_caller]
pub fn printed(output: &Output, words: &[&str]) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let status = output.status;
    assert!(status.success(), "{words:?}: {status}\n{stdout}{stderr}");
    stdout
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_cluster_is_read_from_its_files() {
        let scratch = crate::scratch();
        let cluster = Cluster::at(root(), "127.0.43", scratch.path()).unwrap();
        fs::create_dir(scratch.path().join("s1")).unwrap();
        let mut file = fs::File::create(cluster.file("s1", "pid")).unwrap();
        file.write_all(b"42 4711\n").unwrap();
        assert_eq!(cluster.nodes().unwrap(), ["s1"]);
        assert_eq!(cluster.pid("s1").unwrap(), 42);
        assert_eq!(cluster.front().to_string(), "127.0.43.42:8080");
        assert_eq!(cluster.address(7), "127.0.43.7");
    }

    #[test]
    fn what_a_node_lacks_is_named() {
        let scratch = crate::scratch();
        let cluster = Cluster::at(root(), "127.0.43", scratch.path()).unwrap();
        let no_pid = cluster.pid("s2").unwrap_err().to_string();
        assert!(no_pid.ends_with("s2/pid"), "{no_pid}");
        let no_log = cluster.launched("s2").unwrap_err().to_string();
        assert!(no_log.ends_with("s2/log was made"), "{no_log}");
        assert_eq!(cluster.server("s2"), None);
    }

    #[test]
    fn a_net_that_is_none_is_told() {
        let error = Cluster::at(root(), "banana", "/").unwrap_err();
        assert!(error.to_string().starts_with("read banana as "), "{error}");
    }
}
