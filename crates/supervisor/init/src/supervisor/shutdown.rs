//! The stop of the command and of the services in their order, and at last of
//! whatever else has been left running. Each step ends as soon as there is nothing
//! to wait for; the times are upper bounds.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Supervisor;
use super::phase::{Draining, Phase, Stopping};
use crate::output;
use crate::process::reap;
use crate::service::{Service, Standing};

/// A process that still runs this long after SIGKILL is not waited for.
const AFTER_KILL: Duration = Duration::from_secs(1);

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
        self.phase = Phase::Stopping(Stopping {
            deadline: Instant::now() + self.variables.services_grace,
            is_forced: false,
            loggers,
        });
    }

    /// Stops those that nobody needs any more; true when all have stopped.
    pub(super) fn proceed_stopping(&mut self, now: Instant, mut stopping: Stopping) -> bool {
        if self.is_all_gone() {
            return true;
        }
        if now >= stopping.deadline {
            if stopping.is_forced {
                return true;
            }
            self.force();
            stopping.is_forced = true;
            stopping.deadline = now + AFTER_KILL;
        } else if !self.command.runs() && !stopping.is_forced {
            self.stop_in_order(stopping.loggers);
        }
        self.phase = Phase::Stopping(stopping);
        self.is_all_gone()
    }

    fn is_all_gone(&self) -> bool {
        !self.command.runs() && self.services.iter().all(Service::is_gone)
    }

    fn stop_in_order(&mut self, loggers: bool) {
        // A service that is down is gone at once, and those that it needed may follow.
        loop {
            let next = (0..self.services.len()).find(|index| {
                let is_dismissed = self.services[*index].standing == Standing::Dismissed;
                !is_dismissed && self.may_stop(*index)
            });
            let Some(next) = next else {
                return;
            };
            self.services[next].dismiss(loggers, &self.nursery);
        }
    }

    /// Everything that needs it has gone; if it is a logger, so has its service.
    fn may_stop(&self, index: usize) -> bool {
        let service = &self.services[index];
        let mut dependents = self.order.needed_by(index);
        let is_needed = dependents.any(|other| !self.services[other].is_gone());
        let logged = service
            .name
            .strip_suffix("/log")
            .filter(|_| service.is_logger);
        let writes = |other: &Service| Some(other.name.as_str()) == logged && !other.is_gone();
        !is_needed && !self.services.iter().any(writes)
    }

    fn force(&mut self) {
        if self.command.runs() {
            output::say("the command does not end: killed");
            self.command.signal(nix::libc::SIGKILL);
        }
        for service in &mut self.services {
            if service.is_gone() {
                continue;
            }
            output::say(format_args!("{} does not end: killed", service.name));
            service.dismiss(true, &self.nursery);
            service.kill();
        }
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
