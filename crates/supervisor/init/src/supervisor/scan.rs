//! The scan: which services the scan directory has, and which it has no more.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use servicedir::Letter;

use super::Supervisor;
use super::order::{Dependent, Order};
use super::phase::{Phase, Scan};
use super::scandir::{Entry, Listing};
use crate::output;
use crate::service::{Id, Plumbing, Service, Standing};

/// After this the scan is repeated if a directory could not be read or supervised.
const SCAN_AGAIN: Duration = Duration::from_secs(3);

impl Supervisor {
    /// Looks for new services. All of them are known before one is started, since
    /// they may need one another.
    pub(super) fn scan(&mut self) {
        // Cleared in every phase: a deadline that stays in the past would keep us awake.
        self.scan = Scan::Over;
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        let Some(scandir) = &self.scandir else {
            return;
        };
        self.scan = Scan::Begun;
        match scandir.list() {
            Ok(listing) => self.follow(&listing),
            Err(error) => {
                output::say(format_args!("read {}: {error}", scandir.path().display()));
                self.scan_again();
            }
        }
        if self.scan == Scan::Begun {
            self.scan = Scan::Over;
        }
    }

    fn scan_again(&mut self) {
        self.scan = Scan::AgainAt(Instant::now() + SCAN_AGAIN);
    }

    /// After a bug: what a scan has not got to is found by the next one.
    pub(super) fn resume_scan(&mut self) {
        if self.scan == Scan::Begun {
            self.scan_again();
        }
    }

    fn follow(&mut self, listing: &Listing) {
        self.tell_unknown(listing);
        let entries = &listing.entries;
        let logs = entries.iter().filter_map(|entry| entry.log.as_ref());
        let logs = logs.map(|(_, id)| *id);
        let listed: HashSet<Id> = entries.iter().map(|entry| entry.id).chain(logs).collect();
        for service in &mut self.services {
            service.standing = match (service.standing, listed.contains(&service.id)) {
                (Standing::Dismissed, _) => Standing::Dismissed,
                (_, true) => Standing::Listed,
                (before, false) if listing.is_unknown(&service.name) => before,
                (_, false) => Standing::Vanished,
            };
        }
        let before = self.services.len();
        let mut known = self.services.iter().map(|service| service.id).collect();
        for entry in entries {
            self.take(entry, &mut known);
        }
        if self.services.len() > before {
            self.put_in_order();
        }
    }

    /// What cannot be looked at is neither new nor gone, and is looked at again and again,
    /// but said once.
    fn tell_unknown(&mut self, listing: &Listing) {
        for (name, error) in &listing.unknown {
            if self.refused.insert(name.clone()) {
                output::say(format_args!("look at the service {name}: {error}"));
            }
            self.scan_again();
        }
    }

    /// Takes a service and its logger, unless they are among those `known`.
    fn take(&mut self, entry: &Entry, known: &mut HashSet<Id>) {
        let (mut writes, mut reads) = (Plumbing::default(), Plumbing::default());
        let log = entry.log.as_ref().filter(|(_, id)| !known.contains(id));
        let is_new = !known.contains(&entry.id);
        if log.is_some()
            && is_new
            && let Ok((reader, writer)) = std::io::pipe()
        {
            writes.stdout = Some(writer.into());
            reads.stdin = Some(reader.into());
        }
        let log = log.map(|(path, _)| path.clone());
        if is_new {
            known.extend(self.take_one(&entry.name, &entry.path, writes));
        } else {
            self.refused.remove(&entry.name);
        }
        if let Some(path) = log.filter(|_| reads.stdin.is_some()) {
            known.extend(self.take_one(&format!("{}/log", entry.name), &path, reads));
        }
    }

    fn take_one(&mut self, name: &str, path: &Path, plumbing: Plumbing) -> Option<Id> {
        // The path is relative to the scan directory, and the service before this one
        // has entered its own.
        if let Some(scandir) = &self.scandir {
            let _ = scandir.enter();
        }
        match Service::take(name, path, plumbing, self.layout) {
            Ok(service) => {
                let id = service.id;
                self.refused.remove(name);
                self.services.push(service);
                Some(id)
            }
            Err(error) => {
                // It is tried again and again, but said once.
                if self.refused.insert(name.to_string()) {
                    output::say(format_args!("{error:#}"));
                }
                self.scan_again();
                None
            }
        }
    }

    pub(super) fn put_in_order(&mut self) {
        let dependents: Vec<Dependent> = self
            .services
            .iter()
            .map(|service| Dependent {
                name: &service.name,
                needs: &service.needs,
            })
            .collect();
        let (order, complaints) = Order::new(&dependents);
        self.order = order;
        for complaint in complaints {
            output::say(complaint);
        }
    }

    /// Dismisses the services that the scan directory does not have any more.
    pub(super) fn dismiss_vanished(&mut self) {
        for service in &mut self.services {
            if service.standing == Standing::Vanished {
                service.dismiss(false, &self.nursery);
            }
        }
    }

    /// Brings all services down and lets them go. Those that are still listed are
    /// supervised again afterwards, as `s6-svscanctl -N` has it.
    pub(super) fn dismiss_all(&mut self) {
        self.dismiss_vanished();
        for service in &mut self.services {
            if !service.is_gone() && service.standing == Standing::Listed {
                service.ask_for(Letter::Down, &self.nursery);
                service.ask_for(Letter::Exit, &self.nursery);
            }
        }
    }

    /// Forgets the services that are gone and not to be supervised again.
    pub(super) fn forget_vanished(&mut self) {
        let before = self.services.len();
        if matches!(self.phase, Phase::Running) {
            self.services
                .retain(|service| service.standing == Standing::Listed || !service.is_gone());
        }
        if self.services.len() < before {
            self.put_in_order();
        }
    }
}
