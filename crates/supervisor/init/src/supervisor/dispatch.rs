//! What happens is dealt with one after the other, and a bug loses none of it.
//!
//! A bug is a panic, which ends a turn midway. Signals, deaths and letters come only
//! once, so they are dealt with again afterwards; everything else is derived anew from
//! how things are.

use servicedir::WaitStatus;

use super::Supervisor;
use super::happening::Happening;
use crate::process::sys::{self, Reaped};
use crate::service::machine::Event;

/// At most this many ended children are reaped before others get their turn.
const REAPED_AT_ONCE: usize = 500;

impl Supervisor {
    /// Deals with all of these; what a bug keeps from being dealt with waits.
    pub(super) fn deal_with_all(&mut self, happenings: impl IntoIterator<Item = Happening>) {
        self.waiting.extend(happenings);
        while let Some(happening) = self.waiting.pop_front() {
            self.at_hand = Some(happening);
            self.deal_with(happening);
            self.at_hand = None;
        }
    }

    fn deal_with(&mut self, happening: Happening) {
        match happening {
            Happening::Signal(signal) => self.on_signal(signal),
            Happening::TerminalWanted(signal) => self.on_terminal_wanted(signal),
            Happening::Death { pid, status } => self.on_death(pid, status),
            Happening::ScandirLetter(letter) => self.on_scandir_letter(letter),
            Happening::Letter(index, letter) => {
                self.services[index].ask_for(letter, &self.nursery);
            }
            Happening::Ready(index) => self.services[index].feed(Event::Ready, &self.nursery),
        }
    }

    /// First all who have ended by now are reaped, and only then is dealt with what
    /// follows: a service that starts again and dies at once must not keep anybody
    /// else from being heard.
    pub(super) fn reap(&mut self) {
        let mut deaths = Vec::new();
        self.is_childless = false;
        while deaths.len() < REAPED_AT_ONCE {
            match sys::reap_one() {
                Reaped::One { pid, status } => deaths.push(Happening::Death { pid, status }),
                other => {
                    self.is_childless = deaths.is_empty() && other == Reaped::NoChildren;
                    break;
                }
            }
        }
        // Whether there are children left is certain only when none had ended, so after
        // deaths the next turn looks again.
        self.more_to_reap = !deaths.is_empty();
        self.deal_with_all(deaths);
    }

    /// What was at hand when the bug came gets a second chance, and no third.
    pub(super) fn recover(&mut self) {
        self.put_in_order();
        self.resume_scan();
        if let Some(happening) = self.at_hand.take() {
            self.deal_with(happening);
        }
        self.deal_with_all([]);
        for service in &mut self.services {
            if service.has_missed_an_end() {
                service.ended(WaitStatus::default(), &self.nursery);
            }
        }
    }
}
