//! The letters of `s6-svc`, one byte each in `supervise/control`.

use crate::Signal;

/// What one byte of the control FIFO asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// Send this signal to the service's process.
    Signal(Signal),
    /// Send this signal to the service's process group (s6 2.13 and later).
    GroupSignal(Signal),
    /// `p`: stop it with SIGSTOP.
    Pause,
    /// `c`: let it go on.
    Continue,
    /// `P`: stop its process group with SIGSTOP (s6 2.13 and later).
    PauseGroup,
    /// `C`: let its process group go on (s6 2.13 and later).
    ContinueGroup,
    /// `r`: send the down signal; whether it is wanted up stays as it is.
    Restart,
    /// `l`: send the reload signal (s6 2.15.1 and later).
    Reload,
    /// `o`: start it if it is down, do not start it again.
    Once,
    /// `d`: bring it down and do not start it again.
    Down,
    /// `u`: bring it up, and start it again when it dies.
    Up,
    /// `D`: bring it down, also for the next supervisor.
    DownForGood,
    /// `U`: bring it up, also for the next supervisor.
    UpForGood,
    /// `x`: supervise it no more after its death.
    Exit,
    /// `O`: do not start it again, send nothing.
    AtMostOnce,
    /// `Q`: do not start it again, neither will the next supervisor.
    AtMostOnceForGood,
}

/// Each byte with its meaning.
pub const LETTERS: &[(u8, Letter)] = &[
    (b'a', Letter::Signal(Signal::SIGALRM)),
    (b'b', Letter::Signal(Signal::SIGABRT)),
    (b'q', Letter::Signal(Signal::SIGQUIT)),
    (b'h', Letter::Signal(Signal::SIGHUP)),
    (b'k', Letter::Signal(Signal::SIGKILL)),
    (b't', Letter::Signal(Signal::SIGTERM)),
    (b'i', Letter::Signal(Signal::SIGINT)),
    (b'1', Letter::Signal(Signal::SIGUSR1)),
    (b'2', Letter::Signal(Signal::SIGUSR2)),
    (b'y', Letter::Signal(Signal::SIGWINCH)),
    (b'K', Letter::GroupSignal(Signal::SIGKILL)),
    (b'p', Letter::Pause),
    (b'c', Letter::Continue),
    (b'P', Letter::PauseGroup),
    (b'C', Letter::ContinueGroup),
    (b'r', Letter::Restart),
    (b'l', Letter::Reload),
    (b'o', Letter::Once),
    (b'd', Letter::Down),
    (b'u', Letter::Up),
    (b'D', Letter::DownForGood),
    (b'U', Letter::UpForGood),
    (b'x', Letter::Exit),
    (b'O', Letter::AtMostOnce),
    (b'Q', Letter::AtMostOnceForGood),
];

impl Letter {
    /// The meaning of `byte`; none for a byte that s6 ignores.
    #[must_use]
    pub fn parse(byte: u8) -> Option<Self> {
        let found = LETTERS.iter().find(|(known, _)| *known == byte);
        found.map(|(_, letter)| *letter)
    }

    /// The byte that asks for it.
    #[must_use]
    pub fn byte(self) -> Option<u8> {
        let found = LETTERS.iter().find(|(_, letter)| *letter == self);
        found.map(|(byte, _)| *byte)
    }

    /// The letter that sends this signal to the process of `run`. There is one for the
    /// signals that `s6-svc -s` takes.
    #[must_use]
    pub fn sending(signal: Signal) -> Option<Self> {
        let letter = match signal {
            Signal::SIGSTOP => Self::Pause,
            Signal::SIGCONT => Self::Continue,
            signal => Self::Signal(signal),
        };
        letter.byte().map(|_| letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_s6_is_known() {
        // The list of s6-supervise 2.15.1; those before have a part of it.
        for byte in *b"abqhkti12pcyrlPCKoduDUxOQ" {
            assert!(Letter::parse(byte).is_some(), "{}", char::from(byte));
        }
    }

    #[test]
    fn other_bytes_mean_nothing() {
        for byte in *b"XfFzZ\n\0 3" {
            assert_eq!(Letter::parse(byte), None);
        }
    }

    #[test]
    fn a_letter_and_its_byte_are_two_names_for_one_thing() {
        for (byte, letter) in LETTERS {
            assert_eq!(letter.byte(), Some(*byte));
            assert_eq!(Letter::parse(*byte), Some(*letter));
        }
    }

    #[test]
    fn a_signal_has_a_letter_where_s6_has_one() {
        let byte = |signal| Letter::sending(signal).and_then(Letter::byte);
        assert_eq!(byte(Signal::SIGHUP), Some(b'h'));
        assert_eq!(byte(Signal::SIGSTOP), Some(b'p'));
        assert_eq!(byte(Signal::SIGCONT), Some(b'c'));
        assert_eq!(byte(Signal::SIGSEGV), None);
    }

    #[test]
    fn no_byte_has_two_meanings() {
        let mut bytes: Vec<u8> = LETTERS.iter().map(|(byte, _)| *byte).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), LETTERS.len());
    }
}
