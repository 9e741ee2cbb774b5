//! serf-watch, from its start over a change of the membership to the signal that ends it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Scratch;
use harness::cluster::program;
use harness::faults::Program;
use nix::sys::signal::Signal;

use super::agent::Agent;
use super::trial::{Running, Subject, try_all};
use super::write;

/// What is run: it notes that, and when it wants to be run again, which is never.
const SCRIPT: &str = "echo run >>ran; echo 4000000000 >.due.new; mv .due.new due";

struct SerfWatch {
    agent: Agent,
    scratch: Scratch,
    /// Each change is another one.
    changes: usize,
    /// So many runs of the command there were when the program was started.
    before: usize,
}

impl SerfWatch {
    fn new(host: &str) -> Self {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("serf")).unwrap();
        let agent = Agent::start("watched", host, &scratch.path().join("serf"));
        Self {
            agent,
            scratch,
            changes: 0,
            before: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }
}

fn runs(ran: &Path) -> usize {
    let ran = fs::read_to_string(ran).unwrap_or_default();
    ran.lines().count()
}

impl Subject for SerfWatch {
    fn name(&self) -> &'static str {
        "serf-watch"
    }

    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn reset(&mut self) {
        let _ = fs::remove_file(self.path("ran"));
        write(&self.path("due"), "4000000000\n");
    }

    fn program(&self) -> Program {
        let mut command = Command::new(program("serf-watch"));
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(["--rpc", &self.agent.rpc()]);
        command.args(["--every", "1s", "--again", "0s", "--due"]);
        command.arg(self.path("due")).args(["sh", "-c", SCRIPT]);
        command.into()
    }

    fn is_followed(&self) -> bool {
        false
    }

    fn begin(&mut self) {
        self.before = runs(&self.path("ran"));
    }

    fn attend(&mut self, run: &mut Running) -> Result<(), String> {
        let Some(pid) = run.pid() else { return Ok(()) };
        let (ran, before) = (self.path("ran"), self.before);
        if !run.wait("the first run", || runs(&ran) > before)? {
            return Ok(());
        }
        let before = runs(&ran);
        self.changes += 1;
        self.agent.set("weight", self.changes)?;
        if run.wait("the run after a change", || runs(&ran) > before)? {
            harness::send(pid, Signal::SIGTERM);
            run.wait("its end", || false)?;
        }
        Ok(())
    }

    fn shown(&self, name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        (name == "due").then_some(content)
    }

    fn others(&self) -> Vec<u32> {
        vec![self.agent.pid()]
    }
}

#[test]
fn whatever_fails_while_the_membership_is_followed_a_change_has_its_run_or_the_end_has_words() {
    try_all(&mut SerfWatch::new("101.4"));
}
