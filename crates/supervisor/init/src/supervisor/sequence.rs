//! The scripts of one directory, which run one after another, each to its end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::libc;
use servicedir::WaitStatus;

use crate::output;
use crate::overlay::Script;
use crate::process::spawn::Nursery;
use crate::process::sys;

/// A script whose time is over is killed so long after it was asked to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Scripts that are still to run, and the one that runs.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    heading: String,
    waiting: VecDeque<Script>,
    running: Option<Running>,
    most: Option<Duration>,
    /// It makes the services, without which nothing is to start.
    is_converting: bool,
}

#[derive(Debug)]
struct Running {
    name: String,
    pid: i32,
    deadline: Option<Instant>,
    /// Its time was over, and it was asked to end.
    is_asked: bool,
}

impl Sequence {
    /// The scripts of `directory`. Without `most` each may run for ever.
    pub(crate) fn new(directory: &str, scripts: Vec<Script>, most: Option<Duration>) -> Self {
        Self {
            heading: format!("[{directory}] "),
            waiting: scripts.into(),
            running: None,
            most,
            is_converting: false,
        }
    }

    /// What makes services of s6-overlay 3's definitions. It speaks for itself, so it is
    /// only told of when it fails.
    pub(crate) fn converting(script: Script) -> Self {
        Self {
            is_converting: true,
            ..Self::new("s6-rc.d", vec![script], None)
        }
    }

    pub(crate) fn is_converting(&self) -> bool {
        self.is_converting
    }

    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.running.is_none()
    }

    /// Starts the next script if none runs; gives the code of one that cannot start.
    pub(crate) fn proceed(&mut self, nursery: &Nursery) -> Option<u8> {
        if self.running.is_some() {
            return None;
        }
        let script = self.waiting.pop_front()?;
        let name = script.name();
        if !self.is_converting {
            self.say(format_args!("{name}: executing..."));
        }
        match nursery.script(&script.argv) {
            Ok(pid) => {
                let deadline = self.most.map(|most| Instant::now() + most);
                self.running = Some(Running {
                    name,
                    pid,
                    deadline,
                    is_asked: false,
                });
                None
            }
            Err(failed) => {
                self.say(format_args!("{name}: {}", failed.why));
                Some(failed.code())
            }
        }
    }

    /// Its code if it was the script that runs.
    pub(crate) fn ended(&mut self, pid: i32, status: WaitStatus) -> Option<u8> {
        let running = self.running.take_if(|running| running.pid == pid)?;
        let code = status.shell_code();
        if !self.is_converting || code != 0 {
            self.say(format_args!("{}: exited {code}.", running.name));
        }
        Some(code)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.deadline)
    }

    pub(crate) fn due(&mut self, now: Instant) {
        let is_late = self.deadline().is_some_and(|at| at <= now);
        let Some(running) = self.running.as_mut().filter(|_| is_late) else {
            return;
        };
        let (signal, what) = if running.is_asked {
            (libc::SIGKILL, "does not end: killed")
        } else {
            (libc::SIGTERM, "takes too long: asked to end")
        };
        output::say_under(&self.heading, format_args!("{}: {what}", running.name));
        running.deadline = (!running.is_asked).then(|| now + LAST_WORDS);
        running.is_asked = true;
        let _ = sys::kill(running.pid, signal);
        let _ = sys::kill(running.pid, libc::SIGCONT);
    }

    /// Starts no further script, and asks the one that runs to end.
    pub(crate) fn cancel(&mut self) {
        self.waiting.clear();
        if let Some(running) = &self.running {
            let _ = sys::kill(running.pid, libc::SIGTERM);
        }
    }

    fn say(&self, message: impl std::fmt::Display) {
        output::say_under(&self.heading, message);
    }
}
