//! Decides whose requests are to be ended. There is no I/O here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often a server that stays DOWN is looked at again: whoever insists on a server
/// (`force-persist`) still reaches one that is.
const AGAIN: Duration = Duration::from_secs(1);

/// The servers that are DOWN, and what was done about them.
pub(crate) struct Silent {
    after: Duration,
    down: BTreeMap<String, Down>,
}

struct Down {
    since: Instant,
    looked_at: Option<Instant>,
    is_told: bool,
}

impl Silent {
    pub(crate) fn new(after: Duration) -> Self {
        Self {
            after,
            down: BTreeMap::new(),
        }
    }

    /// Takes note of who is DOWN now. Those are returned that have been for long enough,
    /// and were not looked at in the last second.
    pub(crate) fn due(&mut self, down: BTreeSet<String>, now: Instant) -> Vec<String> {
        self.down.retain(|id, _| down.contains(id));
        for id in down {
            self.down.entry(id).or_insert(Down {
                since: now,
                looked_at: None,
                is_told: false,
            });
        }
        let after = self.after;
        let is_due = |it: &Down| {
            let rests = it
                .looked_at
                .is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
            now.saturating_duration_since(it.since) >= after && !rests
        };
        self.down
            .iter()
            .filter(|(_, it)| is_due(it))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Takes note that these were looked at.
    pub(crate) fn looked(&mut self, ids: &[String], now: Instant) {
        for id in ids {
            if let Some(it) = self.down.get_mut(id) {
                it.looked_at = Some(now);
            }
        }
    }

    /// Whether it is the first time, since this server is DOWN, that its requests are
    /// ended.
    pub(crate) fn is_new(&mut self, id: &str) -> bool {
        let it = self.down.get_mut(id);
        it.is_some_and(|it| !std::mem::replace(&mut it.is_told, true))
    }
}

/// Whether the last health check of a server, as `show stat` has it, got no answer in
/// time: `L4TOUT`, `L6TOUT` or `L7TOUT`, with `* ` before it while the next one is under way.
pub(crate) fn is_timeout(check: &str) -> bool {
    check
        .trim_start_matches("* ")
        .split(' ')
        .next()
        .is_some_and(|status| status.ends_with("TOUT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_millis(300);

    fn down(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn requests_end_when_a_server_has_been_down_for_long_enough() {
        let (mut silent, start) = (Silent::new(AFTER), Instant::now());
        assert!(silent.due(down(&["n/s1"]), start).is_empty());
        assert!(silent.due(down(&["n/s1"]), start + AFTER / 2).is_empty());
        assert_eq!(silent.due(down(&["n/s1"]), start + AFTER), ["n/s1"]);
    }

    #[test]
    fn a_server_that_was_up_meanwhile_begins_anew() {
        let (mut silent, start) = (Silent::new(AFTER), Instant::now());
        silent.due(down(&["n/s1"]), start);
        silent.due(down(&[]), start + AFTER / 2);
        assert!(silent.due(down(&["n/s1"]), start + AFTER).is_empty());
    }

    #[test]
    fn one_that_stays_down_is_looked_at_again_each_second_and_told_once() {
        let (mut silent, start) = (Silent::new(AFTER), Instant::now());
        silent.due(down(&["n/s1"]), start);
        let due = silent.due(down(&["n/s1"]), start + AFTER);
        assert!(silent.is_new("n/s1"));
        silent.looked(&due, start + AFTER);
        let soon = start + AFTER + AGAIN / 2;
        assert!(silent.due(down(&["n/s1"]), soon).is_empty());
        assert_eq!(silent.due(down(&["n/s1"]), start + AFTER + AGAIN), ["n/s1"]);
        assert!(!silent.is_new("n/s1"));
        assert!(!silent.is_new("n/unknown"));
    }

    #[test]
    fn only_a_check_without_an_answer_is_silence() {
        for check in ["L4TOUT", "L7TOUT", "* L7TOUT", "L6TOUT"] {
            assert!(is_timeout(check), "{check}");
        }
        for check in [
            "",
            "INI",
            "L4CON",
            "L7STS 503",
            "L7OK 200",
            "* L4CON",
            "L7RSP",
        ] {
            assert!(!is_timeout(check), "{check}");
        }
    }
}
