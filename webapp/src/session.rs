//! The sessions of those who look at the page, bounded in number and age.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// About 2 MB when it is full.
const MOST: usize = 10_000;
const IDLE: Duration = Duration::from_secs(30 * 60);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Session {
    views: u64,
    used: Instant,
    /// Its place in `order`.
    turn: u64,
}

/// `order` is the same sessions, least recently used first: what is dropped is always in front.
#[derive(Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
    order: BTreeMap<u64, String>,
    turn: u64,
}

impl Sessions {
    /// One more view of a session; none if there is no such session (any more).
    pub(crate) fn view(&mut self, id: &str, now: Instant) -> Option<u64> {
        self.drop_old(now);
        let session = self.by_id.get_mut(id)?;
        let id = self.order.remove(&session.turn)?;
        self.turn += 1;
        session.turn = self.turn;
        session.used = now;
        session.views += 1;
        self.order.insert(self.turn, id);
        Some(session.views)
    }

    /// The views so far, without counting one.
    pub(crate) fn peek(&mut self, id: &str, now: Instant) -> Option<u64> {
        self.drop_old(now);
        self.by_id.get(id).map(|session| session.views)
    }

    /// Starts a session with its first view.
    pub(crate) fn start(&mut self, id: &str, now: Instant) {
        self.drop_old(now);
        if self.by_id.len() >= MOST {
            self.drop_first();
        }
        self.turn += 1;
        let session = Session {
            views: 1,
            used: now,
            turn: self.turn,
        };
        self.by_id.insert(id.to_owned(), session);
        self.order.insert(self.turn, id.to_owned());
    }

    fn drop_old(&mut self, now: Instant) {
        while let Some((_, id)) = self.order.first_key_value() {
            let old = |session: &Session| now.saturating_duration_since(session.used) >= IDLE;
            if !self.by_id.get(id).is_none_or(old) {
                return;
            }
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, id)) = self.order.pop_first() {
            self.by_id.remove(&id);
        }
    }
}

/// 192 random bits in 32 characters that a cookie may hold.
pub(crate) fn new_id() -> anyhow::Result<String> {
    let mut random = [0; 32];
    let path = "/dev/urandom";
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut random))
        .with_context(|| format!("read {path}"))?;
    Ok(random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_its_views() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.start("a", now);
        assert_eq!(sessions.view("a", now), Some(2));
        assert_eq!(sessions.view("a", now), Some(3));
        assert_eq!(sessions.view("b", now), None);
    }

    #[test]
    fn to_look_is_not_to_view() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.start("a", now);
        assert_eq!(sessions.peek("a", now), Some(1));
        assert_eq!(sessions.peek("a", now), Some(1));
    }

    #[test]
    fn a_session_ends_half_an_hour_after_its_last_view() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.start("a", now);
        assert_eq!(sessions.view("a", now + IDLE / 2), Some(2));
        assert_eq!(sessions.view("a", now + IDLE), Some(3));
        assert_eq!(sessions.view("a", now + IDLE * 2), None);
        assert!(sessions.by_id.is_empty() && sessions.order.is_empty());
    }

    #[test]
    fn the_least_recently_used_gives_way_when_there_are_too_many() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.start("first", now);
        sessions.start("second", now);
        for n in 2..MOST {
            sessions.start(&n.to_string(), now);
        }
        sessions.view("first", now);
        sessions.start("one more", now);
        assert_eq!(sessions.by_id.len(), MOST);
        assert_eq!(sessions.order.len(), MOST);
        assert_eq!(sessions.peek("first", now), Some(2));
        assert_eq!(sessions.peek("second", now), None);
    }

    #[test]
    fn ids_are_long_and_never_twice_the_same() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
        assert!(one.bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}
