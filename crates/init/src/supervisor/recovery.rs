//! After a bug: the turn that it ended has left something half done. What the
//! kernel tells only once is dealt with again, and what we remember is compared
//! with what is.

use nix::libc::c_int;

use super::Supervisor;

/// What nobody tells a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Signal(c_int),
    Death { pid: i32, status: i32 },
}

impl Supervisor {
    pub(super) fn treat(&mut self, happening: Happening) {
        self.at_hand = Some(happening);
        self.deal_with(happening);
        self.at_hand = None;
    }

    fn deal_with(&mut self, happening: Happening) {
        match happening {
            Happening::Signal(signal) => self.on_signal(signal),
            Happening::Death { pid, status } => self.ended(pid, status),
        }
    }

    /// What was at hand gets a second chance, and no third.
    pub(super) fn recover(&mut self) {
        self.put_in_order();
        if let Some(happening) = self.at_hand.take() {
            self.deal_with(happening);
        }
        for service in &mut self.services {
            if service.has_lost_its_process() {
                service.ended(0, &self.nursery);
            }
        }
    }
}
