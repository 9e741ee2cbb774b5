//! One turn of the loop: what is possible is done, then it sleeps until something
//! happens, and deals with that.

use std::time::Instant;

use super::Supervisor;
use super::happening::{Happening, Source};
use super::phase::Phase;
use super::scandir::Scandir;
use crate::output;
use crate::process::signals::Arrived;
use crate::process::sys;

impl Supervisor {
    /// One turn of the loop; true when it was the last one.
    pub(crate) fn turn(&mut self, after_bug: bool) -> bool {
        if after_bug {
            self.recover();
        }
        self.proceed();
        if matches!(self.phase, Phase::Done) {
            return true;
        }
        if let Some(scandir) = &self.scandir {
            let _ = scandir.enter();
        }
        self.settle();
        for source in self.wait() {
            self.handle(source);
        }
        self.reap();
        self.due(Instant::now());
        self.forget_vanished();
        false
    }

    /// At the first moment without a deadline the start is over, that of a service that
    /// has died too, and the memory of the code that it needed can be given back.
    fn settle(&mut self) {
        if !self.has_settled && self.deadline().is_none() {
            self.has_settled = true;
            sys::forget_code();
        }
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Signals => {
                let arrived = self.signals.arrived();
                self.deal_with_all(arrived.into_iter().map(|it| match it {
                    Arrived::Signal(signal) => Happening::Signal(signal),
                    Arrived::TerminalWanted(signal) => Happening::TerminalWanted(signal),
                }));
            }
            Source::Scandir => {
                let letters = self.scandir.as_mut().map(Scandir::letters);
                let letters = letters.unwrap_or_default();
                self.deal_with_all(letters.into_iter().map(Happening::ScandirLetter));
            }
            Source::Control(index) => {
                let letters = self.services[index].letters();
                let letter = |letter| Happening::Letter(index, letter);
                self.deal_with_all(letters.into_iter().map(letter));
            }
            Source::Notification(index) => {
                if self.services[index].says_that_it_is_ready() {
                    self.deal_with_all([Happening::Ready(index)]);
                }
            }
            Source::Lines(index, which) => self.services[index].pass_on(which),
            Source::Output => output::flush(),
        }
    }

    fn due(&mut self, now: Instant) {
        // Before a service is supervised again, the scan sees whether it is still listed.
        let comes_back = self.services.iter().any(|service| service.comes_back(now));
        if comes_back {
            self.scan();
        }
        for index in 0..self.services.len() {
            self.services[index].due(now, &self.nursery);
            self.on_essential_end(index);
        }
        if comes_back {
            // Its needs may have changed.
            self.put_in_order();
        }
        if let Phase::Setup(scripts) | Phase::Finishing(scripts) = &mut self.phase {
            scripts.due(now);
        }
        if self.scan.deadline().is_some_and(|at| at <= now) {
            self.scan();
        }
    }
}
