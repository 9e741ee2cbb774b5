//! Processes that end with the values that stand for them, and signals.

use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that ends with the value, and all that descend from it.
#[derive(Debug)]
pub struct Owned(Child);

impl Owned {
    /// Starts a program that reads nothing, and whose output nobody reads.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        Self::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Starts a program that reads nothing, and writes where `command` says.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        let program = command.get_program().display();
        child.map(Self).with_context(|| format!("start {program}"))
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The process as the standard library has it.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.0.id(), signal);
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.runs() {
            let all = family(self.0.id());
            // Parents come first, since a supervisor would start its services anew.
            for pid in all {
                send(pid, Signal::SIGKILL);
            }
        }
        let _ = self.0.wait();
    }
}

/// Sends a signal to a process. A process that is gone needs none.
pub fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The process and all that descend from it, parents first.
pub fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        all.extend(children(parent));
        next += 1;
    }
    all
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| words(&text))
        .collect()
}

fn words(text: &str) -> Vec<u32> {
    text.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}
