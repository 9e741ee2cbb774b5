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
    /// `r`: send the down signal, change no wish.
    Restart,
    /// `o`: start it if it is down, do not start it again.
    Once,
    /// `d`: bring it down.
    Down,
    /// `u`: bring it up.
    Up,
    /// `D`: bring it down, also for the next supervisor.
    DownForGood,
    /// `U`: bring it up, also for the next supervisor.
    UpForGood,
    /// `x`: stop supervising when it dies.
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
    (b'P', Letter::GroupSignal(Signal::SIGSTOP)),
    (b'C', Letter::GroupSignal(Signal::SIGCONT)),
    (b'K', Letter::GroupSignal(Signal::SIGKILL)),
    (b'p', Letter::Pause),
    (b'c', Letter::Continue),
    (b'r', Letter::Restart),
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
    /// The meaning of `byte`; none for a byte that s6 ignores as well.
    #[must_use]
    pub fn parse(byte: u8) -> Option<Self> {
        let found = LETTERS.iter().find(|(known, _)| *known == byte);
        found.map(|(_, letter)| *letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_s6_is_known() {
        for byte in *b"abqhkti12pcyroduDUxOQ" {
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
    fn no_byte_has_two_meanings() {
        let mut bytes: Vec<u8> = LETTERS.iter().map(|(byte, _)| *byte).collect();
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), LETTERS.len());
    }
}
