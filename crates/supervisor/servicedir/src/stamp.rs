//! Time stamps in the format TAI64N, as skalibs writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The label of the second 1970-01-01 00:00:00 UTC, in which skalibs counts all 37
/// seconds between UTC and TAI: 10 of them and 27 leap seconds. Other libraries count
/// only the 10, with which `s6-svstat` would show 27 seconds too many.
const OFFSET: u64 = (1 << 62) + 37;

/// A moment: 8 bytes of seconds, 4 of nanoseconds, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp([u8; 12]);

impl Stamp {
    /// This moment by the wall clock.
    #[must_use]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// The bytes of the record.
    #[must_use]
    pub fn bytes(self) -> [u8; 12] {
        self.0
    }

    /// The stamp with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The moment; for stamps before 1970 the beginning of 1970.
    #[must_use]
    pub fn time(self) -> SystemTime {
        let mut seconds = [0; 8];
        let mut nanos = [0; 4];
        seconds.copy_from_slice(&self.0[..8]);
        nanos.copy_from_slice(&self.0[8..]);
        let seconds = u64::from_be_bytes(seconds).saturating_sub(OFFSET);
        let nanos = u64::from(u32::from_be_bytes(nanos));
        let since = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos));
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// The whole seconds from the stamp to `now`, 0 for a stamp in the future.
    #[must_use]
    pub fn seconds_until(self, now: SystemTime) -> u64 {
        now.duration_since(self.time())
            .map_or(0, |duration| duration.as_secs())
    }

    /// The 24 hexadecimal digits of a TAI64N label.
    #[must_use]
    pub fn hex(self) -> String {
        use std::fmt::Write;
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl From<SystemTime> for Stamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&(OFFSET + since.as_secs()).to_be_bytes());
        bytes[8..].copy_from_slice(&since.subsec_nanos().to_be_bytes());
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_37_seconds_after_tais() {
        let stamp = Stamp::from(UNIX_EPOCH);
        assert_eq!(stamp.hex(), "400000000000002500000000");
    }

    #[test]
    fn a_moment_survives_the_way_there_and_back() {
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        assert_eq!(Stamp::from(time).time(), time);
    }

    #[test]
    fn a_stamp_in_the_future_is_no_seconds_ago() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let later = Stamp::from(now + Duration::from_secs(5));
        assert_eq!(later.seconds_until(now), 0);
        assert_eq!(
            Stamp::from(now).seconds_until(now + Duration::from_millis(5900)),
            5
        );
    }

    #[test]
    fn bytes_that_are_no_time_do_no_harm() {
        assert_eq!(Stamp::default().time(), UNIX_EPOCH);
        let _ = Stamp::from_bytes([0xff; 12]).time();
    }
}
