//! A bound on how often something is done.

use std::time::{Duration, Instant};

/// As many as this in a second.
const MOST: u32 = 50;

/// Counts in periods of a second.
#[derive(Debug)]
pub(crate) struct Rate {
    since: Instant,
    done: u32,
}

impl Rate {
    /// Nothing has been done until `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            done: 0,
        }
    }

    /// Whether it may be done once more.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.done += 1;
        self.done <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_as_many_in_each_second() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let allowed = |rate: &mut Rate, at| (0..1000).filter(|_| rate.allows(at)).count();
        assert_eq!(allowed(&mut rate, start), 50);
        assert_eq!(allowed(&mut rate, start + Duration::from_millis(999)), 0);
        assert_eq!(allowed(&mut rate, start + Duration::from_secs(1)), 50);
    }
}
