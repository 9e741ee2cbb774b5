//! The table: what a service does when something happens to it.
//!
//! No I/O and no clock of its own. [`Machine::on`] takes an event and the time,
//! changes the state and says what is to be done, in order. The status record is
//! always written before its event is notified, since listeners read it then.

mod event;

use std::time::{Duration, Instant};

use servicedir::{Letter, Signal, Status, WaitStatus};

use Action::{Notify, SetNormallyUp};
pub(crate) use event::{Action, Event, Moment};

/// s6's throttle: at least this long passes between two starts of a service.
pub(crate) const THROTTLE: Duration = Duration::from_secs(1);
/// With this exit code `finish` asks that the service stay down.
const GIVE_UP: u8 = 125;

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing runs.
    Down,
    /// `run` runs.
    Up,
    /// A oneshot whose `run` has ended well: it is up, and nothing runs.
    Done,
    /// `run` has ended, `finish` runs.
    Finish,
    /// As `Up`, but the service is not started again afterwards.
    LastUp,
    /// As `Finish`, but the service is not started again afterwards.
    LastFinish,
    /// Not supervised any more.
    Gone,
}

/// A service's state, and its record as others see it.
#[derive(Debug)]
pub(crate) struct Machine {
    state: State,
    status: Status,
    /// It must not start before the services that it needs are there.
    waits_for_needs: bool,
    /// It must not start before this time.
    starts_at: Instant,
    /// The end of s6's throttle for a service that has become ready.
    throttled_until: Instant,
    /// Its last `run` had become ready.
    was_ready: bool,
    /// It was asked down while its `run` runs: a oneshot whose `run` ends well does not stay up.
    is_asked_down: bool,
}

impl Machine {
    /// A service that is down, and starts when what it needs is there.
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
            waits_for_needs: true,
            starts_at: now.at,
            throttled_until: now.at,
            was_ready: false,
            is_asked_down: false,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Its `run` runs.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up | State::LastUp)
    }

    /// It is to start, and waits for [`Event::NeedsMet`].
    pub(crate) fn waits_for_needs(&self) -> bool {
        self.waits_for_needs && self.is_to_start()
    }

    /// When it has to be started; none if it does not start by itself.
    pub(crate) fn starts_at(&self) -> Option<Instant> {
        let is_free = self.is_to_start() && !self.waits_for_needs;
        is_free.then_some(self.starts_at)
    }

    fn is_to_start(&self) -> bool {
        self.state == State::Down && self.status.want_up
    }

    /// Events that have no place in a state change nothing.
    pub(crate) fn on(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match (self.state, event) {
            (State::Gone, _) => vec![],
            (_, Event::Letter(letter)) => self.letter(letter, now),
            (State::Down, Event::NeedsMet) => {
                self.waits_for_needs = false;
                self.start_if_due(now)
            }
            (State::Down, Event::Due) => self.start_if_due(now),
            (State::Down, Event::Started { pid }) => self.started(pid, now),
            (State::Down, Event::NotStarted { wait }) => {
                self.starts_at = now.at + wait;
                vec![]
            }
            (State::Down | State::Up | State::LastUp, Event::Completed { pid }) => {
                self.completed(pid, now)
            }
            (State::Down | State::Up | State::LastUp, Event::Failed { wait_status }) => {
                self.failed(wait_status, now)
            }
            (State::Up | State::LastUp, Event::Ready) => self.ready(now),
            (State::Up | State::LastUp, Event::Died { wait_status }) => self.died(wait_status, now),
            (State::Finish | State::LastFinish, event) => self.after_run(event, now),
            _ => vec![],
        }
    }

    /// Without a `finish` both of its events are notified together, after one
    /// record, and nothing is written before the decision.
    fn after_run(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::FinishStarted { pid } => {
                self.status.pid = pid;
                self.status.finishing = true;
                vec![self.write_status(), Notify(b"d")]
            }
            Event::NoFinish => {
                self.status.pid = 0;
                vec![Action::Decide { give_up: false }]
            }
            Event::FinishNotStarted => self.finished(b"dD", None, now),
            Event::FinishDied { wait_status } => vec![Action::Decide {
                give_up: wait_status.exit_code() == Some(GIVE_UP),
            }],
            Event::Decided { give_up, delay } => {
                self.status.want_up &= !give_up;
                let events: &'static [u8] = match (self.status.finishing, give_up) {
                    (true, false) => b"D",
                    (true, true) => b"OD",
                    (false, false) => b"dD",
                    (false, true) => b"dOD",
                };
                self.finished(events, delay, now)
            }
            _ => vec![],
        }
    }

    fn letter(&mut self, letter: Letter, now: Moment) -> Vec<Action> {
        match letter {
            Letter::Signal(signal) => self.if_up(&[Action::Signal(signal)]),
            Letter::GroupSignal(signal) => self.if_up(&[Action::GroupSignal(signal)]),
            Letter::Restart => self.if_up(&[Action::DownSignal]),
            Letter::Reload => self.if_up(&[Action::ReloadSignal]),
            Letter::Pause => self.pause(true, Action::Signal(Signal::SIGSTOP)),
            Letter::Continue => self.pause(false, Action::Signal(Signal::SIGCONT)),
            Letter::PauseGroup => self.pause(true, Action::GroupSignal(Signal::SIGSTOP)),
            Letter::ContinueGroup => self.pause(false, Action::GroupSignal(Signal::SIGCONT)),
            Letter::Exit => self.exit(now),
            Letter::Up => self.want(true, &[]),
            Letter::UpForGood => self.want(true, &[SetNormallyUp(true)]),
            Letter::Down => self.bring_down(&[], now),
            Letter::DownForGood => self.bring_down(&[SetNormallyUp(false)], now),
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
            self.is_asked_down = false;
            self.start_now(&mut actions);
        }
        actions
    }

    /// When somebody asks for the start, neither the throttle nor its needs count.
    fn start_now(&mut self, actions: &mut Vec<Action>) {
        if self.state == State::Down {
            self.waits_for_needs = false;
            actions.push(Action::Start);
        }
    }

    fn bring_down(&mut self, before: &[Action], now: Moment) -> Vec<Action> {
        self.status.want_up = false;
        let mut actions = before.to_vec();
        if self.state == State::Done {
            self.state = State::Finish;
            actions.push(self.undo(now));
        } else if self.is_up() {
            self.is_asked_down = true;
            self.status.paused = false;
            // SIGCONT comes second, so that a service that was stopped goes on with
            // the down signal already waiting for it.
            actions.extend([Action::DownSignal, Action::Signal(Signal::SIGCONT)]);
            actions.extend([self.write_status(), Action::ArmKill]);
        } else {
            actions.push(self.write_status());
        }
        actions
    }

    /// `finish` is the way down of a oneshot.
    fn undo(&mut self, now: Moment) -> Action {
        self.status.stamp = now.stamp;
        self.status.pid = 0;
        self.status.ready = false;
        Action::StartFinish
    }

    fn exit(&mut self, now: Moment) -> Vec<Action> {
        if self.state == State::Done {
            self.state = State::LastFinish;
            return vec![self.undo(now)];
        }
        self.state = match self.state {
            State::Up | State::LastUp => State::LastUp,
            State::Finish | State::LastFinish => State::LastFinish,
            State::Down | State::Done | State::Gone => State::Gone,
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
        self.is_asked_down = false;
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

    /// One that is to go leaves at once by its way down.
    fn completed(&mut self, pid: u64, now: Moment) -> Vec<Action> {
        self.status.wait_status = WaitStatus::default();
        self.status.paused = false;
        let way_down = match self.state {
            State::LastUp => Some(State::LastFinish),
            State::Up if self.is_asked_down => Some(State::Finish),
            _ => None,
        };
        if let Some(way_down) = way_down {
            self.state = way_down;
            return vec![self.undo(now)];
        }
        if self.state == State::Down {
            self.status.stamp = now.stamp;
        }
        self.state = State::Done;
        self.status.pid = pid;
        self.status.ready = true;
        self.status.ready_stamp = now.stamp;
        vec![self.write_status(), Notify(b"U")]
    }

    /// It is not up, so there is nothing for its `finish` to undo.
    fn failed(&mut self, wait_status: WaitStatus, now: Moment) -> Vec<Action> {
        self.status.wait_status = wait_status;
        self.status.paused = false;
        self.status.stamp = now.stamp;
        self.status.want_up = false;
        if self.state == State::LastUp {
            self.state = State::LastFinish;
        }
        let mut actions = vec![Action::Tally];
        actions.extend(self.finished(b"dOD", None, now));
        actions
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
        events: &'static [u8],
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
        let last = [self.write_status(), Notify(events)];
        if self.state == State::LastFinish {
            self.state = State::Gone;
            return [&last[..], &[Notify(b"x")]].concat();
        }
        self.state = State::Down;
        // The start comes before the record: a slow disk must not keep the service down.
        let mut actions = self.start_if_due(now);
        actions.extend(last);
        actions
    }
}

#[cfg(test)]
mod tests;
