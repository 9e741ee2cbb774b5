//! Remembers which file HAProxy refused, so that it is not tried at every run: each
//! failed reload restarts the master, and a port that is taken costs an outage of
//! 2 s.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;

const FIRST: u64 = 1;
const LAST: u64 = 60;

/// The content of the file: `HASH TIME PAUSE`. The time is in milliseconds since
/// 1970, the pause in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hash: String,
    at: u64,
    pause: u64,
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let hash = words.next()?.to_owned();
        let at = words.next()?.parse().ok()?;
        let pause = words.next()?.parse().ok()?;
        Some(Self { hash, at, pause })
    }

    /// How many milliseconds are left until `hash` may be tried again. If the
    /// clock was set back there is no wait at all, rather than a longer one.
    fn left(&self, hash: &str, now: u64) -> u64 {
        if self.hash != hash || now < self.at {
            return 0;
        }
        let end = self.at.saturating_add(1000 * self.pause.min(LAST));
        end.saturating_sub(now)
    }

    fn next(before: Option<&Self>, hash: &str, now: u64) -> Self {
        let same = before.filter(|entry| entry.hash == hash);
        let pause = same.map_or(FIRST, |entry| {
            (entry.pause.saturating_mul(2)).clamp(FIRST, LAST)
        });
        Self {
            hash: hash.to_owned(),
            at: now,
            pause,
        }
    }
}

/// The file that holds the entry.
pub(crate) struct Refused {
    path: PathBuf,
}

impl Refused {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The entry in the file; `None` if there is none or it cannot be parsed.
    fn entry(&self) -> Option<Entry> {
        let bytes = files::read(&self.path, 4096).ok()??;
        Entry::parse(&String::from_utf8_lossy(&bytes))
    }

    /// In how many seconds `hash` may be tried again, rounded up.
    pub(crate) fn left(&self, hash: &str) -> u64 {
        let milliseconds = self.entry().map_or(0, |entry| entry.left(hash, now()));
        milliseconds.div_ceil(1000)
    }

    pub(crate) fn check(&self, hash: &str) -> anyhow::Result<()> {
        let left = self.left(hash);
        if left > 0 {
            bail!("this file was tried before, in vain; it is tried again in {left} s");
        }
        Ok(())
    }

    pub(crate) fn remember(&self, hash: &str) -> anyhow::Result<()> {
        let Entry { hash, at, pause } = Entry::next(self.entry().as_ref(), hash, now());
        let line = format!("{hash} {at} {pause}\n");
        files::replace(&self.path, line.as_bytes(), files::Durability::Unsynced)
    }

    pub(crate) fn forget(&self) {
        // A file that cannot be removed does no harm: its entry does not apply to the
        // next content.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = since.map_or(0, |since| since.as_millis());
    milliseconds.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_from_a_second_to_a_minute() {
        let mut entry = None;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            entry = Some(Entry::next(entry.as_ref(), "a", 100));
            pauses.push(entry.as_ref().unwrap().pause);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn another_content_is_tried_at_once_and_begins_anew() {
        let entry = Entry {
            hash: "a".to_owned(),
            at: 100,
            pause: 32,
        };
        assert_eq!(
            (
                entry.left("a", 101),
                entry.left("b", 101),
                entry.left("a", 32_100)
            ),
            (31_999, 0, 0)
        );
        assert_eq!(Entry::next(Some(&entry), "b", 101).pause, 1);
    }

    #[test]
    fn a_clock_set_back_or_nonsense_never_blocks() {
        let entry = Entry {
            hash: "a".to_owned(),
            at: 100,
            pause: u64::MAX,
        };
        assert_eq!((entry.left("a", 99), entry.left("a", 60_100)), (0, 0));
        assert_eq!(Entry::next(Some(&entry), "a", 99).pause, 60);
        assert_eq!(Entry::parse("a 1"), None);
        assert_eq!(Entry::parse("a b c"), None);
    }

    #[test]
    fn a_refusal_is_remembered_until_it_is_forgotten() {
        let scratch = harness::scratch();
        let refused = Refused::new(scratch.path().join(".haproxy.cfg.refused"));
        refused.check("a").unwrap();
        for _ in 0..3 {
            refused.remember("a").unwrap();
        }
        let error = refused.check("a").unwrap_err().to_string();
        assert!(
            error.starts_with("this file was tried before, in vain; it is tried"),
            "{error}"
        );
        refused.check("b").unwrap();
        refused.forget();
        refused.check("a").unwrap();
    }
}
