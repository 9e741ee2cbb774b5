//! Serf's own agent, alone, and started once for all faults.

use std::path::Path;
use std::process::Command;

use harness::wait::until;
use harness::{Owned, wait_for};

use super::trial::SOON;

/// An agent that ends with the value.
pub(super) struct Agent {
    pub(super) ip: String,
    process: Owned,
}

impl Agent {
    /// One of this name at the address of this process that ends with `host`.
    pub(super) fn start(name: &str, host: &str, folder: &Path) -> Self {
        let ip = harness::address(host);
        let mut command = Command::new(harness::require("serf"));
        command
            .current_dir(folder)
            .args(["agent", "-node", name, "-bind", &ip]);
        command.args([
            "-tag",
            "role=backend",
            "-tag",
            "port=9",
            "-tag",
            "weight=50",
        ]);
        let agent = Self {
            process: Owned::spawn(command.arg(format!("-rpc-addr={ip}:7373"))).unwrap(),
            ip,
        };
        wait_for("the agent", SOON, || agent.tell(&["members"]).ok());
        agent
    }

    /// Where it answers.
    pub(super) fn rpc(&self) -> String {
        format!("{}:7373", self.ip)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sets a tag to another value.
    pub(super) fn set(&self, tag: &str, value: usize) -> Result<(), String> {
        let words = format!("{tag}={value}");
        let told = until("the agent to take a tag", SOON, || {
            self.tell(&["tags", "-set", &words]).ok()
        });
        told.map_err(|error| error.to_string())
    }

    fn tell(&self, words: &[&str]) -> Result<(), String> {
        let mut command = Command::new(harness::require("serf"));
        command
            .arg(words[0])
            .arg(format!("-rpc-addr={}", self.rpc()))
            .args(&words[1..]);
        let output = command.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{output:?}"))
        }
    }
}
