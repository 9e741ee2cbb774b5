//! After a bug: the turn that it ended has left something half done. What is told
//! only once is dealt with again, and what we remember is compared with what is.

use nix::libc::c_int;
use servicedir::{Letter, WaitStatus};

use super::Supervisor;
use crate::service::machine::Event;

/// What nobody tells a second time. Services are told by their index, which no
/// turn changes before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Signal(c_int),
    Death {
        pid: i32,
        status: WaitStatus,
    },
    /// What `s6-svscanctl` says.
    Command(u8),
    /// What `s6-svc` says.
    Letter(usize, Letter),
    /// A service says so of itself.
    Ready(usize),
}

impl Supervisor {
    /// One after the other: what a bug keeps from being dealt with waits.
    pub(super) fn treat_all(&mut self, happenings: impl IntoIterator<Item = Happening>) {
        self.waiting.extend(happenings);
        while let Some(happening) = self.waiting.pop_front() {
            self.treat(happening);
        }
    }

    pub(super) fn treat(&mut self, happening: Happening) {
        self.at_hand = Some(happening);
        self.deal_with(happening);
        self.at_hand = None;
    }

    fn deal_with(&mut self, happening: Happening) {
        match happening {
            Happening::Signal(signal) => self.on_signal(signal),
            Happening::Death { pid, status } => self.ended(pid, status),
            Happening::Command(command) => self.obey(command),
            Happening::Letter(index, letter) => {
                self.services[index].ask_for(letter, &self.nursery);
            }
            Happening::Ready(index) => self.services[index].feed(Event::Ready, &self.nursery),
        }
    }

    /// What was at hand gets a second chance, and no third.
    pub(super) fn recover(&mut self) {
        self.put_in_order();
        if let Some(happening) = self.at_hand.take() {
            self.deal_with(happening);
        }
        self.treat_all([]);
        for service in &mut self.services {
            if service.has_missed_an_end() {
                service.ended(WaitStatus::default(), &self.nursery);
            }
        }
    }
}
