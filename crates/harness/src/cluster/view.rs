//! What a balancer believes of its nodes, read at each place where it says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{BALANCER, Cluster, SOON};
use crate::haproxy::{self, Server, Statistics, ask, server};
use crate::{http, wait_for};

/// The nodes that have a file in the directory `nodes`.
pub fn node_files(nodes: &Path) -> Vec<String> {
    let entries = fs::read_dir(nodes).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// The living backends among the members that `serf` lists, as JSON escapes them; nobody
/// where no agent answers.
///
/// # Panics
/// When `serf` cannot be run.
pub fn living(serf: &mut Command) -> Vec<String> {
    let words = "members -format=json -status=alive -tag role=backend";
    let output = serf.args(words.split(' ')).output().expect("run serf");
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    // Each key has a line of its own, and in JSON no line feed is a part of a name.
    let name = |line: &str| {
        let name = line.trim().strip_prefix("\"name\": \"")?;
        name.strip_suffix("\",").map(str::to_string)
    };
    let mut names: Vec<String> = list.lines().filter_map(name).collect();
    names.sort();
    names
}

/// The names on the server lines of the configuration `file`, without those of HAProxy's own
/// sockets, which are no nodes.
pub fn configured(file: &Path) -> Vec<String> {
    let config = fs::read_to_string(file).unwrap_or_default();
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let name = (words.next()? == "server").then(|| words.next())??;
        let is_node = !words.next()?.starts_with("unix@");
        is_node.then(|| name.to_string())
    };
    config.lines().filter_map(server).collect()
}

impl Cluster {
    /// The command socket of the HAProxy of `ha`.
    pub fn socket(&self) -> PathBuf {
        self.file("ha", "haproxy.sock")
    }

    /// What the balancer `name` believes: the files in its `/nodes`.
    pub fn node_files(&self, name: &str) -> Vec<String> {
        node_files(&self.file(name, "nodes"))
    }

    /// The names on the server lines of the configuration of the balancer `name`.
    pub fn configured(&self, name: &str) -> Vec<String> {
        configured(&self.file(name, "haproxy/haproxy.cfg"))
    }

    /// What the balancer at the address `host` shows on its page of statistics; nothing
    /// when it does not answer.
    pub fn statistics(&self, host: u8) -> Statistics {
        let page = http::get(self.at_port(host, 1936), "/;csv");
        page.map(|page| page.text().into()).unwrap_or_default()
    }

    /// The servers that this balancer has in use, and the state of each.
    pub fn servers(&self, host: u8) -> BTreeMap<String, String> {
        self.statistics(host).states()
    }

    /// How the HAProxy of `ha` runs the server of a node, if it has one.
    pub fn server(&self, node: &str) -> Option<Server> {
        let state = ask(&self.socket(), "show servers state nodes").ok()?;
        server(&state, node)
    }

    /// The worker of the HAProxy of `ha`: another one after a reload.
    ///
    /// # Panics
    /// When HAProxy does not answer.
    pub fn worker(&self) -> u32 {
        haproxy::worker(&self.socket()).expect("ask HAProxy who works")
    }

    /// What the HAProxy of `ha` has counted of a node's server.
    ///
    /// # Panics
    /// When HAProxy does not answer, or does not count that.
    pub fn counter(&self, node: &str, column: &str) -> u64 {
        let table = ask(&self.socket(), "show stat nodes 4 -1").expect("ask what HAProxy counts");
        let table = Statistics::from(table);
        let value = table.value(node, column).expect("the server has a counter");
        value.parse().expect("a counter is a number")
    }

    /// Waits until `/nodes`, the file and HAProxy of `ha` hold exactly `names`, and every
    /// one of them is up.
    pub fn wait_for_nodes(&self, names: &[&str]) {
        self.wait_for_nodes_within(SOON, names);
    }

    /// Does the same, with a deadline of its own.
    pub fn wait_for_nodes_within(&self, deadline: Duration, names: &[&str]) {
        wait_for(&format!("ha to have exactly {names:?}"), deadline, || {
            (self.view("ha", BALANCER)? == names).then_some(())
        });
    }

    /// The nodes that are in the files, in the configuration and in HAProxy of a balancer,
    /// when the three agree and each of the nodes is up.
    pub fn view(&self, name: &str, host: u8) -> Option<Vec<String>> {
        let files = self.node_files(name);
        let up = |(name, state): (String, String)| state.starts_with("UP").then_some(name);
        let servers: Option<Vec<String>> = self.servers(host).into_iter().map(up).collect();
        (self.configured(name) == files && servers? == files).then_some(files)
    }
}
