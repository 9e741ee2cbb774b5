//! What is waited for, in words: a service that waits for another one, and the command that waits for the services.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Supervisor;
use super::patience::{self, shown};
use crate::output;
use crate::overlay::IfScriptFails;
use crate::service::{Id, Service};

/// More services than this are not described, since a line is to be read.
const DESCRIBED: usize = 5;

/// The code with which s6-overlay ends if the services did not come up in time.
const LATE: u8 = 1;

impl Supervisor {
    /// Says which services wait for others, since when, and what then happens.
    pub(super) fn tell_of_waits(&mut self, now: Instant) {
        // From those that are down to those that need them, and not the other way: this is
        // asked at every turn, and hardly ever is one down for good.
        let mut in_vain = vec![false; self.services.len()];
        for (needed, _) in all(&self.services).filter(|(_, it)| it.is_missing_for_good()) {
            for other in self.order.needed_by(needed) {
                in_vain[*other] = true;
            }
        }
        let waiting: Vec<_> = all(&self.services)
            .filter(|(_, service)| service.waits_for_needs())
            .map(|(index, service)| (service.id, in_vain[index]))
            .collect();
        let to_tell = self.waiting_for_needs.update(&waiting, now);
        if to_tell.is_empty() {
            return;
        }
        let indices: HashMap<Id, usize> = all(&self.services)
            .map(|(index, service)| (service.id, index))
            .collect();
        for (id, lasted) in to_tell {
            if let Some(index) = indices.get(&id) {
                self.tell_of(*index, lasted);
            }
        }
    }

    fn tell_of(&self, index: usize, lasted: Option<Duration>) {
        let name = &self.services[index].name;
        let needs = self.order.needs(index).iter();
        let needs = needs.map(|need| &self.services[*need]);
        let Some(lasted) = lasted else {
            let down: Vec<_> = needs.filter(|it| it.is_missing_for_good()).collect();
            return output::say(format_args!("{name} waits for {}", described(&down)));
        };
        let missing: Vec<_> = needs.filter(|it| !it.is_there()).collect();
        // Of a chain those are told that keep the others waiting.
        if missing.iter().all(|it| it.waits_for_needs()) {
            return;
        }
        output::say(format_args!(
            "{name} has waited {} for {}: it starts when {} there",
            shown(lasted),
            described(&missing),
            they_are(&missing)
        ));
    }

    /// Whether the command goes on waiting for services, which is said from time to time. When its time is over, that
    /// is said, and what follows: the container may be asked to stop then.
    pub(super) fn command_waits(&mut self, now: Instant) -> bool {
        if !self.variables.command_waits {
            return false;
        }
        let services = self.services.iter().zip(self.lost());
        let missing: Vec<_> = services
            .filter(|(service, is_lost)| !is_lost && service.wants_up() && !service.is_there())
            .map(|(service, _)| service)
            .collect();
        if missing.is_empty() {
            return false;
        }
        let (what, they_are) = (described(&missing), they_are(&missing));
        let most = self.variables.command_waits_max;
        if self.command_waits_until.is_some_and(|at| at <= now) {
            let waited = format!("waited {} for {what}", shown(most.unwrap_or_default()));
            if self.variables.if_script_fails == IfScriptFails::Stop {
                output::say(format_args!("{waited}: we stop"));
                self.stop(Some(LATE), false);
                return true;
            }
            let them = if missing.len() == 1 { "it" } else { "them" };
            output::say(format_args!("{waited}: the command starts without {them}"));
            return false;
        }
        let patience = self
            .command_patience
            .get_or_insert_with(|| patience::Patience::new(now, patience::FIRST));
        if let Some(lasted) = patience.due(now) {
            let at_last =
                most.map_or_else(String::new, |most| format!(", or after {}", shown(most)));
            output::say(format_args!(
                "the command has waited {} for {what}: it starts when {they_are} there{at_last}",
                shown(lasted)
            ));
        }
        true
    }

    /// Says who was asked to end and has not.
    pub(super) fn tell_of_stop(&self, lasted: Duration) {
        let services = self.services.iter();
        let slow = services.filter(|service| service.is_stopping() && !service.is_over());
        let mut slow: Vec<String> = slow.map(Service::how_it_ends).collect();
        if self.command.runs() {
            slow.insert(0, "the command".into());
        }
        let others = slow.len().saturating_sub(DESCRIBED);
        slow.truncate(DESCRIBED);
        if others > 0 {
            slow.push(format!("{others} others"));
        }
        if !slow.is_empty() {
            let (lasted, slow) = (shown(lasted), slow.join(", and "));
            output::say(format_args!("the stop has waited {lasted} for {slow}"));
        }
    }

    /// When the next wait is told of.
    pub(super) fn tell_at(&self) -> Option<Instant> {
        let command = self.command_patience.filter(|_| self.command.waits());
        let command = command.map(|patience| patience.tell_at());
        self.waiting_for_needs
            .tell_at()
            .into_iter()
            .chain(command)
            .min()
    }
}

fn all(services: &[Service]) -> impl Iterator<Item = (usize, &Service)> {
    services.iter().enumerate()
}

fn described(missing: &[&Service]) -> String {
    let mut parts: Vec<String> = missing
        .iter()
        .take(DESCRIBED)
        .map(|service| format!("{}, {}", service.name, service.why_not_there()))
        .collect();
    if missing.len() > DESCRIBED {
        parts.push(format!("{} others", missing.len() - DESCRIBED));
    }
    parts.join(", and ")
}

fn they_are(missing: &[&Service]) -> String {
    match missing {
        [one] => format!("{} is", one.name),
        _ => "they are".into(),
    }
}
