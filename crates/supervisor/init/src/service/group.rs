//! The rest of a process group whose leader, `run`, has ended first.
//!
//! With `kill-mode` group the service is its group, so it is up until the last of it has
//! ended. Its members get the signal and the time that `run` itself would have had.

use std::time::{Duration, Instant};

use servicedir::{KillMode, Settings, Signal, WaitStatus};

use super::{AFTER_KILL, Service};
use crate::process::spawn::Nursery;
use crate::process::sys;

/// What is known of the group of the last `run`.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// It was told to end by its down signal.
    pub(super) is_told: bool,
    rest: Option<Rest>,
}

/// What s6-overlay gives to services that are to end.
const GRACE: Duration = Duration::from_secs(3);

/// What is left of the group.
#[derive(Clone, Copy, Debug)]
struct Rest {
    /// How `run` has ended.
    wait_status: WaitStatus,
    /// It was killed, and is not waited for after this moment.
    abandon_at: Option<Instant>,
}

impl Group {
    /// `run` has ended, and others of its group have not.
    pub(super) fn has_rest(&self) -> bool {
        self.rest.is_some()
    }
}

impl Service {
    /// `run` has ended; true if others of its group have not. They have the time that it
    /// would have had, or s6-overlay's where nothing says how much.
    pub(super) fn leaves_rest(&mut self, wait_status: WaitStatus) -> bool {
        if self.ask(Settings::kill_mode) != KillMode::Group || !self.has_group() {
            return false;
        }
        let is_limited = self.is_stopping() || self.ask(Settings::timeout_kill).is_some();
        let time = if is_limited {
            self.time_to_end()
        } else {
            Some(GRACE)
        };
        // The leader was reaped, but its number is not given to others as long as its
        // group has members.
        if !self.group.is_told {
            self.tell_to_end();
            self.signal_group(Signal::SIGCONT);
        }
        self.kill_at = self.kill_at.or(time.map(|time| Instant::now() + time));
        self.group.rest = Some(Rest {
            wait_status,
            abandon_at: None,
        });
        true
    }

    /// How long it may take to end once it was told to; none is for ever.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        let time = self.ask(Settings::timeout_kill).or(self.grace);
        time.filter(|time| !time.is_zero())
    }

    fn has_group(&self) -> bool {
        sys::kill(-self.pid(), 0).is_ok()
    }

    /// Looks whether the last of the group has ended by now, and with it the service.
    pub(crate) fn look_for_rest(&mut self, now: Instant, nursery: &Nursery) {
        let Some(rest) = self.group.rest else {
            return;
        };
        let is_abandoned = rest.abandon_at.is_some_and(|at| at <= now);
        if is_abandoned || !self.has_group() {
            self.group.rest = None;
            self.end_run(rest.wait_status, nursery);
        }
    }

    /// The rest of the group was killed.
    pub(super) fn abandon_rest(&mut self, now: Instant) {
        if let Some(rest) = &mut self.group.rest {
            rest.abandon_at.get_or_insert(now + AFTER_KILL);
        }
    }

    pub(super) fn rest_deadline(&self) -> Option<Instant> {
        self.group.rest?.abandon_at
    }
}
