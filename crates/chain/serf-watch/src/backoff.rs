//! Pauses between attempts that fail one after the other.

use std::time::Duration;

/// Each pause is twice as long as the one before, up to a limit.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    /// `None` after a success.
    last: Option<Duration>,
}

impl Backoff {
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        Self {
            shortest,
            longest,
            last: None,
        }
    }

    /// The pause before the next attempt, after one that has failed.
    pub(crate) fn pause(&mut self) -> Duration {
        let doubled = self
            .last
            .map(|last| last.saturating_mul(2).min(self.longest));
        let pause = doubled.unwrap_or(self.shortest);
        self.last = Some(pause);
        pause
    }

    /// Begins with the shortest pause again, since an attempt has succeeded.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }

    /// Whether the last attempt has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.last.is_some()
    }
}
