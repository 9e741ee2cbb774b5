//! What time and death do to a service.

use std::time::{Duration, Instant};

use nix::libc;
use servicedir::{KillMode, Settings, WaitStatus};

use super::{Service, Standing};
use crate::output;
use crate::process::spawn::Nursery;
use crate::process::sys;
use crate::service::machine::{Event, State};
use crate::service::restarts::{Rules, Verdict};

/// A process that has survived SIGKILL for this long gets it again.
const KILL_AGAIN: Duration = Duration::from_secs(5);
/// A service that was told to go but is still listed comes back after this.
const BACK: Duration = Duration::from_secs(1);
/// `finish` says with this code that the service must stay down.
const GIVE_UP: u8 = 125;

impl Service {
    /// Its process has ended like this.
    pub(crate) fn ended(&mut self, status: WaitStatus, nursery: &Nursery) {
        match self.state() {
            State::Up | State::LastUp => self.run_ended(status, nursery),
            State::Finish | State::LastFinish => self.finish_ended(status, nursery),
            State::Down | State::Gone => {}
        }
        if self.is_gone() {
            self.leave();
        }
    }

    fn run_ended(&mut self, status: WaitStatus, nursery: &Nursery) {
        let _ = self.enter();
        self.lasted = self.started_at.elapsed();
        self.kill_at = None;
        if self.ask(Settings::kill_mode) == KillMode::Group {
            // Reaped already, but its number is taken as long as its group is.
            let _ = sys::kill(-self.pid(), libc::SIGKILL);
        }
        self.notification = None;
        self.end_lines();
        self.judge(status);
        self.feed(
            Event::Died {
                wait_status: status,
            },
            nursery,
        );
        if self.machine.status().pid == 0 {
            self.finish_ended(WaitStatus::default(), nursery);
        }
    }

    /// An essential service that dies unasked ends everything, at once, or when
    /// its restarts are used up if it has a limit.
    fn judge(&mut self, wait_status: WaitStatus) {
        let is_last =
            self.ask(|settings| settings.is_essential() && settings.restart_limit().is_none());
        if is_last && self.is_unasked() {
            self.verdict = Some(wait_status.shell_code());
        }
    }

    fn is_unasked(&self) -> bool {
        self.wants_up() && !self.is_expected && self.state() == State::Up
    }

    fn finish_ended(&mut self, status: WaitStatus, nursery: &Nursery) {
        if !matches!(self.state(), State::Finish | State::LastFinish) {
            return;
        }
        let _ = self.enter();
        self.finish_kill_at = None;
        let mut delay = None;
        let mut give_up = status.exit_code() == Some(GIVE_UP);
        if !give_up && self.wants_up() {
            match self.next_start() {
                Verdict::Again(after) => delay = after,
                Verdict::GiveUp => give_up = true,
            }
        }
        if give_up {
            self.given_up();
        }
        self.feed(Event::Finished { give_up, delay }, nursery);
    }

    fn next_start(&mut self) -> Verdict {
        let rules = self.ask(|settings| Rules {
            delay: settings
                .has_restart_delay()
                .then(|| settings.restart_delay()),
            delay_max: settings.restart_delay_max(),
            limit: settings.restart_limit(),
            window: settings.restart_window(),
        });
        let verdict = self.restarts.after(self.lasted, &rules, Instant::now());
        if verdict == Verdict::GiveUp {
            let name = &self.name;
            output::say(format_args!(
                "{name}: it has died too often and stays down: svc -u starts it again"
            ));
        }
        verdict
    }

    fn given_up(&mut self) {
        if self.ask(|settings| settings.is_essential()) {
            self.verdict = Some(self.machine.status().wait_status.shell_code());
        }
    }

    /// Its deadlines that have come.
    pub(crate) fn due(&mut self, now: Instant, nursery: &Nursery) {
        if take_due(&mut self.kill_at, now) {
            self.kill();
            self.kill_at = Some(now + KILL_AGAIN);
        }
        if take_due(&mut self.finish_kill_at, now) {
            output::say(format_args!(
                "{}: ./finish takes too long: killed",
                self.name
            ));
            self.kill();
            self.finish_kill_at = Some(now + KILL_AGAIN);
        }
        if self.status_at.is_some_and(|at| at <= now) && self.enter().is_ok() {
            self.write_status(*self.machine.status());
        }
        if self.machine.starts_at().is_some_and(|at| at <= now) {
            self.feed(Event::Due, nursery);
        }
        if self.comes_back(now) {
            self.come_back(now);
        }
    }

    /// Nobody supervises the directory any more: clients see it by the lock.
    pub(super) fn leave(&mut self) {
        // First, since it is what may fail: what follows is done whole.
        let back_at = Instant::now() + BACK;
        self.end_lines();
        self.held = None;
        self.kill_at = None;
        self.finish_kill_at = None;
        self.status_at = None;
        self.back_at = Some(back_at);
    }

    /// During the stop, and when it is not listed any more, it stays away.
    pub(crate) fn stay_away(&mut self) {
        self.back_at = None;
    }

    /// It was told to go, and comes back now if it is still listed.
    pub(crate) fn comes_back(&self, now: Instant) -> bool {
        self.back_at.is_some_and(|at| at <= now)
    }

    fn come_back(&mut self, now: Instant) {
        if self.standing != Standing::Listed {
            self.back_at = None;
            return;
        }
        self.back_at = Some(now + BACK);
        match self.hold() {
            Ok(()) => self.back_at = None,
            Err(error) => output::say(format_args!("{error:#}")),
        }
    }
}

fn take_due(deadline: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = deadline.is_some_and(|at| at <= now);
    if is_due {
        *deadline = None;
    }
    is_due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_counts_once() {
        let now = Instant::now();
        let mut deadline = Some(now);
        assert!(take_due(&mut deadline, now));
        assert!(!take_due(&mut deadline, now));
        let mut later = Some(now + Duration::from_secs(1));
        assert!(!take_due(&mut later, now));
        assert!(later.is_some());
    }
}
