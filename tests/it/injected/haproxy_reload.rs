//! haproxy-reload, on a real HAProxy: by commands, and by a reload.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::cluster::program;
use harness::faults::Program;
use harness::haproxy::{Haproxy, server};
use harness::wait::until;
use harness::{Owned, Scratch, family};

use super::trial::{Ended, SOON, Subject, try_all};
use super::write;

/// A HAProxy with its folder, and what haproxy-gen makes for it.
pub(super) struct Balancer {
    scratch: Scratch,
    pub(super) haproxy: Haproxy,
    master: Option<Owned>,
}

impl Balancer {
    /// One that listens at the address of this process which ends with `host`, and runs what
    /// is made of these nodes.
    pub(super) fn start(host: &str, nodes: &[&str]) -> Self {
        let scratch = harness::scratch();
        fs::create_dir_all(scratch.path().join("nodes")).unwrap();
        let haproxy = Haproxy::new(&scratch.path().join("etc"), harness::address(host));
        fs::create_dir(scratch.path().join("etc")).unwrap();
        let mut balancer = Self {
            scratch,
            haproxy,
            master: None,
        };
        balancer.template("1s");
        for line in nodes {
            balancer.node(line);
        }
        balancer.render();
        balancer.master = Some(balancer.haproxy.start().unwrap());
        balancer
    }

    pub(super) fn folder(&self) -> &Path {
        self.scratch.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The template, with this for `timeout server`.
    pub(super) fn template(&self, timeout: &str) {
        let (socket, http) = (self.haproxy.socket.display(), "${HAPROXY_HTTP}");
        let text = format!(
            "global
    stats socket {socket} mode 600 level admin
    stats timeout 30s
    hard-stop-after 1s
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server {timeout}
frontend all
    bind \"{http}\"
    default_backend nodes
backend nodes
{{%- for node in nodes %}}
    server {{{{ node.name }}}} {{{{ node.address }}}} weight {{{{ node.weight }}}}
{{%- endfor %}}
"
        );
        write(&self.path("haproxy.cfg.tera"), &text);
    }

    pub(super) fn node(&self, line: &str) {
        let name = line.split(' ').next().unwrap();
        write(&self.path("nodes").join(name), &format!("{line}\n"));
    }

    /// Lets haproxy-gen write haproxy.cfg.
    pub(super) fn render(&self) {
        self.run("haproxy-gen");
    }

    /// Runs a program of the chain, which must not fail.
    pub(super) fn run(&self, name: &str) {
        let output = self.command(&program(name)).output().unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{name}: {output:?}");
    }

    /// A program with the settings of this balancer.
    pub(super) fn command(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        command.env_clear();
        self.haproxy.environment(&mut command);
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("NODES_DIR", self.path("nodes"))
            .env("HAPROXY_TEMPLATE", self.path("haproxy.cfg.tera"))
            .env("HAPROXY_PROGRAM", Haproxy::program().unwrap());
        command
    }

    /// HAProxy's own processes, of which an old worker may still be one.
    pub(super) fn processes(&self) -> Vec<u32> {
        let master = self.master.as_ref();
        master.map_or_else(Vec::new, |master| family(master.pid()))
    }

    /// These servers get requests, with these weights.
    pub(super) fn serves(&self, servers: &[(&str, u32)]) -> Result<(), String> {
        let state = self.haproxy.ask("show servers state");
        let state = state.map_err(|error| format!("{error:#}"))?;
        for (name, weight) in servers {
            let found = server(&state, name);
            if !found.is_some_and(|server| server.wanted && server.weight == *weight) {
                return Err(format!(
                    "{name} is {found:?}, and not of weight {weight}: {state}"
                ));
            }
        }
        Ok(())
    }

    /// None of these is missing.
    pub(super) fn has(&self, names: &[&str]) -> Result<(), String> {
        // Between two workers nobody answers for a moment.
        let state = until("HAProxy's answer", SOON, || {
            self.haproxy.ask("show servers state").ok()
        });
        let state = state.map_err(|error| error.to_string())?;
        let is_there = |name: &&&str| server(&state, name).is_some_and(|server| server.wanted);
        let missing = names.iter().find(|name| !is_there(name));
        missing.map_or(Ok(()), |name| Err(format!("{name} is missing: {state}")))
    }

    /// What of a file in the folder is compared: not HAProxy's own.
    pub(super) fn shown(name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        (!matches!(name, "etc/log" | "etc/no-log")).then_some(content)
    }
}

struct HaproxyReload {
    balancer: Balancer,
    before: String,
    after: String,
    /// The weight of s1 afterwards.
    weight: u32,
}

impl HaproxyReload {
    /// s1 gets another weight, s3 comes, and s4 goes.
    fn by_commands(host: &str) -> Self {
        let mut subject = Self::new(host);
        subject.balancer.node("s1 127.0.0.1 port=9 weight=50");
        subject.balancer.node("s3 127.0.0.1 port=7");
        fs::remove_file(subject.balancer.path("nodes/s4")).unwrap();
        subject.weight = 50;
        subject.after = subject.render();
        subject
    }

    /// A line that is no server's is another.
    fn by_a_reload(host: &str) -> Self {
        let mut subject = Self::new(host);
        subject.balancer.template("2s");
        subject.after = subject.render();
        subject
    }

    fn new(host: &str) -> Self {
        let nodes = [
            "s1 127.0.0.1 port=9",
            "s2 127.0.0.1 port=8",
            "s4 127.0.0.1 port=6",
        ];
        let balancer = Balancer::start(host, &nodes);
        let before = fs::read_to_string(&balancer.haproxy.config).unwrap();
        Self {
            balancer,
            before,
            after: String::new(),
            weight: 100,
        }
    }

    fn render(&self) -> String {
        self.balancer.render();
        fs::read_to_string(&self.balancer.haproxy.config).unwrap()
    }
}

impl Subject for HaproxyReload {
    fn name(&self) -> &'static str {
        "haproxy-reload"
    }

    fn folder(&self) -> &Path {
        self.balancer.folder()
    }

    fn reset(&mut self) {
        let _ = fs::remove_file(self.balancer.path("etc/.haproxy.cfg.refused"));
        write(&self.balancer.haproxy.config, &self.before);
        self.balancer.run("haproxy-reload");
        self.balancer
            .serves(&[("s1", 100), ("s2", 100), ("s4", 100)])
            .unwrap();
        write(&self.balancer.haproxy.config, &self.after);
    }

    fn program(&self) -> Program {
        self.balancer.command(&program("haproxy-reload")).into()
    }

    fn shown(&self, name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        Balancer::shown(name, content)
    }

    fn others(&self) -> Vec<u32> {
        self.balancer.processes()
    }

    fn judge(&self, _ended: &Ended) -> Result<(), String> {
        self.balancer.has(&["s1", "s2"])
    }

    fn settled(&self) -> Result<(), String> {
        self.balancer.serves(&[("s1", self.weight), ("s2", 100)])?;
        let mut again = self.balancer.command(&program("haproxy-reload"));
        let output = again
            .arg("--dry-run")
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.code() {
            Some(1) => Ok(()),
            _ => Err(format!("HAProxy and the file do not agree: {output:?}")),
        }
    }
}

#[test]
fn whatever_fails_while_haproxy_is_told_by_commands_the_next_run_puts_all_right() {
    try_all(&mut HaproxyReload::by_commands("101.1"));
}

#[test]
fn whatever_fails_while_haproxy_is_reloaded_the_next_run_puts_all_right() {
    try_all(&mut HaproxyReload::by_a_reload("101.2"));
}
