//! What is to be said of a node beside what HAProxy says of its server.

use std::collections::BTreeMap;

use crate::{Facts, Line};

/// For how many seconds it is said of a node that it has left, or died.
const REMEMBERED: f64 = 600.0;

/// What the chain knows of a node that does not simply serve.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It goes when its hold ends.
    Lost {
        /// Since when, in Unix seconds.
        since: f64,
        /// When it goes.
        until: f64,
        /// Why it is taken for lost.
        why: String,
    },
    /// It stays, since too many are lost at once.
    Held {
        /// Since when it is lost.
        since: f64,
        /// Why it is taken for lost.
        why: String,
    },
    /// It said that it leaves, and is gone.
    Left {
        /// When.
        t: f64,
        /// The address that it had.
        address: Option<String>,
    },
    /// It was lost, and is gone.
    Died {
        /// When.
        t: f64,
        /// The address that it had.
        address: Option<String>,
        /// Why.
        why: String,
    },
    /// It is a member, and cannot be a node.
    Refused {
        /// The address that it gives itself.
        address: String,
        /// Why.
        why: String,
    },
}

/// The standing of each node that has one, by its name. Who left or died is known from the
/// journal, for ten minutes, and unless it has come back.
#[must_use]
pub fn standings(facts: &Facts, recent: &[Line], now: f64) -> BTreeMap<String, Standing> {
    let mut standings = BTreeMap::new();
    for line in recent.iter().filter(|line| line.step == "serf-nodes") {
        let (t, is_recent) = (line.t, now - line.t < REMEMBERED);
        for name in line.added.iter().chain(&line.changed).chain(&line.back) {
            standings.remove(name);
        }
        let address = |name: &String| line.at.get(name).cloned();
        for name in line.left.iter().filter(|_| is_recent) {
            let standing = Standing::Left {
                t,
                address: address(name),
            };
            standings.insert(name.clone(), standing);
        }
        for name in line.died.iter().filter(|_| is_recent) {
            let why = line.why.get(name).cloned().unwrap_or_default();
            let standing = Standing::Died {
                t,
                address: address(name),
                why,
            };
            standings.insert(name.clone(), standing);
        }
    }
    let lost = facts.lost.iter().map(|(name, lost)| {
        let (since, why) = (lost.since, lost.why.clone());
        let standing = match lost.until {
            Some(until) => Standing::Lost { since, until, why },
            None => Standing::Held { since, why },
        };
        (name.clone(), standing)
    });
    standings.extend(lost);
    for refused in &facts.refused {
        let (address, why) = (refused.address.clone(), refused.why.clone());
        let standing = Standing::Refused { address, why };
        standings.entry(refused.name.clone()).or_insert(standing);
    }
    standings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(t: f64) -> Line {
        Line {
            t,
            step: "serf-nodes".to_owned(),
            ..Line::default()
        }
    }

    #[test]
    fn who_left_and_who_died_are_told_apart_for_ten_minutes() {
        let lines = [
            Line {
                left: vec!["old".to_owned()],
                ..line(300.0)
            },
            Line {
                left: vec!["s1".to_owned()],
                died: vec!["s2".to_owned()],
                ..line(900.0)
            },
            Line {
                died: vec!["s3".to_owned()],
                ..line(910.0)
            },
            Line {
                added: vec!["s3".to_owned()],
                ..line(920.0)
            },
        ];
        let found = standings(&Facts::default(), &lines, 1000.0);
        let names: Vec<&String> = found.keys().collect();
        assert_eq!(names, ["s1", "s2"]);
        assert!(matches!(found["s1"], Standing::Left { t: 900.0, .. }));
        assert!(matches!(found["s2"], Standing::Died { t: 900.0, .. }));
    }

    #[test]
    fn who_is_lost_goes_at_a_time_or_is_held() {
        let mut facts = Facts::default();
        let lost = |until| crate::Lost {
            since: 5.0,
            until,
            why: "it has failed".to_owned(),
        };
        facts.lost.insert("s1".to_owned(), lost(Some(35.0)));
        facts.lost.insert("s2".to_owned(), lost(None));
        let found = standings(&facts, &[], 10.0);
        assert!(matches!(found["s1"], Standing::Lost { until: 35.0, .. }));
        assert!(matches!(found["s2"], Standing::Held { since: 5.0, .. }));
    }
}
