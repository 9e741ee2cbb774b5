//! From the moment a service is supervised to the moment it is left: what letters,
//! deaths and time do to it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use servicedir::{Layout, Letter, Settings, WaitStatus};

use super::group::Group;
use super::machine::{Event, Machine, Moment, State};
use super::restarts::Restarts;
use super::{AFTER_KILL, Id, Plumbing, Service, Standing, Stop};
use crate::output;
use crate::process::spawn::Nursery;
use crate::process::sys;

/// A process that has survived SIGKILL for this long gets it again.
const KILL_AGAIN: Duration = Duration::from_secs(5);
/// The code of a oneshot that had to be asked to end, as `timeout` has it.
const TOO_LONG: u8 = 124;
/// A service that was dismissed but is still listed is supervised again after this.
const BACK: Duration = Duration::from_secs(1);

impl Service {
    /// Begins to supervise the directory at `path`, whose status is there when this
    /// returns.
    pub(crate) fn take(
        name: &str,
        path: &Path,
        plumbing: Plumbing,
        layout: Layout,
    ) -> anyhow::Result<Self> {
        let directory = servicedir::open_directory(path);
        let directory = directory.with_context(|| format!("open {}", path.display()))?;
        if sys::is_among_last(&directory) {
            let kept = "Too many open files, the last ones are kept for starting services";
            anyhow::bail!("supervise {name}: {kept}");
        }
        let id = Id::of(&directory.metadata()?);
        let now = Moment::now();
        let mut service = Self {
            name: name.to_string(),
            id,
            needs: Vec::new(),
            standing: Standing::Listed,
            directory,
            layout,
            held: None,
            machine: Machine::new(false, now),
            plumbing,
            notification: None,
            announces: false,
            lines: Vec::new(),
            group: Group::default(),
            restarts: Restarts::default(),
            started_at: now.at,
            lasted: Duration::ZERO,
            deaths: 0,
            is_expected: false,
            final_code: None,
            failure: None,
            run_until: None,
            stop: Stop::No,
            grace: None,
            signal_at: None,
            kill_at: None,
            finish_kill_at: None,
            status_at: None,
            back_at: None,
        };
        service.hold()?;
        Ok(service)
    }

    /// Takes the lock, and begins with a new table and a new record.
    fn hold(&mut self) -> anyhow::Result<()> {
        self.enter()?;
        let files = Self::files();
        let held = files
            .hold()
            .with_context(|| format!("supervise {}", self.name))?;
        let Some(held) = held else {
            let name = &self.name;
            anyhow::bail!("supervise {name}: another supervisor has it");
        };
        self.needs = self.ask(Settings::dependencies);
        self.machine = Machine::new(files.is_normally_up(), Moment::now());
        self.held = Some(held);
        self.write_status(*self.machine.status());
        self.notify(b"s");
        Ok(())
    }

    /// Somebody asks for something: `s6-svc` by the control FIFO, or the supervisor.
    pub(crate) fn ask_for(&mut self, letter: Letter, nursery: &Nursery) {
        if self.is_gone() {
            return;
        }
        match letter {
            Letter::Restart => self.is_expected = true,
            Letter::Up | Letter::UpForGood | Letter::Once => self.restarts.forget(),
            _ => {}
        }
        self.feed(Event::Letter(letter), nursery);
        self.leave_if_gone();
    }

    /// Asks it to stop for good, as SIGTERM asks `s6-supervise`. A logger gets no
    /// signal unless `loggers` says so: it reads to the end of its input first.
    pub(crate) fn dismiss(&mut self, loggers: bool, nursery: &Nursery) {
        self.standing = Standing::Dismissed;
        self.unplug();
        self.stay_away();
        if self.is_gone() {
            return;
        }
        if !self.is_logger() || loggers {
            self.ask_for(Letter::Down, nursery);
        }
        self.ask_for(Letter::Exit, nursery);
        self.stay_away();
    }

    /// Dismisses it because everything stops. Once it was asked it has `grace` until
    /// it is killed, unless its own files say otherwise. A logger that does not end at
    /// the end of its input gets its signal then, and `grace` once more.
    pub(crate) fn stop(&mut self, loggers: bool, grace: Option<Duration>, nursery: &Nursery) {
        self.grace = grace;
        self.dismiss(loggers, nursery);
        if self.is_logger() && !loggers && !self.is_gone() {
            self.signal_at = grace.map(|grace| Instant::now() + grace);
        }
        // Last of all: a bug before it makes the next turn ask again.
        self.stop = Stop::Asked;
    }

    /// Its process has ended.
    pub(crate) fn ended(&mut self, status: WaitStatus, nursery: &Nursery) {
        match self.state() {
            State::Up | State::LastUp => self.run_ended(status, nursery),
            State::Finish | State::LastFinish => self.finish_ended(status, nursery),
            State::Down | State::Done | State::Gone => {}
        }
        self.leave_if_gone();
    }

    fn leave_if_gone(&mut self) {
        if self.is_gone() {
            self.leave();
        }
    }

    fn run_ended(&mut self, wait_status: WaitStatus, nursery: &Nursery) {
        let _ = self.enter();
        self.lasted = self.started_at.elapsed();
        self.signal_at = None;
        self.deaths += 1;
        self.notification = None;
        self.run_until = None;
        if !self.leaves_rest(wait_status) {
            self.end_run(wait_status, nursery);
        }
    }

    /// Nothing is left of `run`, or of its group where that counts.
    pub(super) fn end_run(&mut self, wait_status: WaitStatus, nursery: &Nursery) {
        let _ = self.enter();
        self.kill_at = None;
        if self.is_stopping() {
            self.stop = Stop::Asked;
        }
        self.end_lines();
        let event = self.end_of_run(wait_status);
        self.feed(event, nursery);
        self.leave_if_gone();
    }

    fn end_of_run(&mut self, wait_status: WaitStatus) -> Event {
        if !self.is_oneshot() {
            self.note_essential_death(wait_status);
        } else if wait_status.exit_code() == Some(0) {
            return Self::completed();
        } else if !self.is_expected {
            return self.failed(wait_status);
        }
        Event::Died { wait_status }
    }

    pub(super) fn is_oneshot(&self) -> bool {
        self.ask(|settings| settings.is_oneshot())
    }

    pub(super) fn completed() -> Event {
        Event::Completed {
            pid: std::process::id().into(),
        }
    }

    /// A oneshot is tried once. One that was told to go has not failed.
    pub(super) fn failed(&mut self, wait_status: WaitStatus) -> Event {
        if self.wants_up() {
            let code = wait_status.shell_code();
            let name = &self.name;
            output::say(format_args!(
                "{name}: its run failed with {code}: what needs it does not start (svc -u tries again)"
            ));
            self.note_failure(code);
        }
        Event::Failed { wait_status }
    }

    /// Nobody starts a oneshot again by itself, so the first failure of an essential one
    /// ends everything.
    fn note_failure(&mut self, code: u8) {
        self.failure = Some(code);
        if self.ask(|settings| settings.is_essential()) {
            self.final_code = Some(code);
        }
    }

    /// The unasked death of an essential service ends everything at once, unless its
    /// restarts have a limit, which has to be used up first.
    fn note_essential_death(&mut self, wait_status: WaitStatus) {
        let is_last =
            self.ask(|settings| settings.is_essential() && settings.restart_limit().is_none());
        if is_last && self.is_unasked() {
            self.final_code = Some(wait_status.shell_code());
        }
    }

    fn is_unasked(&self) -> bool {
        self.wants_up() && !self.is_expected && self.state() == State::Up
    }

    fn finish_ended(&mut self, wait_status: WaitStatus, nursery: &Nursery) {
        self.finish_kill_at = None;
        self.feed(Event::FinishDied { wait_status }, nursery);
    }

    /// Does what is due by now.
    pub(crate) fn due(&mut self, now: Instant, nursery: &Nursery) {
        if take_due(&mut self.run_until, now) {
            self.hurry_run(now, nursery);
        }
        if take_due(&mut self.signal_at, now) {
            self.ask_for(Letter::Down, nursery);
        }
        if take_due(&mut self.kill_at, now) {
            self.kill_late("does not end: killed", now);
            self.kill_at = Some(now + KILL_AGAIN);
        }
        if take_due(&mut self.finish_kill_at, now) {
            self.kill_late("./finish takes too long: killed", now);
            self.finish_kill_at = Some(now + KILL_AGAIN);
        }
        self.look_for_rest(now, nursery);
        self.tell_left_out(now);
        if self.stop.deadline().is_some_and(|at| at <= now) {
            self.stop = Stop::Abandoned;
        }
        if self.status_at.is_some_and(|at| at <= now) {
            self.write_status_again(now);
        }
        if self.machine.starts_at().is_some_and(|at| at <= now) {
            self.feed(Event::Due, nursery);
        }
        if self.comes_back(now) {
            self.come_back(now);
        }
    }

    /// The time that a oneshot has for its `run` is over.
    fn hurry_run(&mut self, now: Instant, nursery: &Nursery) {
        if self.kill_at.is_some() {
            // It was asked already, and has its time for that.
            return;
        }
        let name = &self.name;
        output::say(format_args!("{name}: ./run takes too long: asked to end"));
        let _ = self.enter();
        if self.wants_up() {
            self.note_failure(TOO_LONG);
        }
        self.feed(Event::Letter(Letter::Down), nursery);
        self.kill_at = self.kill_at.or(Some(now + KILL_AGAIN));
    }

    fn kill_late(&mut self, why: &str, now: Instant) {
        output::say(format_args!("{}: {why}", self.name));
        self.kill();
        self.abandon_rest(now);
        if self.stop == Stop::Asked {
            self.stop = Stop::AbandonAt(now + AFTER_KILL);
        }
    }

    /// Supervises the directory no more, which clients see by the lock.
    pub(super) fn leave(&mut self) {
        // To ask the clock can panic in theory, and nothing else here can: asked first,
        // either all of this is done or nothing.
        let back_at = Instant::now() + BACK;
        self.end_lines();
        self.held = None;
        self.run_until = None;
        self.signal_at = None;
        self.kill_at = None;
        self.finish_kill_at = None;
        self.status_at = None;
        self.back_at = Some(back_at);
    }

    /// It is not supervised again after it has been left.
    pub(crate) fn stay_away(&mut self) {
        self.back_at = None;
    }

    /// It was left, and the time has come to supervise it again if it is still listed.
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
