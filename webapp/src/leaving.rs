//! Whether the node has said that it is leaving.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An agent that restarts says the same as one that leaves for good, and the node of an agent
/// that restarts must come back into rotation.
const LASTS: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Leaving {
    until: Mutex<Option<Instant>>,
}

impl Leaving {
    pub(crate) fn begin(&self, now: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + LASTS);
    }

    pub(crate) fn is_on(&self, now: Instant) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_not_leaving_before_it_says_so() {
        assert!(!Leaving::default().is_on(Instant::now()));
    }

    #[test]
    fn it_expires_so_that_an_agent_may_restart() {
        let (leaving, start) = (Leaving::default(), Instant::now());
        leaving.begin(start);
        assert!(leaving.is_on(start + LASTS.mul_f32(0.9)));
        assert!(!leaving.is_on(start + LASTS));
    }

    #[test]
    fn saying_it_again_makes_it_last_longer() {
        let (leaving, start) = (Leaving::default(), Instant::now());
        leaving.begin(start);
        leaving.begin(start + LASTS / 2);
        assert!(leaving.is_on(start + LASTS));
        assert!(!leaving.is_on(start + LASTS * 2));
    }
}
