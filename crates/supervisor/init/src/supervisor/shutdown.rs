//! The stop of the command and of the services in their order, and at last of
//! whatever else has been left running.
//!
//! Everybody is asked before anybody is killed for being slow: the command first, each
//! service when nobody needs it any more, or when the time for the turns is over. Who
//! was asked has a grace time of its own. Each step ends as soon as there is nothing to
//! wait for; the times are upper bounds.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Supervisor;
use super::patience::Patience;
use super::phase::{CommandStop, Draining, Phase, Stopping};
use crate::output;
use crate::process::reap;
use crate::service::{AFTER_KILL, Service};

/// A stop that lasts longer is told of, before an engine loses its patience.
const LONG_STOP: Duration = Duration::from_secs(4);

impl Supervisor {
    /// Begins the stop, unless it has begun. The first code that is given is the exit
    /// code.
    pub(super) fn stop(&mut self, code: Option<u8>, loggers: bool) {
        self.code = self.code.or(code);
        if !matches!(self.phase, Phase::Setup(_) | Phase::Running) {
            return;
        }
        if let Phase::Setup(scripts) = &mut self.phase {
            scripts.cancel();
        }
        self.command.stop();
        for service in &mut self.services {
            service.stay_away();
        }
        let grace_end = self.variables.services_grace.map(|it| Instant::now() + it);
        self.phase = Phase::Stopping(Stopping {
            turns_end_at: grace_end,
            command: grace_end.map_or(CommandStop::Waits, CommandStop::KillAt),
            patience: Patience::new(Instant::now(), LONG_STOP),
            loggers,
        });
    }

    /// Stops those that nobody needs any more; true when all have stopped.
    pub(super) fn proceed_stopping(&mut self, now: Instant, mut stopping: Stopping) -> bool {
        stopping.command = self.hurry_command(now, stopping.command);
        let is_over = stopping.turns_end_at.is_some_and(|at| at <= now);
        if is_over {
            stopping.turns_end_at = None;
            self.stop_all(stopping.loggers);
        }
        let waits_for_command = self.has_command_to_stop(stopping.command);
        if !waits_for_command || is_over {
            self.stop_in_order(stopping.loggers);
        }
        if let Some(lasted) = stopping.patience.due(now) {
            self.tell_of_stop(lasted);
        }
        self.phase = Phase::Stopping(stopping);
        !waits_for_command && self.services.iter().all(Service::is_over)
    }

    fn has_command_to_stop(&self, stop: CommandStop) -> bool {
        self.command.runs() && stop != CommandStop::Abandoned
    }

    fn hurry_command(&self, now: Instant, stop: CommandStop) -> CommandStop {
        match stop {
            _ if !self.command.runs() => CommandStop::Abandoned,
            CommandStop::KillAt(at) if at <= now => {
                output::say("the command does not end: killed");
                self.command.signal(nix::libc::SIGKILL);
                CommandStop::AbandonAt(now + AFTER_KILL)
            }
            CommandStop::AbandonAt(at) if at <= now => CommandStop::Abandoned,
            other => other,
        }
    }

    /// The time for the turns is over: whoever was not asked yet is asked now. A logger
    /// reads until its service has ended.
    fn stop_all(&mut self, loggers: bool) {
        for index in 0..self.services.len() {
            if !self.services[index].is_logger() {
                self.ask_to_stop(index, loggers);
            }
        }
    }

    /// Asks those that nobody needs any more. A service that is down is gone at once,
    /// and those that it needed follow.
    fn stop_in_order(&mut self, loggers: bool) {
        let mut needed_by = self.count_dependents();
        let is_free = |index: &usize| needed_by[*index] == 0;
        let mut free: Vec<usize> = (0..self.services.len()).filter(is_free).collect();
        let loggers_of = self.loggers();
        while let Some(index) = free.pop() {
            // One that had gone before was not counted.
            let was_over = self.services[index].is_over();
            let is_first = self.ask_to_stop(index, loggers);
            if was_over || !is_first || !self.services[index].is_over() {
                continue;
            }
            let needs = self.order.needs(index).iter();
            for need in needs.chain(loggers_of.get(&index)) {
                needed_by[*need] -= 1;
                if needed_by[*need] == 0 {
                    free.push(*need);
                }
            }
        }
    }

    /// Asks a service to stop for good; false if that was done before.
    fn ask_to_stop(&mut self, index: usize, loggers: bool) -> bool {
        let service = &mut self.services[index];
        let is_first = !service.is_stopping();
        if is_first {
            let grace = self.variables.services_grace;
            service.stop(loggers, grace, &self.nursery);
        }
        is_first
    }

    /// How many of those that need it each service still has to wait for.
    fn count_dependents(&self) -> Vec<usize> {
        let loggers_of = self.loggers();
        let mut counts = vec![0; self.services.len()];
        for (index, service) in self.services.iter().enumerate() {
            if !service.is_over() {
                let needs = self.order.needs(index).iter();
                for need in needs.chain(loggers_of.get(&index)) {
                    counts[*need] += 1;
                }
            }
        }
        counts
    }

    /// Each service's logger, both by their indices.
    fn loggers(&self) -> HashMap<usize, usize> {
        let by_name: HashMap<&str, usize> = self
            .services
            .iter()
            .enumerate()
            .map(|(index, service)| (service.name.as_str(), index))
            .collect();
        let all = self.services.iter().enumerate();
        all.filter(|(_, service)| service.is_logger())
            .filter_map(|(logger, service)| {
                let logged = service.name.strip_suffix("/log")?;
                Some((*by_name.get(logged)?, logger))
            })
            .collect()
    }

    pub(super) fn begin_draining(&mut self, now: Instant) {
        if !self.is_childless {
            reap::signal_all(Signal::SIGTERM);
        }
        self.phase = Phase::Draining(Draining {
            deadline: now + self.variables.kill_grace,
            is_killed: false,
        });
    }

    /// True when there is nobody left, or when SIGKILL has not ended those who are.
    pub(super) fn proceed_draining(&mut self, now: Instant, draining: Draining) -> bool {
        if self.is_childless || (draining.is_killed && now >= draining.deadline) {
            return true;
        }
        if now >= draining.deadline {
            reap::signal_all(Signal::SIGKILL);
            self.phase = Phase::Draining(Draining {
                deadline: now + AFTER_KILL,
                is_killed: true,
            });
        }
        false
    }
}
