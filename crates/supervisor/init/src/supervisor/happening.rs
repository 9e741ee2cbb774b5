//! What can happen to a supervisor.

use nix::libc::c_int;
use servicedir::{Letter, WaitStatus};

/// Something that is heard of once: nobody repeats it for us. Services are named by
/// their index, which changes only at the end of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A signal has arrived.
    Signal(c_int),
    /// Another process of our group is being stopped for its use of the terminal.
    TerminalWanted(c_int),
    /// A process has ended.
    Death { pid: i32, status: WaitStatus },
    /// `s6-svscanctl` has sent this byte.
    ScandirLetter(u8),
    /// `s6-svc` has sent this letter to a service.
    Letter(usize, Letter),
    /// A service has announced that it is ready.
    Ready(usize),
}

/// Something that can be read or written without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Signals,
    Scandir,
    Control(usize),
    Notification(usize),
    Lines(usize, usize),
    Output,
}
