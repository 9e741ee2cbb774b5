//! Scripts that run one after another, each to its end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::libc;
use servicedir::WaitStatus;

use crate::output;
use crate::overlay::Script;
use crate::process::spawn::Nursery;
use crate::process::sys;

/// The scripts of one directory.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    heading: String,
    waiting: VecDeque<Script>,
    running: Option<Running>,
    most: Option<Duration>,
}

#[derive(Debug)]
struct Running {
    name: String,
    pid: i32,
    deadline: Option<Instant>,
}

impl Scripts {
    /// `most`: how long one may run; none is for ever.
    pub(crate) fn new(directory: &str, scripts: Vec<Script>, most: Option<Duration>) -> Self {
        Self {
            heading: format!("[{directory}] "),
            waiting: scripts.into(),
            running: None,
            most,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.running.is_none()
    }

    /// Starts the next one if none runs; the code of one that cannot start.
    pub(crate) fn proceed(&mut self, nursery: &Nursery) -> Option<u8> {
        if self.running.is_some() {
            return None;
        }
        let script = self.waiting.pop_front()?;
        let name = script.name();
        self.tell(format_args!("{name}: executing..."));
        match nursery.script(&script.argv) {
            Ok(pid) => {
                let deadline = self.most.map(|most| Instant::now() + most);
                self.running = Some(Running {
                    name,
                    pid,
                    deadline,
                });
                None
            }
            Err(failed) => {
                self.tell(format_args!("{name}: {}", failed.why));
                Some(failed.code())
            }
        }
    }

    /// Its code if it was the one that runs.
    pub(crate) fn ended(&mut self, pid: i32, status: WaitStatus) -> Option<u8> {
        let running = self.running.take_if(|running| running.pid == pid)?;
        let code = status.shell_code();
        self.tell(format_args!("{}: exited {code}.", running.name));
        Some(code)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.deadline)
    }

    pub(crate) fn due(&mut self, now: Instant) {
        let is_late = self.deadline().is_some_and(|at| at <= now);
        if let Some(running) = self.running.as_mut().filter(|_| is_late) {
            output::tell(
                &self.heading,
                format_args!("{}: takes too long: killed", running.name),
            );
            running.deadline = None;
            let _ = sys::kill(running.pid, libc::SIGKILL);
        }
    }

    /// No further one; the one that runs is told to end.
    pub(crate) fn cancel(&mut self) {
        self.waiting.clear();
        if let Some(running) = &self.running {
            let _ = sys::kill(running.pid, libc::SIGTERM);
        }
    }

    fn tell(&self, message: impl std::fmt::Display) {
        output::tell(&self.heading, message);
    }
}
