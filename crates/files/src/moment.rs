//! A moment in a file, for a later run: how long ago it is, whatever becomes of the wall clock
//! meanwhile.

use std::fmt;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// What the kernel calls this run of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A moment on the clock of the machine that nobody sets, and that does not count the time for
/// which the machine sleeps. It means something to the runs of one boot.
///
/// As text, `SECONDS BOOT`, it stands at the end of a line, behind what a person reads and what
/// counts where the text is not there, or of another boot: the date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the machine has started.
    since: Duration,
    boot: String,
}

impl Moment {
    /// The present; `None` where the system does not tell.
    #[must_use]
    pub fn now() -> Option<Self> {
        let boot = std::fs::read_to_string(BOOT).ok()?;
        let since = clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?;
        Self::of(since.into(), boot.trim_end())
    }

    /// Reads the text of a moment; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, boot) = text.split_once(' ')?;
        let (whole, millis) = seconds.split_once('.')?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(millis) || millis.len() != 3 {
            return None;
        }
        let millis = Duration::from_millis(millis.parse().ok()?);
        let since = Duration::from_secs(whole.parse().ok()?).checked_add(millis)?;
        Self::of(since, boot)
    }

    fn of(since: Duration, boot: &str) -> Option<Self> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!boot.is_empty() && boot.bytes().all(is_id)).then(|| Self {
            since,
            boot: boot.to_owned(),
        })
    }

    /// How much later `later` is; `None` if it is not, or of another boot.
    #[must_use]
    pub fn until(&self, later: &Self) -> Option<Duration> {
        let is_same = self.boot == later.boot;
        // What is written has lost a part of a millisecond.
        later.since.checked_sub(self.since).filter(|_| is_same)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, millis) = (self.since.as_secs(), self.since.subsec_millis());
        write!(f, "{whole}.{millis:03} {}", self.boot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_was_written_is_known_later() {
        let before = Moment::now().unwrap();
        let read = Moment::parse(&before.to_string()).unwrap();
        let later = Moment::now().unwrap();
        assert!(read.until(&later).unwrap() < Duration::from_secs(600));
        let hour = Duration::from_secs(3600);
        let later = Moment {
            since: read.since + hour,
            ..later
        };
        assert_eq!(read.until(&later), Some(hour));
        assert_eq!(later.until(&read), None);
    }

    #[test]
    fn a_moment_of_another_boot_says_nothing() {
        let moment = |text: &str| Moment::parse(text).unwrap();
        let one = moment("5.000 a-1");
        assert_eq!(
            one.until(&moment("9.250 a-1")),
            Some(Duration::from_millis(4250))
        );
        assert_eq!(one.until(&moment("9.250 a-2")), None);
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            " ",
            "5.000",
            "5 a",
            "5.0 a",
            "5.000 ",
            "+5.000 a",
            "5.+00 a",
            "5.000 a b",
            "99999999999999999999.000 a",
        ] {
            assert_eq!(Moment::parse(text), None, "{text:?}");
        }
    }
}
