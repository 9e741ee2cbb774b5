//! The sessions of those who look at the page, bounded in number and age.

use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lru::LruCache;

/// So many sessions take about 2 MB.
const MOST: usize = 10_000;
const IDLE: Duration = Duration::from_secs(30 * 60);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Session {
    views: u64,
    used: Instant,
}

/// The sessions by their ids. When there are too many, the least recently used gives way.
pub(crate) struct Sessions(LruCache<String, Session>);

impl Default for Sessions {
    fn default() -> Self {
        // A cache with a bound would allocate room for all sessions at once.
        Self(LruCache::unbounded())
    }
}

impl Sessions {
    /// Counts one more view of a session, and returns how many it has; `None` when there is no
    /// such session, or it has ended.
    pub(crate) fn view(&mut self, id: &str, now: Instant) -> Option<u64> {
        self.drop_old(now);
        let session = self.0.get_mut(id)?;
        session.used = now;
        session.views += 1;
        Some(session.views)
    }

    /// The views so far, without counting one.
    pub(crate) fn peek(&mut self, id: &str, now: Instant) -> Option<u64> {
        self.drop_old(now);
        self.0.peek(id).map(|session| session.views)
    }

    /// Starts a session with its first view.
    pub(crate) fn start(&mut self, id: &str, now: Instant) {
        self.drop_old(now);
        if self.0.len() >= MOST {
            self.0.pop_lru();
        }
        let first = Session {
            views: 1,
            used: now,
        };
        self.0.put(id.to_owned(), first);
    }

    fn drop_old(&mut self, now: Instant) {
        let old = |session: &Session| now.saturating_duration_since(session.used) >= IDLE;
        while self.0.peek_lru().is_some_and(|(_, session)| old(session)) {
            self.0.pop_lru();
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
        assert!(sessions.0.is_empty());
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
        assert_eq!(sessions.0.len(), MOST);
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
