//! The phases of a supervisor's life, and how far each is.

use std::time::Instant;

use super::patience::Patience;
use super::sequence::Sequence;

/// Where we are in our life.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The scripts of `cont-init.d` run.
    Setup(Sequence),
    /// The services and the command run.
    Running,
    /// The command and the services are being stopped.
    Stopping(Stopping),
    /// The scripts of `cont-finish.d` run.
    Finishing(Sequence),
    /// Whatever else has been left running is being ended.
    Draining(Draining),
    /// Nothing is left to do.
    Done,
}

/// How far the stop of the command and the services is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopping {
    /// When the services are asked that were not yet, although the command or others
    /// that need them still run; none if they wait for as long as it takes.
    pub(super) turns_end_at: Option<Instant>,
    pub(super) command: CommandStop,
    /// When it is said who is waited for.
    pub(super) patience: Patience,
    /// Loggers get the signal too; otherwise they see the end of their input.
    pub(super) loggers: bool,
}

/// What the stop does next about a command that was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandStop {
    /// It has as much time as it needs.
    Waits,
    /// It is killed at this moment.
    KillAt(Instant),
    /// It was killed, and is not waited for after this moment.
    AbandonAt(Instant),
    /// It is not waited for.
    Abandoned,
}

/// How far the scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// It has found all that there was.
    Over,
    /// A bug must not make its rest forgotten.
    Begun,
    /// It is repeated at this moment, since the directory could not be read, or has a
    /// service which could not be supervised.
    AgainAt(Instant),
}

impl Scan {
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::AgainAt(at) => Some(at),
            Self::Over | Self::Begun => None,
        }
    }
}

impl Stopping {
    /// When its next step is due, whatever others do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let command = match self.command {
            CommandStop::KillAt(at) | CommandStop::AbandonAt(at) => Some(at),
            CommandStop::Waits | CommandStop::Abandoned => None,
        };
        let told = Some(self.patience.tell_at());
        [self.turns_end_at, command, told]
            .into_iter()
            .flatten()
            .min()
    }
}

/// How far the end of whatever has been left running is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    /// When the next step is taken although not all have ended.
    pub(super) deadline: Instant,
    /// The grace time was over, and everybody was killed.
    pub(super) is_killed: bool,
}
