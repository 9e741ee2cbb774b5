//! member-event: the shell itself and those that it forks, until they are other programs.

use std::fs;
use std::path::Path;

use harness::cluster::program;
use harness::faults::Program;
use harness::root;

use super::agent::Agent;
use super::folder::without_digits;
use super::haproxy_reload::Balancer;
use super::trial::{Ended, Subject, try_all};

const JOURNAL: &str = "muster.jsonl";

struct MemberEvent {
    balancer: Balancer,
    agent: Agent,
}

impl MemberEvent {
    /// The agent is s1, which gets another weight; s2 is in no list, and held.
    fn new(host: &str, agent: &str) -> Self {
        let balancer = Balancer::start(host, &[]);
        fs::create_dir(balancer.path("serf")).unwrap();
        let agent = Agent::start("s1", agent, &balancer.path("serf"));
        Self { balancer, agent }
    }
}

impl Subject for MemberEvent {
    fn name(&self) -> &'static str {
        "member-event"
    }

    fn folder(&self) -> &Path {
        self.balancer.folder()
    }

    fn reset(&mut self) {
        let nodes = self.balancer.path("nodes");
        fs::remove_dir_all(&nodes).unwrap();
        fs::create_dir(&nodes).unwrap();
        self.balancer.node(&format!("s1 {} port=9", self.agent.ip));
        self.balancer.node("s2 10.0.0.2");
        self.balancer.render();
        self.balancer.run("haproxy-reload");
        self.balancer.serves(&[("s1", 100), ("s2", 100)]).unwrap();
    }

    fn program(&self) -> Program {
        let script = root().join("ha/scripts/member-event");
        let mut command = self.balancer.command(&script);
        let programs = program("serf-nodes").with_file_name("");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("ALLOW_LOOPBACK", "1")
            .env("NODES_HOLD", "1h")
            .env("MUSTER_JOURNAL", self.balancer.path(JOURNAL))
            .env("SERF_LOG", self.balancer.path("serf.log"))
            .env("SERF_RPC_ADDR", self.agent.rpc())
            .arg("sync");
        command.into()
    }

    /// Where the shell has read the script.
    fn begins(&self) -> String {
        "member-event>, \"#!/bin/sh".to_owned()
    }

    fn tellers(&self) -> Vec<&'static str> {
        vec![
            "member-event",
            "serf-nodes",
            "haproxy-gen",
            "haproxy-reload",
        ]
    }

    /// The shell does not tell the end of a script from one that cannot be read.
    fn has_done_all_with_0(&self) -> bool {
        false
    }

    fn shown(&self, name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        match name {
            // Of this run alone: nobody reads them but its own programs.
            "nodes/.members" | "nodes/.event" | "nodes/.steps" | "serf.log" | JOURNAL => None,
            "nodes/.state" => Some(whole(content)),
            _ if name.starts_with("serf/") => None,
            _ if name.starts_with("nodes/.") => Some(without_digits(content)),
            _ => Balancer::shown(name, content),
        }
    }

    fn others(&self) -> Vec<u32> {
        let mut all = self.balancer.processes();
        all.push(self.agent.pid());
        all
    }

    fn judge(&self, _ended: &Ended) -> Result<(), String> {
        self.balancer.has(&["s1", "s2"])
    }

    fn settled(&self) -> Result<(), String> {
        self.balancer.serves(&[("s1", 50), ("s2", 100)])
    }
}

/// Times and counters are of each run: what is the same is that it can be read.
fn whole(state: Vec<u8>) -> Vec<u8> {
    let is_whole = serde_json::from_slice::<serde_json::Value>(&state).is_ok();
    if is_whole { b"whole".to_vec() } else { state }
}

#[test]
fn whatever_fails_in_the_script_of_the_chain_the_next_run_puts_all_right() {
    try_all(&mut MemberEvent::new("101.5", "101.6"));
}
