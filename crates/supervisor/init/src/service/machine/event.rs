//! What happens to a service, and what is then to be done.

use std::time::{Duration, Instant};

use servicedir::{Letter, Signal, Stamp, Status, WaitStatus};

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody asks for something.
    Letter(Letter),
    /// The services that it needs are there: it may start.
    NeedsMet,
    /// The time of [`Machine::starts_at`] has come.
    Due,
    /// `run` was started.
    Started { pid: u64 },
    /// `run` could not be started; the next attempt is due after this time.
    NotStarted { wait: Duration },
    /// It says that it is ready.
    Ready,
    /// `run` has ended.
    Died { wait_status: WaitStatus },
    /// The `run` of a oneshot has ended well, or it has none. Its record shows `pid`,
    /// the supervisor's: s6 knows nobody who is up without a process.
    Completed { pid: u64 },
    /// The `run` of a oneshot has failed, or could not be started.
    Failed { wait_status: WaitStatus },
    /// `finish` was started.
    FinishStarted { pid: u64 },
    /// There is no `finish`.
    NoFinish,
    /// The system had no process to give for `finish`.
    FinishNotStarted,
    /// `finish` has ended.
    FinishDied { wait_status: WaitStatus },
    /// The answer to [`Action::Decide`]. With `give_up` the service stays down.
    /// Without `delay` s6's throttle says when it starts again.
    Decided {
        give_up: bool,
        delay: Option<Duration>,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start `run`; the answer is `Started` or `NotStarted`.
    Start,
    /// Start `finish`; the answer is `FinishStarted`, `NoFinish` or
    /// `FinishNotStarted`.
    StartFinish,
    /// Decide whether and when the service starts again; the answer is `Decided`.
    /// With `give_up` its `finish` has already asked that it stay down.
    Decide {
        give_up: bool,
    },
    Signal(Signal),
    GroupSignal(Signal),
    /// Send what `down-signal` says.
    DownSignal,
    /// Send what `reload-signal` says.
    ReloadSignal,
    /// Send SIGKILL after `timeout-kill`.
    ArmKill,
    /// Remove the file `down`, or make it.
    SetNormallyUp(bool),
    /// Write this record, which is the one of the moment of the event.
    WriteStatus(Status),
    /// Write these bytes to all who listen in `event/`.
    Notify(&'static [u8]),
    /// Add the death to the tally.
    Tally,
}

/// One moment by both clocks. The wall clock can jump, so it is only written
/// into records; what is due is reckoned by the other one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) stamp: Stamp,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            at: Instant::now(),
            stamp: Stamp::now(),
        }
    }
}
