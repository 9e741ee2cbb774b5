//! A local cluster that `scripts/up` started, as `scripts/local.sh` lays it out.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, ensure};
use servicedir::Status;

use harness::haproxy::{Server, ask, server};

/// The cluster that the environment names (`MUSTER_NET`, `MUSTER_RUN`).
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    root: PathBuf,
    net: String,
    run: PathBuf,
}

impl Cluster {
    pub(crate) fn of_environment(root: &Path) -> anyhow::Result<Self> {
        let variable = |name| std::env::var(name).with_context(|| format!("read ${name}"));
        Ok(Self {
            root: root.to_path_buf(),
            net: variable("MUSTER_NET")?,
            run: variable("MUSTER_RUN")?.into(),
        })
    }

    /// One for tests, whose nodes are in `run`.
    #[cfg(test)]
    pub(crate) fn at(run: &Path) -> Self {
        Self {
            root: "/".into(),
            net: "127.0.43".into(),
            run: run.into(),
        }
    }

    /// Where clients ask.
    pub(crate) fn front(&self) -> anyhow::Result<SocketAddr> {
        let text = format!("{}.42:8080", self.net);
        text.parse()
            .with_context(|| format!("read the address {text}"))
    }

    pub(crate) fn address(&self, last: usize) -> String {
        format!("{}.{last}", self.net)
    }

    /// A file of a node.
    pub(crate) fn file(&self, node: &str, path: &str) -> PathBuf {
        self.run.join(node).join(path)
    }

    /// The names of all that have a folder.
    pub(crate) fn nodes(&self) -> anyhow::Result<Vec<String>> {
        let entries = fs::read_dir(&self.run).context("read the cluster's folder")?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join("pid").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The init of a node.
    pub(crate) fn pid(&self, node: &str) -> anyhow::Result<u32> {
        let path = self.file(node, "pid");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let word = text.split_whitespace().next().unwrap_or_default();
        word.parse()
            .with_context(|| format!("read {}", path.display()))
    }

    /// What the balancer's HAProxy says of a node.
    pub(crate) fn server(&self, node: &str) -> Option<Server> {
        let state = ask(&self.file("ha", "haproxy.sock"), "show servers state nodes").ok()?;
        server(&state, node)
    }

    /// Starts a node without waiting for anything: only what `scripts/node` does
    /// at last.
    pub(crate) fn launch(&self, node: &str, address: &str) -> anyhow::Result<()> {
        let mut command = Command::new("sh");
        command
            .args(["-c", ". scripts/local.sh; launch_node \"$1\" \"$2\"", "sh"])
            .args([node, address])
            .current_dir(&self.root);
        let status = command.status().context("launch a node")?;
        ensure!(
            status.success(),
            "launch {node}: the shell ended with {status}"
        );
        Ok(())
    }

    /// `scripts/node ARGUMENT...`, not waited for.
    pub(crate) fn node(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        Command::new(self.root.join("scripts/node"))
            .args(arguments)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("start scripts/node")
    }

    /// When a node was launched: the kernel says when its log was made.
    pub(crate) fn launched(&self, node: &str) -> anyhow::Result<SystemTime> {
        let path = self.file(node, "log");
        fs::metadata(&path)
            .and_then(|metadata| metadata.created())
            .with_context(|| format!("look when {} was made", path.display()))
    }

    /// When a service of a node last started, as its supervisor noted it.
    pub(crate) fn service_started(&self, node: &str, service: &str) -> anyhow::Result<SystemTime> {
        let path = self
            .file(node, "services")
            .join(service)
            .join("supervise/status");
        let record = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let status = Status::decode(&record).with_context(|| format!("read {}", path.display()))?;
        Ok(status.stamp.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use files::{Durability, replace};

    #[test]
    fn a_cluster_is_read_from_its_files() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(scratch.path());
        fs::create_dir(scratch.path().join("s1")).unwrap();
        replace(
            &cluster.file("s1", "pid"),
            b"42 4711\n",
            Durability::Unsynced,
        )
        .unwrap();
        assert_eq!(cluster.nodes().unwrap(), ["s1"]);
        assert_eq!(cluster.pid("s1").unwrap(), 42);
        assert_eq!(cluster.front().unwrap().to_string(), "127.0.43.42:8080");
        assert_eq!(cluster.address(7), "127.0.43.7");
    }

    #[test]
    fn what_a_node_lacks_is_named() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(scratch.path());
        assert!(
            cluster
                .pid("s2")
                .unwrap_err()
                .to_string()
                .ends_with("s2/pid")
        );
        assert!(
            cluster
                .launched("s2")
                .unwrap_err()
                .to_string()
                .ends_with("s2/log was made")
        );
        assert_eq!(cluster.server("s2"), None);
    }

    #[test]
    fn the_start_of_a_service_is_the_one_that_its_supervisor_noted() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(scratch.path());
        let supervise = cluster.file("s1", "services/serf/supervise");
        fs::create_dir_all(&supervise).unwrap();
        let now = SystemTime::now();
        let status = Status {
            stamp: servicedir::Stamp::from(now),
            ..Status::default()
        };
        let record = status.encode(servicedir::Layout::Long);
        replace(&supervise.join("status"), &record, Durability::Unsynced).unwrap();
        assert_eq!(cluster.service_started("s1", "serf").unwrap(), now);
        replace(&supervise.join("status"), b"short", Durability::Unsynced).unwrap();
        let error = cluster.service_started("s1", "serf").unwrap_err();
        let told = format!("{error:#}");
        assert!(
            told.contains("supervise/status: no record: 5 bytes"),
            "{told}"
        );
    }
}
