//! The scripts of one directory, which run one after another, each to its end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::libc;
use servicedir::WaitStatus;

use super::patience::{Patience, shown};
use crate::output;
use crate::overlay::Script;
use crate::process::spawn::Nursery;
use crate::process::sys;
use crate::service::AFTER_KILL;

/// A script whose time is over is killed so long after it was asked to end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The code of a shell for a program that is not there.
const BROKEN: u8 = 127;
/// A script that runs for longer is told of.
const LONG: Duration = Duration::from_secs(60);

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
    late: Late,
    patience: Patience,
}

/// What was done about a script whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    Nothing,
    Asked,
    Killed,
    /// It is not waited for.
    Abandoned,
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
        if let Some(why) = &script.broken {
            self.say(format_args!("{name}: {why}"));
            return Some(BROKEN);
        }
        if !self.is_converting {
            self.say(format_args!("{name}: executing..."));
        }
        match nursery.script(&script.argv) {
            Ok(pid) => {
                let now = Instant::now();
                self.running = Some(Running {
                    name,
                    pid,
                    late: Late::Nothing,
                    deadline: self.most.map(|most| now + most),
                    patience: Patience::new(now, LONG),
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
        self.running.as_ref().map(Running::deadline)
    }

    pub(crate) fn due(&mut self, now: Instant) {
        let Some(running) = &mut self.running else {
            return;
        };
        for message in running.due(now) {
            output::say_under(&self.heading, message);
        }
        self.running.take_if(|it| it.late == Late::Abandoned);
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

impl Running {
    fn deadline(&self) -> Instant {
        let told = self.patience.tell_at();
        self.deadline.map_or(told, |at| at.min(told))
    }

    /// Asks it to end if its time is over, kills it if it does not, and gives it up if
    /// that does not help. Gives what is to be said.
    fn due(&mut self, now: Instant) -> Vec<String> {
        let mut messages = Vec::new();
        if self.deadline.take_if(|at| *at <= now).is_some() {
            let what = self.hurry(now);
            messages.push(format!("{}: {what}", self.name));
        }
        let name = &self.name;
        if let Some(lasted) = self.patience.due(now) {
            let lasted = shown(lasted);
            messages.push(format!(
                "{name}: still runs after {lasted}, and the rest waits for its end"
            ));
        }
        messages
    }

    fn hurry(&mut self, now: Instant) -> &'static str {
        match self.late {
            Late::Nothing => {
                self.late = Late::Asked;
                self.deadline = Some(now + LAST_WORDS);
                self.signal(libc::SIGTERM);
                "takes too long: asked to end"
            }
            Late::Asked => {
                self.late = Late::Killed;
                self.deadline = Some(now + AFTER_KILL);
                self.signal(libc::SIGKILL);
                "does not end: killed"
            }
            Late::Killed | Late::Abandoned => {
                self.late = Late::Abandoned;
                "was killed and is still there: not waited for"
            }
        }
    }

    /// One that was stopped has to be continued before it heeds anything.
    fn signal(&self, signal: libc::c_int) {
        let _ = sys::kill(self.pid, signal);
        let _ = sys::kill(self.pid, libc::SIGCONT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its process number is none that the kernel gives.
    fn running(start: Instant, deadline: Option<Instant>) -> Running {
        Running {
            name: "migrate".into(),
            pid: i32::MAX,
            deadline,
            late: Late::Nothing,
            patience: Patience::new(start, LONG),
        }
    }

    #[test]
    fn a_script_that_not_even_sigkill_ends_is_not_waited_for() {
        let start = Instant::now();
        let mut scripts = Sequence {
            running: Some(running(start, Some(start))),
            ..Sequence::default()
        };
        for late in [Late::Asked, Late::Killed] {
            let at = scripts.deadline().unwrap();
            scripts.due(at);
            assert_eq!(scripts.running.as_ref().unwrap().late, late);
            assert!(scripts.deadline().unwrap() > at);
        }
        scripts.due(start + LAST_WORDS + AFTER_KILL);
        assert!(scripts.is_over());
    }

    #[test]
    fn a_script_that_runs_for_long_is_told_of_each_minute() {
        let start = Instant::now();
        let mut running = running(start, None);
        assert!(running.due(start + LONG / 2).is_empty());
        assert_eq!(running.deadline(), start + LONG);
        let told = running.due(start + LONG);
        assert_eq!(
            told,
            ["migrate: still runs after 1 min, and the rest waits for its end"]
        );
        assert!(running.due(start + LONG).is_empty());
        assert_eq!(running.deadline(), start + 2 * LONG);
        assert_eq!(running.due(start + 2 * LONG).len(), 1);
    }
}
