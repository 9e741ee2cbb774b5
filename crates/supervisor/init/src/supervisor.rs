//! Everything that is supervised, and the loop that supervises it.
//!
//! [`Supervisor`] is the data, and each module adds functions to it that call only those
//! of modules below. From the top these are `turn`, one round of the loop; `progress`
//! from one phase to the next; `silence`, which tells of long waits; `dispatch` of
//! whatever happens; `reactions`, what it leads to; `scan` and `shutdown`, the two large
//! ones of these; and `wait`, where the loop sleeps. The others know nothing of a
//! supervisor: `scandir`, `command`, `sequence`, `order`, `patience`, `phase` and
//! `happening`.

pub(crate) mod command;
mod dispatch;
mod happening;
mod order;
mod patience;
pub(crate) mod phase;
mod progress;
mod reactions;
mod scan;
pub(crate) mod scandir;
pub(crate) mod sequence;
mod shutdown;
mod silence;
mod turn;
mod wait;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::time::Instant;

use servicedir::Layout;

use crate::overlay::{Script, Variables};
use crate::process::signals::Signals;
use crate::process::spawn::Nursery;
use crate::service::Service;
use command::MainCommand;
use happening::Happening;
use order::Order;
use patience::{Patience, Waiting};
use phase::{Phase, Scan};
use scandir::Scandir;
use sequence::Sequence;

/// Everything that is supervised, and how.
#[derive(Debug)]
pub(crate) struct Supervisor {
    nursery: Nursery,
    pub(crate) variables: Variables,
    pub(crate) signals: Signals,
    /// There is none for a plain init, which has only a command.
    pub(crate) scandir: Option<Scandir>,
    /// The layout of the services' status records.
    layout: Layout,
    services: Vec<Service>,
    order: Order,
    /// The names of the directories that could not be supervised.
    refused: HashSet<String>,
    command: MainCommand,
    phase: Phase,
    /// What makes services of s6-overlay 3's definitions, after the scripts that run
    /// first.
    converter: Option<Script>,
    /// The directory of the scripts that run at the end.
    at_end: Option<PathBuf>,
    /// The exit code, if something has decided it already.
    pub(crate) code: Option<u8>,
    /// The code of a command that ended because everything stops.
    pub(crate) stopped_command: Option<u8>,
    /// The last look found no child at all.
    is_childless: bool,
    /// What is being dealt with: a bug must not make it unheard.
    at_hand: Option<Happening>,
    /// What has happened and is dealt with next.
    waiting: VecDeque<Happening>,
    /// The last start is over: there was a moment at which nothing was due.
    has_settled: bool,
    /// The last look found ended children, so there may be more.
    more_to_reap: bool,
    scan: Scan,
    /// How long the command waits for the services.
    command_waits_until: Option<Instant>,
    /// When the wait of the command for the services is told of.
    command_patience: Option<Patience>,
    /// The services that wait for others.
    waiting_for_needs: Waiting,
}

impl Supervisor {
    pub(crate) fn new(
        nursery: Nursery,
        variables: Variables,
        signals: Signals,
        scandir: Option<Scandir>,
        layout: Layout,
        command: MainCommand,
    ) -> Self {
        Self {
            nursery,
            variables,
            signals,
            scandir,
            layout,
            services: Vec::new(),
            order: Order::default(),
            refused: HashSet::new(),
            command,
            phase: Phase::Setup(Sequence::default()),
            converter: None,
            at_end: None,
            code: None,
            stopped_command: None,
            is_childless: false,
            at_hand: None,
            waiting: VecDeque::new(),
            has_settled: false,
            more_to_reap: false,
            scan: Scan::Over,
            command_waits_until: None,
            command_patience: None,
            waiting_for_needs: Waiting::default(),
        }
    }

    /// Runs these scripts before the services start, then `converter`, and those of the
    /// directory `at_end` after the services have ended.
    pub(crate) fn set_scripts(
        &mut self,
        first: Sequence,
        converter: Option<Script>,
        at_end: PathBuf,
    ) {
        self.phase = Phase::Setup(first);
        self.converter = converter;
        self.at_end = Some(at_end);
    }

    /// The next time at which something is due.
    fn deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Setup(scripts) | Phase::Finishing(scripts) => scripts.deadline(),
            Phase::Stopping(stopping) => stopping.deadline(),
            Phase::Draining(draining) => Some(draining.deadline),
            Phase::Running => {
                let late = self.command_waits_until.filter(|_| self.command.waits());
                late.into_iter().chain(self.tell_at()).min()
            }
            Phase::Done => None,
        };
        let services = self.services.iter().filter_map(Service::deadline);
        services.chain(phase).chain(self.scan.deadline()).min()
    }
}
