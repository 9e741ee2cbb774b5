//! The shortest time between two reloads.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::haproxy::running::Running;

/// How long a worker serves before it makes room for the next one (`--reload-every`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace(pub(crate) Duration);

impl Pace {
    /// How long a reload has to wait; `None` if it may be made now, as where no worker
    /// answers. Whoever has made the last one, the worker's age tells when that was. HAProxy
    /// says it in whole seconds that are over, so that no reload is early.
    pub(crate) fn left(self, running: Option<&Running>) -> Option<Duration> {
        let Self(every) = self;
        let left = every.saturating_sub(Duration::from_secs(running?.uptime));
        (!left.is_zero()).then_some(left)
    }
}

/// A reload that has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) why: String,
    pub(crate) left: Duration,
}

impl Display for Due {
    /// As a line of what is planned, of which [`Due::told`] tells the same to a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (why, seconds) = (&self.why, self.seconds());
        write!(
            f,
            "reload, since {why}; in {seconds} s, at the earliest --reload-every after the last one"
        )
    }
}

impl Due {
    /// What a run says that leaves it to a later one.
    pub(crate) fn told(&self) -> String {
        let (why, seconds) = (&self.why, self.seconds());
        format!(
            "a reload is due, since {why}; it is made in {seconds} s, at the earliest \
             --reload-every after the last one"
        )
    }

    /// How many seconds are left, rounded up.
    pub(crate) fn seconds(&self) -> u64 {
        self.left
            .as_secs()
            .saturating_add(u64::from(self.left.subsec_nanos() > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(every: Duration, uptime: u64) -> Option<Duration> {
        let running = Running {
            uptime,
            ..Running::default()
        };
        Pace(every).left(Some(&running))
    }

    #[test]
    fn a_worker_that_is_younger_is_not_replaced_yet() {
        let every = Duration::from_secs(10);
        assert_eq!(left(every, 0), Some(every));
        assert_eq!(left(every, 9), Some(Duration::from_secs(1)));
        assert_eq!(left(every, 10), None);
        assert_eq!(left(every, u64::MAX), None);
    }

    #[test]
    fn a_part_of_a_second_is_never_taken_for_a_whole_one() {
        let every = Duration::from_millis(1_500);
        assert_eq!(left(every, 1), Some(Duration::from_millis(500)));
        assert_eq!(left(every, 2), None);
    }

    #[test]
    fn without_a_shortest_time_or_a_worker_there_is_no_wait() {
        assert_eq!(left(Duration::ZERO, 0), None);
        assert_eq!(Pace(Duration::MAX).left(None), None);
    }

    #[test]
    fn what_is_left_is_told_in_seconds_rounded_up() {
        let due = |left| Due {
            why: "line 3: `a` is new".to_owned(),
            left,
        };
        assert_eq!(
            due(Duration::from_millis(11_001)).told(),
            "a reload is due, since line 3: `a` is new; it is made in 12 s, at the earliest \
             --reload-every after the last one"
        );
        assert_eq!(due(Duration::from_secs(12)).seconds(), 12);
        let _ = due(Duration::MAX).to_string();
    }
}
