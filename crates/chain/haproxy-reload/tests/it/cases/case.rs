//! Nodes, a template, and the HAProxy that follows them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::process::Command;

use files::Durability;

use crate::haproxy::{Haproxy, Run, address, front};
use crate::node::{self, Node};

/// A template, of which each part can be another.
#[derive(Clone)]
pub(super) struct Template {
    /// Lines for `global`.
    pub(super) global: String,
    /// Lines for `defaults`, which say the mode.
    pub(super) defaults: String,
    /// The lines of the backend.
    pub(super) backend: String,
    /// Sections at the end.
    pub(super) more: String,
}

/// A template with these lines in its backend `nodes`.
pub(super) fn template(backend: &str) -> Template {
    Template {
        global: "    hard-stop-after 30s\n".to_owned(),
        defaults: "    mode http\n    option redispatch 1\n".to_owned(),
        backend: backend.to_owned(),
        more: String::new(),
    }
}

/// A `server` line with these options for each node.
pub(super) fn each(options: &str) -> String {
    format!(
        "{{%- for n in nodes %}}\n    server {{{{ n.name }}}} {{{{ n.address }}}} {options}\n{{%- endfor %}}\n"
    )
}

impl Template {
    fn text(&self, haproxy: &Haproxy) -> String {
        let (socket, front) = (haproxy.path("s"), front(haproxy.test));
        let socket = socket.display();
        let Self {
            global,
            defaults,
            backend,
            more,
        } = self;
        format!(
            "global\n    stats socket {socket} mode 600 level admin\n    mworker-max-reloads 50\n\
             {global}defaults\n{defaults}    timeout connect 5s\n    timeout client 5m\n    \
             timeout server 5m\n    timeout check 10s\nfrontend web\n    bind {front}\n    \
             default_backend nodes\nbackend nodes\n{backend}\n{more}"
        )
    }
}

/// The real HAProxy with what haproxy-gen makes of a template.
pub(super) struct Case(Haproxy);

impl Deref for Case {
    type Target = Haproxy;

    fn deref(&self) -> &Haproxy {
        &self.0
    }
}

impl Case {
    /// Starts it with these nodes, and lets haproxy-reload see that it agrees. Each test takes a number of its own.
    pub(super) fn start(test: u8, template: &Template, nodes: &[u8]) -> Self {
        let mut case = Self::new(test, template, nodes);
        case.0.start_again();
        case.assert_agrees();
        case
    }

    /// Starts it with another file before its own.
    pub(super) fn start_after(first: &str, test: u8, template: &Template, nodes: &[u8]) -> Self {
        let mut case = Self::new(test, template, nodes);
        case.put("first.cfg", first);
        let first = case.path("first.cfg");
        case.0.start_after(&first);
        case.assert_agrees();
        case
    }

    /// Starts it with a template that finds all its addresses in the environment.
    pub(super) fn start_with_text(test: u8, template: &str, nodes: &[u8]) -> Self {
        let mut case = Self::without_file(test, nodes);
        case.put("template", template);
        case.generate();
        case.0.start_again();
        case.assert_agrees();
        case
    }

    fn new(test: u8, template: &Template, nodes: &[u8]) -> Self {
        let case = Self::without_file(test, nodes);
        case.use_template(template);
        case
    }

    fn without_file(test: u8, nodes: &[u8]) -> Self {
        let case = Self(Haproxy::new(test));
        std::fs::create_dir(case.path("nodes")).unwrap();
        for node in nodes {
            case.add(*node, "");
        }
        case
    }

    fn put(&self, name: &str, text: &str) {
        files::replace(&self.path(name), text.as_bytes(), Durability::Unsynced).unwrap();
    }

    /// Adds node `number`, or changes its tags.
    pub(super) fn add(&self, number: u8, tags: &str) {
        self.place(number, address(self.test, number), tags);
    }

    /// Node `number` is at this address from now on.
    pub(super) fn place(&self, number: u8, address: SocketAddr, tags: &str) {
        let (ip, port) = (address.ip(), address.port());
        let line = format!("s{number} {ip} port={port} {tags}");
        self.put(&format!("nodes/s{number}"), &format!("{}\n", line.trim()));
    }

    pub(super) fn remove(&self, number: u8) {
        std::fs::remove_file(self.path(&format!("nodes/s{number}"))).unwrap();
    }

    /// Takes this template, and makes the file of it.
    pub(super) fn use_template(&self, template: &Template) {
        self.put("template", &template.text(&self.0));
        self.generate();
    }

    /// haproxy-gen, which must have another file to make.
    pub(super) fn generate(&self) {
        let reload = assert_cmd::cargo::cargo_bin!("haproxy-reload");
        let mut command = Command::new(harness::beside(reload, "haproxy-gen"));
        self.environment(&mut command);
        command.arg("--nodes").arg(self.path("nodes"));
        command.arg("--template").arg(self.path("template"));
        command.arg("--output").arg(self.path("haproxy.cfg"));
        let haproxy = harness::haproxy::Haproxy::program().unwrap();
        let run = Run(command.arg("--haproxy").arg(haproxy).output().unwrap());
        assert_eq!(run.code(), 0, "{}", run.stderr());
    }

    /// haproxy-gen and haproxy-reload, which must have something to do. Returns what the
    /// latter says.
    pub(super) fn step(&self) -> String {
        self.generate();
        self.follow()
    }

    /// haproxy-reload, which must have something to do. Returns what it says.
    pub(super) fn follow(&self) -> String {
        let run = self.run(&[]);
        assert_eq!(run.code(), 0, "{}\n{}", run.stderr(), self.read("log"));
        run.stderr()
    }

    /// As [`Case::step`], by commands alone.
    pub(super) fn step_without_reload(&self) -> String {
        let worker = self.worker();
        let told = self.step();
        assert_eq!(self.worker(), worker, "{told}");
        told
    }

    /// As [`Case::step`], by a reload that is told with these words.
    pub(super) fn step_with_reload(&self, why: &str) {
        let worker = self.worker();
        let told = self.step();
        assert_ne!(self.worker(), worker, "{told}");
        assert!(
            told.contains("reload, since ") && told.contains(why),
            "{told}"
        );
    }

    /// The columns of `show servers state` for a server.
    pub(super) fn state(&self, server: &str) -> Option<State> {
        let answer = self.ask("show servers state nodes");
        let mut rows = answer.lines().map(|line| line.split(' ').collect());
        let row: Vec<&str> = rows.find(|row: &Vec<&str>| row.get(3) == Some(&server))?;
        let number = |column: usize| row[column].parse().unwrap();
        Some(State {
            id: number(2),
            admin: number(6),
            weight: number(7),
        })
    }

    /// Whether `server` is in maintenance or in drain, or is not there.
    pub(super) fn is_out(&self, server: &str) -> bool {
        self.state(server)
            .is_none_or(|state| state.admin & (MAINTENANCE | DRAIN) != 0)
    }

    /// What `--status` shows: the summary, and by server what its row says of the file.
    pub(super) fn status(&self) -> (serde_json::Value, BTreeMap<String, String>) {
        let run = self.run(&["--status", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&run.0.stdout).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let rows = json["servers"].as_array().unwrap().iter();
        let rows = rows.map(|row| (text(&row["server"]), text(&row["file"])));
        let rows = rows.collect();
        (json, rows)
    }

    /// The name of the node that answers, or what else comes.
    pub(super) fn get(&self, path: &str) -> String {
        node::get(front(self.test), path).unwrap_or_else(|other| other)
    }

    /// How many of so many requests each node answers.
    pub(super) fn shares(&self, requests: usize) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for _ in 0..requests {
            *shares.entry(self.get("/")).or_default() += 1;
        }
        shares
    }
}

/// What somebody has said to HAProxy, in [`State::admin`].
pub(super) const MAINTENANCE: u32 = 1;
pub(super) const DRAIN: u32 = 8;

/// What HAProxy says of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) id: u32,
    /// Has [`MAINTENANCE`] and [`DRAIN`], and why.
    pub(super) admin: u32,
    pub(super) weight: u32,
}

/// Starts the nodes of these numbers.
pub(super) fn nodes(test: u8, numbers: &[u8]) -> Vec<Node> {
    let numbers = numbers.iter();
    let node = |number: &u8| Node::start(&format!("s{number}"), address(test, *number));
    numbers.map(node).collect()
}
