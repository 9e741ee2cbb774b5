//! Decides when to ask the agent and when to run the command. It has no clock and no I/O.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::wire::ListHash;

/// The shortest time between two questions. Hints come in bursts, and anybody in the network can
/// cause them.
const CLOSEST: Duration = Duration::from_millis(20);

/// Questions may take a quarter of the agent's time at most, unless `Pace::every` asks for
/// more: after each, this many times as long passes as it took.
const SHARE: u32 = 4;

/// How long after a question without a change to ask again, if it was asked because of a hint:
/// the agent may log a change before its list shows it.
const SECOND_LOOK: Duration = Duration::from_millis(50);

/// The shortest pause between a run and the next one at the moment that it has asked for, so
/// that a command which always asks for the next moment does not run without end.
const CLOSEST_DUE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, PartialEq)]
pub(crate) enum Due {
    Ask,
    Run,
}

/// When to do something even without a reason.
pub(crate) struct Pace {
    /// The time from one question to the next.
    pub(crate) every: Duration,
    /// The pause after a successful run before the next one; `None` for never.
    pub(crate) again: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq)]
enum Agent {
    Gone,
    /// The connection exists, but the agent has not answered and may still refuse us.
    Connected,
    Answers,
}

pub(crate) struct Watch {
    pace: Pace,
    agent: Agent,
    ask_at: Instant,
    asked: Option<Instant>,
    last_asked: Option<Instant>,
    took: Duration,
    /// Whether a hint came since the last question.
    hinted: bool,
    /// Whether the last question was asked because of a hint.
    for_hint: bool,
    seen: Option<ListHash>,
    /// The list with which the last run was started.
    tried: Option<ListHash>,
    running: bool,
    /// When the last run began.
    began: Option<Instant>,
    backoff: Backoff,
    run_at: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(pace: Pace, now: Instant) -> Watch {
        let backoff = Backoff::new(pace.every, LONGEST_PAUSE.max(pace.every));
        Watch {
            pace,
            agent: Agent::Gone,
            ask_at: now,
            asked: None,
            last_asked: None,
            took: Duration::ZERO,
            hinted: false,
            for_hint: false,
            seen: None,
            tried: None,
            running: false,
            began: None,
            backoff,
            run_at: None,
        }
    }

    /// The next thing to do now. The caller repeats this until it returns `None`.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Due> {
        if !self.running && self.is_run_due(now) {
            self.running = true;
            self.began = Some(now);
            self.tried = self.seen;
            self.run_at = None;
            return Some(Due::Run);
        }
        if self.agent != Agent::Gone && self.asked.is_none() && self.ask_at <= now {
            self.asked = Some(now);
            self.last_asked = Some(now);
            self.for_hint = std::mem::take(&mut self.hinted);
            return Some(Due::Ask);
        }
        None
    }

    /// When to call `next` again, if nothing happens before.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let ask = (self.agent != Agent::Gone && self.asked.is_none()).then_some(self.ask_at);
        let run = self
            .run_at
            .filter(|_| self.agent == Agent::Answers && !self.running);
        ask.into_iter().chain(run).min()
    }

    fn is_run_due(&self, now: Instant) -> bool {
        // The command needs the agent too, so it does not run again without one.
        let is_time = self.agent == Agent::Answers && self.run_at.is_some_and(|at| at <= now);
        self.seen != self.tried || is_time
    }

    pub(crate) fn up(&mut self, now: Instant) {
        self.agent = Agent::Connected;
        self.asked = None;
        self.hinted = false;
        self.ask_at = now;
    }

    pub(crate) fn down(&mut self) {
        self.agent = Agent::Gone;
        self.asked = None;
    }

    pub(crate) fn hint(&mut self, now: Instant) {
        self.hinted = true;
        self.ask_at = self.ask_at.min(self.soonest(now));
    }

    pub(crate) fn answer(&mut self, list: ListHash, now: Instant) {
        if let Some(asked) = self.asked.take() {
            self.took = now.saturating_duration_since(asked);
        }
        if std::mem::replace(&mut self.agent, Agent::Answers) != Agent::Answers
            && self.backoff.has_failed()
        {
            // The last run probably failed because the agent was not there.
            self.run_at = Some(now);
        }
        let changed = self.seen.replace(list) != Some(list);
        let pause = match (self.hinted, self.for_hint && !changed) {
            (true, _) => Duration::ZERO,
            (false, true) => SECOND_LOOK.min(self.pace.every),
            (false, false) => self.pace.every,
        };
        self.ask_at = self.soonest(now).max(now + pause);
    }

    /// The run has ended, and the command asks for the next one at `due`.
    pub(crate) fn ended(&mut self, well: bool, due: Option<Instant>, now: Instant) {
        self.running = false;
        // The list may have changed after the command had read it.
        self.ask_at = self.ask_at.min(self.soonest(now));
        let next = if well {
            self.backoff.reset();
            self.pace.again.map(|again| now + again)
        } else {
            Some(now + self.backoff.pause())
        };
        // What was due when the run began has had its run, and is not due again.
        let due = due.filter(|due| self.began.is_none_or(|began| *due > began));
        let due = due.map(|due| due.max(now + CLOSEST_DUE));
        self.run_at = next.into_iter().chain(due).min();
    }

    fn soonest(&self, now: Instant) -> Instant {
        let gap = (self.took * SHARE)
            .max(CLOSEST)
            .min(self.pace.every.max(CLOSEST));
        self.last_asked.map_or(now, |last| now.max(last + gap))
    }
}

#[cfg(test)]
mod tests;
