//! How a process ended.

use nix::libc;

/// The 16 bits in which `waitpid` says how a process ended, and s6's records as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WaitStatus(pub u16);

impl WaitStatus {
    /// What `waitpid` has written, of which the upper half says nothing about an end.
    #[must_use]
    pub fn from_raw(raw: libc::c_int) -> Self {
        let [low, high, ..] = raw.to_le_bytes();
        Self(u16::from_le_bytes([low, high]))
    }

    /// The code with which the process exited; none if a signal ended it.
    #[must_use]
    pub fn exit_code(self) -> Option<u8> {
        let raw = libc::c_int::from(self.0);
        let code = libc::WIFEXITED(raw).then(|| libc::WEXITSTATUS(raw))?;
        u8::try_from(code).ok()
    }

    /// The number of the signal that ended the process; none if it exited.
    #[must_use]
    pub fn signal(self) -> Option<u8> {
        let raw = libc::c_int::from(self.0);
        let signal = u8::try_from(libc::WTERMSIG(raw)).ok()?;
        (signal != 0).then_some(signal)
    }

    /// The one number that a shell gives: the exit code, or 128 and the signal's number.
    #[must_use]
    pub fn shell_code(self) -> u8 {
        match (self.exit_code(), self.signal()) {
            (Some(code), _) => code,
            (None, signal) => 128 + signal.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_a_shell_tells_it() {
        assert_eq!(WaitStatus(0x0000).shell_code(), 0);
        assert_eq!(WaitStatus(0x2a00).shell_code(), 42);
        assert_eq!(WaitStatus(0x0009).shell_code(), 137);
        assert_eq!(WaitStatus(0x008b).shell_code(), 139);
    }

    #[test]
    fn the_upper_half_of_what_the_kernel_gives_says_nothing() {
        assert_eq!(WaitStatus::from_raw(0x0300), WaitStatus(0x0300));
        assert_eq!(WaitStatus::from_raw(-1), WaitStatus(0xffff));
    }

    #[test]
    fn the_end_of_a_run_is_told_as_code_or_signal() {
        assert_eq!(WaitStatus(0x0300).exit_code(), Some(3));
        assert_eq!(WaitStatus(0x0300).signal(), None);
        assert_eq!(WaitStatus(0x008b).signal(), Some(11));
        assert_eq!(WaitStatus(0x008b).exit_code(), None);
    }
}
