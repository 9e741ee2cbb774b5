//! The table: what a service does when something happens to it.
//!
//! No I/O and no clock of its own. [`Machine::on`] takes an event and the time,
//! changes the state and says what is to be done, in order. The status record is
//! always written before the event is told, since listeners read it then.

use std::time::{Duration, Instant};

use servicedir::{Letter, Signal, Stamp, Status, WaitStatus};

use Action::{Notify, SetNormallyUp};

/// s6's throttle: a service is not started more often than this.
pub(crate) const THROTTLE: Duration = Duration::from_secs(1);

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing runs.
    Down,
    /// `run` runs.
    Up,
    /// `run` has ended, `finish` runs.
    Finish,
    /// As up, and nothing comes after.
    LastUp,
    /// As finish, and nothing comes after.
    LastFinish,
    /// Not supervised any more.
    Gone,
}

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody asks for something.
    Letter(Letter),
    /// What it needs is there: it may start.
    Release,
    /// The time of [`Machine::starts_at`] has come.
    Due,
    /// `run` was started.
    Started { pid: u64 },
    /// It could not be started; it is tried again after this time.
    NotStarted { wait: Duration },
    /// It says that it is ready.
    Ready,
    /// `run` has ended so.
    Died { wait_status: WaitStatus },
    /// `finish` was started.
    FinishStarted { pid: u64 },
    /// There is none: what is written and told waits for [`Event::Finished`].
    NoFinish,
    /// There was no process to be had for `finish`.
    FinishNotStarted,
    /// `finish` has ended; `give_up`: the service stays down. Without `delay`
    /// s6's throttle says when it starts again.
    Finished {
        give_up: bool,
        delay: Option<Duration>,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start `run`; the answer is `Started` or `NotStarted`.
    Start,
    /// Start `finish`; the answer is `FinishStarted` or `FinishNotStarted`.
    StartFinish,
    Signal(Signal),
    GroupSignal(Signal),
    /// Send what `down-signal` says.
    DownSignal,
    /// Send what `reload-signal` says.
    ReloadSignal,
    /// Send SIGKILL after `timeout-kill`.
    ArmKill,
    /// Remove or make the file `down`.
    SetNormallyUp(bool),
    /// Write this record: as it was when that was said.
    WriteStatus(Status),
    Notify(&'static [u8]),
    /// Add the death to the tally.
    Tally,
}

/// One moment by both clocks: the one that can jump is only written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) stamp: Stamp,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            stamp: Stamp::now(),
        }
    }
}

/// A service's state, and its record as others see it.
#[derive(Debug)]
pub(crate) struct Machine {
    state: State,
    status: Status,
    /// It waits for what it needs.
    held: bool,
    /// Not to be started before.
    starts_at: Instant,
    /// What s6's throttle says for a service that was ready.
    throttled_until: Instant,
    was_ready: bool,
}

impl Machine {
    /// A service that is down; it starts when it is released.
    pub(crate) fn new(want_up: bool, now: Moment) -> Self {
        Self {
            state: State::Down,
            status: Status {
                stamp: now.stamp,
                ready_stamp: now.stamp,
                want_up,
                ready: true,
                ..Status::default()
            },
            held: true,
            starts_at: now.at,
            throttled_until: now.at,
            was_ready: false,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up | State::LastUp)
    }

    /// It waits for a [`Event::Release`] before it starts.
    pub(crate) fn is_held(&self) -> bool {
        self.held && self.state == State::Down && self.status.want_up
    }

    /// When it has to be started; none: not by itself.
    pub(crate) fn starts_at(&self) -> Option<Instant> {
        let waits = self.state == State::Down && self.status.want_up && !self.held;
        waits.then_some(self.starts_at)
    }

    /// Events that have no place in a state change nothing.
    pub(crate) fn on(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match (self.state, event) {
            (State::Gone, _) => vec![],
            (_, Event::Letter(letter)) => self.letter(letter),
            (State::Down, Event::Release) => {
                self.held = false;
                self.start_if_due(now)
            }
            (State::Down, Event::Due) => self.start_if_due(now),
            (State::Down, Event::Started { pid }) => self.started(pid, now),
            (State::Down, Event::NotStarted { wait }) => {
                self.starts_at = now.at + wait;
                vec![]
            }
            (State::Up | State::LastUp, Event::Ready) => self.ready(now),
            (State::Up | State::LastUp, Event::Died { wait_status }) => self.died(wait_status, now),
            (State::Finish | State::LastFinish, Event::FinishStarted { pid }) => {
                self.status.pid = pid;
                self.status.finishing = true;
                vec![self.write_status(), Notify(b"d")]
            }
            (State::Finish | State::LastFinish, Event::NoFinish) => {
                self.status.pid = 0;
                vec![]
            }
            (State::Finish | State::LastFinish, Event::FinishNotStarted) => {
                self.finished(b"dD", None, now)
            }
            (State::Finish | State::LastFinish, Event::Finished { give_up, delay }) => {
                self.status.want_up &= !give_up;
                let told: &'static [u8] = match (self.status.finishing, give_up) {
                    (true, false) => b"D",
                    (true, true) => b"OD",
                    (false, false) => b"dD",
                    (false, true) => b"dOD",
                };
                self.finished(told, delay, now)
            }
            _ => vec![],
        }
    }

    fn letter(&mut self, letter: Letter) -> Vec<Action> {
        match letter {
            Letter::Signal(signal) => self.if_up(&[Action::Signal(signal)]),
            Letter::GroupSignal(signal) => self.if_up(&[Action::GroupSignal(signal)]),
            Letter::Restart => self.if_up(&[Action::DownSignal]),
            Letter::Reload => self.if_up(&[Action::ReloadSignal]),
            Letter::Pause => self.pause(true, Action::Signal(Signal::SIGSTOP)),
            Letter::Continue => self.pause(false, Action::Signal(Signal::SIGCONT)),
            Letter::PauseGroup => self.pause(true, Action::GroupSignal(Signal::SIGSTOP)),
            Letter::ContinueGroup => self.pause(false, Action::GroupSignal(Signal::SIGCONT)),
            Letter::Exit => self.exit(),
            Letter::Up => self.want(true, &[]),
            Letter::UpForGood => self.want(true, &[SetNormallyUp(true)]),
            Letter::Down => self.bring_down(&[]),
            Letter::DownForGood => self.bring_down(&[SetNormallyUp(false)]),
            Letter::AtMostOnce => self.want(false, &[]),
            Letter::AtMostOnceForGood => self.want(false, &[SetNormallyUp(false)]),
            Letter::Once => {
                let mut actions = self.want(false, &[]);
                self.start_now(&mut actions);
                actions
            }
        }
    }

    fn if_up(&self, actions: &[Action]) -> Vec<Action> {
        if self.is_up() {
            actions.to_vec()
        } else {
            vec![]
        }
    }

    fn pause(&mut self, paused: bool, signal: Action) -> Vec<Action> {
        if !self.is_up() {
            return vec![];
        }
        self.status.paused = paused;
        vec![signal, self.write_status()]
    }

    fn want(&mut self, up: bool, before: &[Action]) -> Vec<Action> {
        self.status.want_up = up;
        let mut actions = before.to_vec();
        actions.push(self.write_status());
        if up {
            self.start_now(&mut actions);
        }
        actions
    }

    /// Who asks for it gets it: neither throttle nor dependencies count.
    fn start_now(&mut self, actions: &mut Vec<Action>) {
        if self.state == State::Down {
            self.held = false;
            actions.push(Action::Start);
        }
    }

    fn bring_down(&mut self, before: &[Action]) -> Vec<Action> {
        self.status.want_up = false;
        let mut actions = before.to_vec();
        if self.is_up() {
            self.status.paused = false;
            // Continued after the signal, so that a stopped service sees it first.
            actions.extend([Action::DownSignal, Action::Signal(Signal::SIGCONT)]);
            actions.extend([self.write_status(), Action::ArmKill]);
        } else {
            actions.push(self.write_status());
        }
        actions
    }

    fn exit(&mut self) -> Vec<Action> {
        self.state = match self.state {
            State::Up | State::LastUp => State::LastUp,
            State::Finish | State::LastFinish => State::LastFinish,
            State::Down | State::Gone => State::Gone,
        };
        if self.state == State::Gone {
            vec![Notify(b"x")]
        } else {
            vec![]
        }
    }

    fn write_status(&self) -> Action {
        Action::WriteStatus(self.status)
    }

    fn start_if_due(&mut self, now: Moment) -> Vec<Action> {
        match self.starts_at() {
            Some(at) if at <= now.at => vec![Action::Start],
            _ => vec![],
        }
    }

    fn started(&mut self, pid: u64, now: Moment) -> Vec<Action> {
        self.state = State::Up;
        self.status.pid = pid;
        self.status.stamp = now.stamp;
        self.status.ready = false;
        vec![self.write_status(), Notify(b"u")]
    }

    fn ready(&mut self, now: Moment) -> Vec<Action> {
        self.status.ready = true;
        self.status.ready_stamp = now.stamp;
        self.throttled_until = now.at + THROTTLE;
        vec![self.write_status(), Notify(b"U")]
    }

    fn died(&mut self, wait_status: WaitStatus, now: Moment) -> Vec<Action> {
        self.state = if self.state == State::Up {
            State::Finish
        } else {
            State::LastFinish
        };
        self.was_ready = self.status.ready;
        self.status.wait_status = wait_status;
        self.status.paused = false;
        self.status.ready = false;
        self.status.stamp = now.stamp;
        vec![Action::Tally, Action::StartFinish]
    }

    fn finished(
        &mut self,
        event: &'static [u8],
        delay: Option<Duration>,
        now: Moment,
    ) -> Vec<Action> {
        self.status.pid = 0;
        self.status.finishing = false;
        self.status.ready = true;
        self.status.ready_stamp = now.stamp;
        self.starts_at = match delay {
            Some(delay) => now.at + delay,
            None if self.was_ready => self.throttled_until,
            None => now.at + THROTTLE,
        };
        let told = [self.write_status(), Notify(event)];
        if self.state == State::LastFinish {
            self.state = State::Gone;
            return [&told[..], &[Notify(b"x")]].concat();
        }
        self.state = State::Down;
        // A disk that is slow to take the record must not keep the service down.
        let mut actions = self.start_if_due(now);
        actions.extend(told);
        actions
    }
}

#[cfg(test)]
mod tests;
