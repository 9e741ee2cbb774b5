//! The scan: which services the scan directory has, and which it has no more.

use std::path::Path;
use std::time::{Duration, Instant};

use servicedir::Letter;

use super::Supervisor;
use super::order::{Dependent, Order};
use super::phase::Phase;
use super::scandir::Entry;
use crate::output;
use crate::service::{Plumbing, Service, Standing};

/// After this the scan is repeated if a directory could not be read or supervised.
const SCAN_AGAIN: Duration = Duration::from_secs(3);

impl Supervisor {
    /// Looks for new services. All of them are known before one is started, since
    /// they may need one another.
    pub(super) fn scan(&mut self) {
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        self.scan_at = None;
        let Some(scandir) = &self.scandir else {
            return;
        };
        match scandir.list() {
            Ok(entries) => self.follow(&entries),
            Err(error) => {
                output::say(format_args!("read {}: {error}", scandir.path().display()));
                self.scan_at = Some(Instant::now() + SCAN_AGAIN);
            }
        }
    }

    fn follow(&mut self, entries: &[Entry]) {
        for service in &mut self.services {
            let is_listed = entries.iter().any(|entry| {
                entry.id == service.id || entry.log.as_ref().is_some_and(|it| it.1 == service.id)
            });
            service.standing = match (service.standing, is_listed) {
                (Standing::Dismissed, _) => Standing::Dismissed,
                (_, true) => Standing::Listed,
                (_, false) => Standing::Vanished,
            };
        }
        let known = self.services.len();
        for entry in entries {
            self.take(entry);
        }
        if self.services.len() > known {
            self.put_in_order();
        }
    }

    fn take(&mut self, entry: &Entry) {
        let is_known = |id| self.services.iter().any(|service| service.id == id);
        let (mut writes, mut reads) = (Plumbing::default(), Plumbing::default());
        let log = entry.log.as_ref().filter(|(_, id)| !is_known(*id));
        if log.is_some()
            && !is_known(entry.id)
            && let Ok((reader, writer)) = std::io::pipe()
        {
            writes.stdout = Some(writer.into());
            reads.stdin = Some(reader.into());
        }
        let log = log.map(|(path, _)| path.clone());
        if !is_known(entry.id) {
            self.take_one(&entry.name, &entry.path, writes);
        }
        if let Some(path) = log.filter(|_| reads.stdin.is_some()) {
            self.take_one(&format!("{}/log", entry.name), &path, reads);
        }
    }

    fn take_one(&mut self, name: &str, path: &Path, plumbing: Plumbing) {
        // The path is relative to the scan directory, and the service before this one
        // has entered its own.
        if let Some(scandir) = &self.scandir {
            let _ = scandir.enter();
        }
        match Service::take(name, path, plumbing, self.layout) {
            Ok(service) => {
                self.refused.retain(|refused| refused != name);
                self.services.push(service);
            }
            Err(error) => {
                // It is tried again and again, but said once.
                if !self.refused.iter().any(|refused| refused == name) {
                    self.refused.push(name.to_string());
                    output::say(format_args!("{error:#}"));
                }
                self.scan_at = Some(Instant::now() + SCAN_AGAIN);
            }
        }
    }

    pub(super) fn put_in_order(&mut self) {
        let dependents: Vec<Dependent> = self
            .services
            .iter()
            .map(|service| Dependent {
                name: service.name.clone(),
                needs: service.needs.clone(),
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
