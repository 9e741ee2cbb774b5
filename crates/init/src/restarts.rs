//! Back-off and limit, where a service's files ask for them. No clock of its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A run that lasts this long was no failed start, so the back-off begins anew.
const STEADY: Duration = Duration::from_secs(10);

/// What the files say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// The first delay; none: s6's throttle.
    pub(crate) delay: Option<Duration>,
    /// Up to where it doubles; none: it stays as it is.
    pub(crate) delay_max: Option<Duration>,
    /// How many restarts in the window are too many; none: never.
    pub(crate) limit: Option<usize>,
    pub(crate) window: Duration,
}

/// What is to be done after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this delay, or when the throttle says.
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
    /// A death at `now`, of a run that lasted `lasted`.
    pub(crate) fn after(&mut self, lasted: Duration, rules: &Rules, now: Instant) -> Verdict {
        if self.is_too_many(rules, now) {
            return Verdict::GiveUp;
        }
        let Some(first) = rules.delay else {
            return Verdict::Again(None);
        };
        let before = self.delay.filter(|delay| lasted < STEADY.max(*delay));
        let delay = match (before, rules.delay_max) {
            (Some(before), Some(max)) => (before * 2).min(max),
            _ => first,
        };
        self.delay = Some(delay);
        Verdict::Again(Some(delay))
    }

    /// Somebody started it by hand: what was before does not count.
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
        let runs = [SHORT, SHORT, SHORT, SHORT, STEADY];
        let expected = [100, 200, 350, 350, 100].map(|ms| Some(ms * MS));
        assert_eq!(delays(&rules, &runs), expected);
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
