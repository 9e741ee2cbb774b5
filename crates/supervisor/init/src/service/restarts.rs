//! How long a service waits before it starts again, and how often it may, where its
//! files say so. No clock of its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A run that lasts longer than this and longer than the longest delay was no failed
/// start: the delays begin anew after it.
const STEADY: Duration = Duration::from_secs(1);
/// What comes after a delay of 0, which would never grow by doubling.
const LEAST: Duration = Duration::from_millis(1);

/// What the files of a service say about its restarts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// The first delay; without one s6's throttle counts.
    pub(crate) delay: Option<Duration>,
    /// The delay doubles from death to death up to this; without it the delay is
    /// always the same.
    pub(crate) delay_max: Option<Duration>,
    /// How many restarts are allowed in the window; the next one is given up. Without
    /// a limit all are.
    pub(crate) limit: Option<usize>,
    pub(crate) window: Duration,
}

/// What to do after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this delay; without one when the throttle says.
    Again(Option<Duration>),
    GiveUp,
}

/// The restarts of one service.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    recent: VecDeque<Instant>,
    delay: Option<Duration>,
}

impl Restarts {
    /// What to do after a death at `now`, of a run that lasted `lasted`.
    pub(crate) fn after(&mut self, lasted: Duration, rules: &Rules, now: Instant) -> Verdict {
        if self.is_too_many(rules, now) {
            return Verdict::GiveUp;
        }
        let Some(first) = rules.delay else {
            return Verdict::Again(None);
        };
        let max = rules.delay_max.unwrap_or(first);
        let before = self.delay.filter(|_| lasted <= max.max(STEADY));
        let delay = match (before, rules.delay_max) {
            (Some(before), Some(_)) => before.saturating_mul(2).max(LEAST),
            _ => first,
        };
        let delay = delay.min(max);
        self.delay = Some(delay);
        Verdict::Again(Some(delay))
    }

    /// Somebody has started it by hand, so what was before does not count.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    fn is_too_many(&mut self, rules: &Rules, now: Instant) -> bool {
        let Some(limit) = rules.limit else {
            return false;
        };
        self.recent
            .retain(|at| now.saturating_duration_since(*at) < rules.window);
        if self.recent.len() >= limit {
            return true;
        }
        self.recent.push_back(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SHORT: Duration = Duration::ZERO;

    fn delays(rules: &Rules, lasted: &[Duration]) -> Vec<Option<Duration>> {
        let mut restarts = Restarts::default();
        let now = Instant::now();
        let verdicts = lasted.iter().map(|run| restarts.after(*run, rules, now));
        verdicts
            .map(|verdict| match verdict {
                Verdict::Again(delay) => delay,
                Verdict::GiveUp => panic!("gave up"),
            })
            .collect()
    }

    #[test]
    fn without_files_the_throttle_decides() {
        assert_eq!(delays(&Rules::default(), &[SHORT; 3]), [None; 3]);
    }

    #[test]
    fn a_delay_alone_stays_as_it_is() {
        let rules = Rules {
            delay: Some(5 * MS),
            ..Rules::default()
        };
        assert_eq!(delays(&rules, &[SHORT; 3]), [Some(5 * MS); 3]);
    }

    #[test]
    fn the_delay_doubles_up_to_its_maximum_and_begins_anew_after_a_steady_run() {
        let rules = Rules {
            delay: Some(100 * MS),
            delay_max: Some(350 * MS),
            ..Rules::default()
        };
        let runs = [SHORT, SHORT, SHORT, STEADY, STEADY + MS, SHORT];
        let expected = [100, 200, 350, 350, 100, 200].map(|ms| Some(ms * MS));
        assert_eq!(delays(&rules, &runs), expected);
    }

    /// For each run how long it lasted, and the delay after it, in ms.
    type Runs = &'static [(u32, u32)];

    /// Each row: `restart-delay`, `restart-delay-max`, and the runs.
    const TABLE: [(u32, u32, Runs); 6] = [
        // The first delay follows the first death, however long the run was.
        (10, 2000, &[(0, 10)]),
        (10, 2000, &[(3_600_000, 10), (3_600_000, 10)]),
        // The delays of a broken service double.
        (
            10,
            2000,
            &[
                (5, 10),
                (5, 20),
                (5, 40),
                (5, 80),
                (5, 160),
                (5, 320),
                (5, 640),
                (5, 1280),
                (5, 2000),
                (5, 2000),
            ],
        ),
        // A run as long as the longest delay is not steady yet, a longer one is.
        (10, 2000, &[(5, 10), (2000, 20), (2001, 10), (5, 20)]),
        // A first delay that is longer than the longest is cut to it.
        (500, 200, &[(0, 200), (0, 200)]),
        (0, 3, &[(0, 0), (0, 1), (0, 2), (0, 3)]),
    ];

    #[test]
    fn a_killed_service_is_back_at_once_and_a_broken_one_does_not_spin() {
        for (delay, max, runs) in TABLE {
            let rules = Rules {
                delay: Some(delay * MS),
                delay_max: Some(max * MS),
                ..Rules::default()
            };
            let lasted: Vec<Duration> = runs.iter().map(|run| run.0 * MS).collect();
            let expected: Vec<_> = runs.iter().map(|run| Some(run.1 * MS)).collect();
            assert_eq!(delays(&rules, &lasted), expected, "{delay} {max}");
        }
    }

    #[test]
    fn too_many_restarts_in_the_window_are_given_up() {
        let rules = Rules {
            limit: Some(2),
            window: 1000 * MS,
            ..Rules::default()
        };
        let mut restarts = Restarts::default();
        let start = Instant::now();
        let mut after = |ms: u32| restarts.after(SHORT, &rules, start + ms * MS);
        assert_eq!(after(0), Verdict::Again(None));
        assert_eq!(after(10), Verdict::Again(None));
        assert_eq!(after(999), Verdict::GiveUp);
        assert_eq!(after(1000), Verdict::Again(None));
    }

    #[test]
    fn a_start_by_hand_begins_anew() {
        let rules = Rules {
            limit: Some(0),
            window: MS,
            ..Rules::default()
        };
        let mut restarts = Restarts::default();
        let now = Instant::now();
        assert_eq!(restarts.after(SHORT, &rules, now), Verdict::GiveUp);
        restarts.delay = Some(MS);
        restarts.forget();
        assert_eq!(restarts.delay, None);
    }
}
