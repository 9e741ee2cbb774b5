//! When a wait is told of that nobody hears anything of otherwise: after a while, and then once a minute. No I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::service::Id;

/// The first word comes when a wait has lasted for so long.
pub(crate) const FIRST: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// A wait that is told of from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    since: Instant,
    tell_at: Instant,
}

impl Patience {
    /// A wait that begins now, and is told of for the first time after `first`.
    pub(crate) fn new(now: Instant, first: Duration) -> Self {
        Self {
            since: now,
            tell_at: now + first,
        }
    }

    /// When it is told of next.
    pub(crate) fn tell_at(&self) -> Instant {
        self.tell_at
    }

    /// How long it has lasted, if the time has come to tell of it.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Duration> {
        if now < self.tell_at {
            return None;
        }
        self.tell_at = now + MINUTE;
        Some(now.saturating_duration_since(self.since))
    }
}

/// How long something has lasted, for people.
pub(crate) fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else if time < MINUTE {
        format!("{} s", time.as_secs())
    } else {
        format!("{} min", time.as_secs() / MINUTE.as_secs())
    }
}

/// The services that wait for others.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    services: HashMap<Id, Wait>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// What it needs may come by itself.
    Hopeful(Patience),
    /// What it needs is down until somebody starts it, which was told once.
    InVain,
}

impl Waiting {
    /// Takes down who waits at `now`, each with whether that is in vain; gives those of whom is to be told. A hopeful
    /// wait has lasted for the time.
    pub(super) fn update(
        &mut self,
        waiting: &[(Id, bool)],
        now: Instant,
    ) -> Vec<(Id, Option<Duration>)> {
        let mut to_tell = Vec::new();
        let before = std::mem::take(&mut self.services);
        for (id, is_in_vain) in waiting {
            let known = before.get(id);
            let mut wait = match (known, is_in_vain) {
                (Some(wait @ Wait::Hopeful(_)), false) => *wait,
                (_, false) => Wait::Hopeful(Patience::new(now, FIRST)),
                (known, true) => {
                    if known != Some(&Wait::InVain) {
                        to_tell.push((*id, None));
                    }
                    Wait::InVain
                }
            };
            if let Wait::Hopeful(patience) = &mut wait
                && let Some(lasted) = patience.due(now)
            {
                to_tell.push((*id, Some(lasted)));
            }
            self.services.insert(*id, wait);
        }
        to_tell
    }

    /// When somebody is told of next.
    pub(super) fn tell_at(&self) -> Option<Instant> {
        let waits = self.services.values().filter_map(|wait| match wait {
            Wait::Hopeful(patience) => Some(patience.tell_at()),
            Wait::InVain => None,
        });
        waits.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ids() -> [Id; 2] {
        let dir = harness::scratch();
        ["a", "b"].map(|name| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            Id::of(&path.metadata().unwrap())
        })
    }

    #[test]
    fn a_wait_is_told_after_a_while_and_then_each_minute() {
        let start = Instant::now();
        let mut patience = Patience::new(start, FIRST);
        assert_eq!(patience.due(start + 9 * SECOND), None);
        assert_eq!(patience.tell_at(), start + 10 * SECOND);
        let late = start + 11 * SECOND;
        assert_eq!(patience.due(late), Some(11 * SECOND));
        assert_eq!(patience.due(late), None, "once");
        assert_eq!(patience.due(late + 59 * SECOND), None);
        assert_eq!(patience.due(late + MINUTE), Some(71 * SECOND));
    }

    #[test]
    fn times_are_shown_in_words() {
        let words = |ms| shown(Duration::from_millis(ms));
        assert_eq!(
            [200, 10_900, 60_000, 150_000].map(words),
            ["200 ms", "10 s", "1 min", "2 min"]
        );
    }

    #[test]
    fn each_service_has_its_own_time() {
        let [a, b] = ids();
        let start = Instant::now();
        let mut waiting = Waiting::default();
        assert_eq!(waiting.tell_at(), None);
        assert!(waiting.update(&[(a, false)], start).is_empty());
        let later = start + 5 * SECOND;
        assert!(waiting.update(&[(b, false), (a, false)], later).is_empty());
        assert_eq!(waiting.tell_at(), Some(start + 10 * SECOND));
        let told = waiting.update(&[(b, false), (a, false)], start + 10 * SECOND);
        assert_eq!(told, [(a, Some(10 * SECOND))]);
        assert_eq!(waiting.tell_at(), Some(start + 15 * SECOND));
        assert!(waiting.update(&[], start + 20 * SECOND).is_empty());
        assert_eq!(waiting.tell_at(), None, "nobody waits: nothing wakes");
        assert!(
            waiting
                .update(&[(a, false)], start + 21 * SECOND)
                .is_empty()
        );
    }

    #[test]
    fn a_wait_in_vain_is_told_at_once_and_once() {
        let [a, _] = ids();
        let start = Instant::now();
        let mut waiting = Waiting::default();
        assert!(waiting.update(&[(a, false)], start).is_empty());
        assert_eq!(waiting.update(&[(a, true)], start), [(a, None)]);
        assert!(waiting.update(&[(a, true)], start + MINUTE).is_empty());
        assert_eq!(waiting.tell_at(), None, "nothing wakes for it");
        assert!(waiting.update(&[(a, false)], start + MINUTE).is_empty());
        assert_eq!(waiting.tell_at(), Some(start + MINUTE + FIRST));
    }
}
