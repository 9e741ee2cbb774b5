//! Who has the terminal.
//!
//! The command has a process group of its own, so that the keys of the terminal reach
//! it and not us. It gets the terminal from our group, which is a job of the shell that
//! has started us, and our group gets it back when the command stops or ends.

use std::io;

use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// The group in the foreground of the terminal that we were started on; none if we were
/// started on no terminal, or if the group is one of another namespace.
fn foreground() -> Option<Pid> {
    let group = tcgetpgrp(io::stdin()).ok()?;
    (group.as_raw() > 0).then_some(group)
}

/// Whether there is one.
pub(crate) fn exists() -> bool {
    foreground().is_some()
}

/// Whether our group has it, and may give it to the command. In the background of a
/// shell it has not.
pub(crate) fn is_ours() -> bool {
    tcgetpgrp(io::stdin()) == Ok(getpgrp())
}

/// Gives it to the command's group.
pub(crate) fn give(group: i32) {
    if is_ours() {
        let _ = tcsetpgrp(io::stdin(), Pid::from_raw(group));
    }
}

/// Takes it back from the command's group; false if that has not got it.
pub(crate) fn take_back(group: i32) -> bool {
    foreground() == Some(Pid::from_raw(group)) && tcsetpgrp(io::stdin(), getpgrp()).is_ok()
}
