//! A running page, and how it is asked.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use harness::http::{Connection, Request, Response};
use harness::{Owned, Scratch, scratch, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::haproxy::Haproxy;

pub(crate) const LONG: Duration = Duration::from_secs(30);

/// All that the page serves.
pub(crate) const PATHS: [&str; 8] = [
    "/",
    "/live",
    "/state.json",
    "/agreement.json",
    "/metrics",
    "/page.css",
    "/page.js",
    "/icon.svg",
];

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster-page"));
    for name in [
        "MUSTER_PAGE_LISTEN",
        "MUSTER_PAGE_HOSTS",
        "MUSTER_PAGE_SERVICES",
        "MUSTER_JOURNAL",
        "NODES_DIR",
        "HAPROXY_LOOK_SOCKET",
        "SERF_NODE",
        "SERF_WATCH_AGAIN",
    ] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A page of a cluster in a folder of its own.
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    pub(crate) process: Owned,
    pub(crate) cluster: Cluster,
}

/// The files that a page reads.
pub(crate) struct Cluster(Scratch);

impl Cluster {
    /// One with a node.
    pub(crate) fn new() -> Self {
        let cluster = Self(scratch());
        fs::create_dir(cluster.path("nodes")).unwrap();
        cluster.join("s1");
        cluster
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn join(&self, name: &str) {
        let path = self.path("nodes").join(name);
        fs::write(path, format!("{name} 10.0.0.1\n")).unwrap();
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("look.sock")
    }

    /// Appends a line to the journal.
    pub(crate) fn note(&self, line: &str) {
        let path = self.path("muster.jsonl");
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        file.unwrap()
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }

    /// Replaces the state of the chain.
    pub(crate) fn state(&self, state: &Value) {
        let (new, path) = (self.path("state.new"), self.path("nodes/.state"));
        fs::write(&new, state.to_string()).unwrap();
        fs::rename(new, path).unwrap();
    }
}

impl Page {
    /// A page at the address with this number, and a HAProxy.
    pub(crate) fn start(host: u8) -> (Self, Haproxy) {
        let cluster = Cluster::new();
        let haproxy = Haproxy::start(&cluster.socket(), &["s1"]);
        (Self::of(cluster, host, |_| ()), haproxy)
    }

    /// A page of this cluster, with what `more` adds to its command.
    pub(crate) fn of(cluster: Cluster, host: u8, more: impl FnOnce(&mut Command)) -> Self {
        let address = format!("{}:1940", harness::address(&format!("66.{host}")));
        let mut command = program();
        command
            .args(["--listen", &address, "--name", "lb1", "--services", ""])
            .arg("--nodes")
            .arg(cluster.path("nodes"))
            .arg("--journal")
            .arg(cluster.path("muster.jsonl"))
            .arg("--socket")
            .arg(cluster.socket());
        more(&mut command);
        let mut page = Self {
            address: address.parse().unwrap(),
            process: Owned::start(&mut command).unwrap(),
            cluster,
        };
        wait_for("the page to listen", LONG, || {
            assert!(page.process.runs(), "it has ended: {}", page.said());
            TcpStream::connect(page.address).ok()
        });
        page
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Response {
        let deadline = Instant::now() + LONG;
        let mut connection = Connection::open(self.address, deadline).unwrap();
        let request = Request {
            method,
            path,
            headers: "",
            body: "",
        };
        connection.ask(&request, deadline).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask("GET", path)
    }

    /// A page of JSON.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// All that is answered to this text, up to the end of the connection.
    pub(crate) fn raw(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Sends a signal, and waits for the end.
    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        self.process.signal(signal);
        wait_for("the page to end", LONG, || {
            self.process.child().try_wait().unwrap()
        })
    }

    /// What it wrote to stderr. It must have ended.
    pub(crate) fn said(&mut self) -> String {
        let stderr = self.process.child().stderr.take();
        std::io::read_to_string(stderr.unwrap()).unwrap()
    }
}
