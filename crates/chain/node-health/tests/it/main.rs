//! node-health as a process, with Serf's own agents and a web server of the test's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::http::serve;
use harness::{Owned, Scratch, wait_for, write_program};
use nix::sys::signal::Signal;

/// A deadline that no load of the machine reaches.
const LONG: Duration = Duration::from_secs(180);

/// An agent, a web server that answers 200, and what the program keeps.
struct Node {
    ip: String,
    agent: Option<Owned>,
    web: SocketAddr,
    folder: Scratch,
}

impl Node {
    /// One whose own address ends with `host`, without an agent.
    fn without_agent(host: &str) -> Self {
        let ip = harness::address(host);
        let web = answering(&ip, "200 OK");
        Self {
            ip,
            agent: None,
            web,
            folder: harness::scratch(),
        }
    }

    fn start(host: &str, more: &[&str]) -> Self {
        let mut node = Self::without_agent(host);
        node.start_agent(more);
        node
    }

    fn start_agent(&mut self, more: &[&str]) {
        let ip = &self.ip;
        let mut command = Command::new(harness::require("serf"));
        command.args(["agent", "-bind", ip, "-node", &format!("node-{ip}")]);
        command.arg(format!("-rpc-addr={ip}:7373")).args(more);
        self.agent = Some(Owned::spawn(&mut command).unwrap());
    }

    fn joined_by(&self, host: &str) -> Self {
        let seed = format!("-retry-join={}", self.ip);
        Self::start(host, &[&seed, "-retry-interval=1s"])
    }

    fn mark(&self) -> PathBuf {
        self.folder.path().join("joined")
    }

    fn marked(&self) -> String {
        fs::read_to_string(self.mark()).unwrap()
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node-health"));
        command
            .env_clear()
            .env("HEALTH_ADDRESS", self.web.to_string());
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.folder.path().display());
        command
            .env("PATH", path)
            .env("NODE_HEALTH_MARK", self.mark());
        command.env("SERF_RPC_ADDR", format!("{}:7373", self.ip));
        command.env("SERF_JOIN", &self.ip).args(more);
        command
    }

    /// The code of a check, and what it says.
    fn check(&self, more: &[&str]) -> (Option<i32>, String) {
        run(&mut self.command(more))
    }

    fn wait(&self, code: i32, told: &str) {
        wait_for(told, LONG, || {
            let (found, said) = self.check(&[]);
            (found == Some(code) && said.contains(told)).then_some(())
        });
    }
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status.code(), said)
}

/// A web server at `ip` that answers each `HEAD /` with this status.
fn answering(ip: &str, status: &'static str) -> SocketAddr {
    serve(format!("{ip}:0"), move |peer| {
        let head = peer.request().unwrap_or_default();
        let status = if head.starts_with("HEAD / ") {
            status
        } else {
            "400 Bad Request"
        };
        peer.answer(status, "");
    })
}

#[test]
fn a_member_with_others_is_healthy_and_stays_so_when_it_has_lost_them() {
    let mut ha = Node::start("67.1", &[]);
    ha.wait(0, "node-health: healthy: it serves, and is alone");
    assert!(ha.marked().starts_with("alone "), "{}", ha.marked());
    let s1 = ha.joined_by("67.2");
    ha.wait(0, "healthy: it serves, and is a member with 1 other\n");
    s1.wait(0, "with 1 other");
    assert_eq!(ha.marked(), "joined\n");
    drop(s1);
    ha.wait(0, "has lost the others: 1 failed or left");
    // An agent that starts again knows nobody, and only the file says that there were others.
    drop(ha.agent.take());
    ha.wait(
        1,
        "not healthy: no Serf agent answers: connect to the agent",
    );
    ha.start_agent(&[]);
    ha.wait(0, "healthy: it serves, and has lost the others\n");
}

#[test]
fn who_never_had_others_although_there_are_some_is_told_to_look_at_the_key() {
    let ha = Node::start("67.11", &[]);
    ha.wait(0, "alone: SERF_JOIN gives nobody else");
    let with = |join: &str| run(ha.command(&[]).env("SERF_JOIN", join));
    let other = harness::address("67.12");
    let both = format!("{} {other}:7946 10.9.9.9", ha.ip);
    let (code, said) = with(&both);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("was alone until now: it has yet to join 10.9.9.9"),
        "{said}"
    );
    // That is known from the file, without which it was never right to be alone.
    fs::remove_file(ha.mark()).unwrap();
    let (code, said) = with(&both);
    assert_eq!(code, Some(1));
    let told = "although SERF_JOIN gives 10.9.9.9 and 1 more: give all of them the same gossip key";
    assert!(said.contains(told), "{said}");
    assert_eq!(with("[fd53::1]:7946").0, Some(1));
    assert_eq!(with(" ").1, run(ha.command(&[]).env_remove("SERF_JOIN")).1);
}

#[test]
fn who_has_another_key_is_not_healthy_and_the_others_are() {
    let key = "-encrypt=MDEyMzQ1Njc4OTAxMjM0NQ==";
    let ha = Node::start("67.91", &[key]);
    let seed = format!("-retry-join={}", ha.ip);
    let seed = [&seed, "-retry-interval=1s"];
    let s1 = Node::start("67.92", &[&seed[..], &[key]].concat());
    let other = "-encrypt=NTQzMjEwOTg3NjU0MzIxMA==";
    let s2 = Node::start("67.93", &[&seed[..], &[other]].concat());
    let check = |node: &Node| run(node.command(&[]).env("SERF_JOIN", &ha.ip));
    for (node, code, told) in [
        (&ha, 0, "is a member with 1 other"),
        (&s1, 0, "is a member with 1 other"),
        (&s2, 1, "it has never had another member"),
    ] {
        wait_for(told, LONG, || {
            let (found, said) = check(node);
            (found == Some(code) && said.contains(told)).then_some(())
        });
    }
}

#[test]
fn names_of_seeds_are_looked_up() {
    let ha = Node::start("67.21", &[]);
    ha.wait(0, "alone");
    let getent = |script: &str| {
        write_program(&ha.folder.path().join("getent"), script);
        let _ = fs::remove_file(ha.mark());
        run(ha.command(&[]).env("SERF_JOIN", "cluster"))
    };
    let says = |ip: &str| {
        format!("#!/bin/sh\n[ \"$*\" = 'ahosts -- cluster' ] && echo '{ip} STREAM cluster'\n")
    };
    assert_eq!(getent(&says(&ha.ip)).0, Some(0));
    let (code, said) = getent(&says("10.9.9.9"));
    assert!(
        code == Some(1) && said.contains("SERF_JOIN gives 10.9.9.9: "),
        "{said}"
    );
    assert_eq!(getent("#!/bin/sh\nexit 2\n").0, Some(0));
    let begin = Instant::now();
    let (code, said) = getent("#!/bin/sh\nsleep 1000\n");
    assert!(
        code == Some(0) && said.contains("is not known: look up 'cluster'"),
        "{said}"
    );
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn who_leaves_is_not_healthy_though_it_serves() {
    let ha = Node::start("67.31", &[]);
    let s1 = ha.joined_by("67.32");
    s1.wait(0, "with 1 other");
    s1.agent.as_ref().unwrap().signal(Signal::SIGINT);
    // Once it has left, its agent is gone.
    wait_for("the leave to be told", LONG, || {
        let (code, said) = s1.check(&[]);
        (code == Some(1))
            .then(|| assert!(said.contains("leaves") || said.contains("no Serf agent")))
    });
}

#[test]
fn who_does_not_serve_is_not_healthy_though_it_is_a_member() {
    let ha = Node::start("67.41", &[]);
    ha.wait(0, "alone");
    let at = |address: &str, more: &[&str]| run(ha.command(more).env("HEALTH_ADDRESS", address));
    let leaving = answering(&ha.ip, "503 Service Unavailable").to_string();
    let rude = serve(format!("{}:0", ha.ip), |peer| {
        peer.request();
        peer.send("\x1b[2J no\r\n");
    });
    let silent = serve(
        format!("{}:0", ha.ip),
        |peer| {
            while peer.request().is_some() {}
        },
    );
    for (address, told) in [
        (leaving, "it answers HEAD / with 503, not with 200"),
        (rude.to_string(), "it answers HEAD / with '\\x1b[2J no'"),
        (silent.to_string(), "it has not answered in time"),
        (format!("{}:1", ha.ip), "Connection refused"),
    ] {
        for more in [&[][..], &["--live"]] {
            let (code, said) = at(&address, more);
            assert!(code == Some(1) && said.contains(told), "{said}");
        }
    }
}

#[test]
fn alive_is_who_serves_whatever_its_agent_does() {
    let node = Node::without_agent("67.51");
    assert_eq!(node.check(&[]).0, Some(1));
    let alive = (Some(0), "node-health: healthy: it serves\n".to_owned());
    assert_eq!(node.check(&["--live"]), alive);
}

#[test]
fn a_port_is_looked_for_on_both_families() {
    let node = Node::without_agent("67.61");
    let web = answering("[::1]", "200 OK");
    let port = ["--live", "--port", &web.port().to_string()].map(str::to_owned);
    let port = port.each_ref().map(String::as_str);
    assert_eq!(
        run(node.command(&port).env("HEALTH_ADDRESS", "")).0,
        Some(0)
    );
}

#[test]
fn a_key_that_is_missing_is_told() {
    let node = Node::without_agent("67.71");
    let (code, said) = node.check(&["--rpc-key-file", "/nonexistent/key"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("read /nonexistent/key: there is no such file"),
        "{said}"
    );
}

#[test]
fn without_a_port_it_is_used_wrongly() {
    let node = Node::without_agent("67.81");
    let (code, said) = run(node.command(&[]).env_remove("HEALTH_ADDRESS"));
    assert_eq!(code, Some(100));
    assert!(
        said.contains("say where the node serves, in HEALTH_PORT"),
        "{said}"
    );
    assert_eq!(node.check(&["--address", "ha"]).0, Some(100));
}
