//! From one phase of the supervisor's life to the next.

use std::collections::VecDeque;
use std::time::Instant;

use super::Supervisor;
use super::phase::Phase;
use super::sequence::Sequence;
use crate::output;
use crate::overlay;
use crate::service::machine::Event;

impl Supervisor {
    /// Goes on from phase to phase until there is something to wait for.
    pub(super) fn proceed(&mut self) {
        let now = Instant::now();
        while self.proceed_once(now) {}
    }

    fn proceed_once(&mut self, now: Instant) -> bool {
        match &self.phase {
            Phase::Setup(scripts) if scripts.is_over() => {
                match self.converter.take() {
                    Some(script) => self.phase = Phase::Setup(Sequence::converting(script)),
                    None => self.run(now),
                }
                true
            }
            Phase::Finishing(scripts) if scripts.is_over() => {
                self.reap();
                self.begin_draining(now);
                true
            }
            Phase::Setup(_) | Phase::Finishing(_) => self.run_script(),
            Phase::Running => {
                self.start_those_that_waited();
                self.notice_ends();
                self.tell_of_waits(now);
                self.start_command(now);
                matches!(self.phase, Phase::Stopping(_))
            }
            Phase::Stopping(stopping) => {
                let has_ended = self.proceed_stopping(now, *stopping);
                if has_ended {
                    self.finish();
                }
                has_ended
            }
            Phase::Draining(draining) => {
                let has_ended = self.proceed_draining(now, *draining);
                if has_ended {
                    self.phase = Phase::Done;
                }
                has_ended
            }
            Phase::Done => false,
        }
    }

    fn run(&mut self, now: Instant) {
        self.phase = Phase::Running;
        let wait = self.variables.command_waits_max;
        self.command_waits_until = wait.map(|wait| now + wait);
        self.scan();
    }

    /// Starts the next script; true if it could not be started, so that the one after
    /// it is next.
    fn run_script(&mut self) -> bool {
        self.command.enter_origin();
        let (Phase::Setup(scripts) | Phase::Finishing(scripts)) = &mut self.phase else {
            return false;
        };
        let failed = scripts.proceed(&self.nursery);
        if let Some(code) = failed {
            self.on_script_result(code);
        }
        failed.is_some()
    }

    fn finish(&mut self) {
        let directory = self.at_end.take();
        let found = directory.map_or(Ok(Vec::new()), |path| overlay::scripts(&path));
        let scripts = found.unwrap_or_else(|error| {
            output::say(format_args!("{error:#}"));
            Vec::new()
        });
        let most = self.variables.finish_max;
        self.phase = Phase::Finishing(Sequence::new("cont-finish.d", scripts, most));
    }

    /// Starts the services whose needs are met by now, which may meet those of others.
    fn start_those_that_waited(&mut self) {
        let mut candidates: VecDeque<usize> = (0..self.services.len()).collect();
        while let Some(index) = candidates.pop_front() {
            if self.services[index].waits_for_needs() && self.has_what_it_needs(index) {
                self.services[index].feed(Event::NeedsMet, &self.nursery);
                candidates.extend(self.order.needed_by(index));
            }
        }
    }

    fn has_what_it_needs(&mut self, index: usize) -> bool {
        let services = &self.services;
        self.order.is_met(index, |need| services[need].is_there())
    }

    fn start_command(&mut self, now: Instant) {
        if !self.command.waits() || self.command_waits(now) {
            return;
        }
        let failed = self.command.start(&self.nursery);
        if self.scandir.is_none() {
            self.command.leave_origin();
        }
        if let Some(code) = failed {
            self.stop(Some(code), false);
        }
    }

    /// For each service whether it waits in vain, for one that is down and not wanted
    /// up, or for one that waits in vain itself.
    pub(super) fn lost(&self) -> Vec<bool> {
        let mut is_lost = vec![false; self.services.len()];
        let all = self.services.iter().enumerate();
        let mut next: Vec<usize> = all
            .filter(|(_, service)| service.is_missing_for_good())
            .map(|(index, _)| index)
            .collect();
        while let Some(needed) = next.pop() {
            for other in self.order.needed_by(needed) {
                if !is_lost[*other] && self.services[*other].waits_for_needs() {
                    is_lost[*other] = true;
                    next.push(*other);
                }
            }
        }
        is_lost
    }

    /// Of what does not come with a death, such as a oneshot that cannot be started.
    fn notice_ends(&mut self) {
        for index in 0..self.services.len() {
            self.on_essential_end(index);
            if let Some(code) = self.services[index].failure() {
                self.on_failed_oneshot(code);
            }
        }
    }
}
