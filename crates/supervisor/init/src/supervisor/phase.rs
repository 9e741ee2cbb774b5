//! The phases of a supervisor's life, and how far each is.

use std::time::Instant;

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
    /// When the next step is taken although not all have stopped.
    pub(super) deadline: Instant,
    /// The grace time was over, and everybody was killed.
    pub(super) is_forced: bool,
    /// Loggers get the signal too; otherwise they see the end of their input.
    pub(super) loggers: bool,
}

/// How far the end of whatever has been left running is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draining {
    /// When the next step is taken although not all have ended.
    pub(super) deadline: Instant,
    /// The grace time was over, and everybody was killed.
    pub(super) is_killed: bool,
}
