//! The end of the journal, and what is appended to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::{Links, open_regular};
use journal::{Follower, Line};

/// How much of the journal's end is read at first, in bytes.
const BYTES: u64 = 512 * 1024;
/// How many lines are kept. Who left is told for ten minutes, which seldom have as many.
const LINES: usize = 2000;

/// The journal, and its last lines.
#[derive(Debug)]
pub(super) struct Notes {
    follower: Option<(PathBuf, Follower)>,
    lines: Arc<Vec<Line>>,
}

impl Notes {
    pub(super) fn new(path: Option<&Path>) -> Self {
        let Some(path) = path else {
            return Self {
                follower: None,
                lines: Arc::default(),
            };
        };
        let (follower, lines) = Follower::new(path, BYTES);
        let mut notes = Self {
            follower: Some((path.to_owned(), follower)),
            lines: Arc::default(),
        };
        notes.take(lines);
        notes
    }

    /// Reads what is new. Returns why the journal cannot be read; one that is not there yet
    /// has nothing to say.
    pub(super) fn read(&mut self) -> Option<String> {
        let (path, follower) = self.follower.as_mut()?;
        let unread = match open_regular(path, Links::Refuse) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Some(format!("read the journal {}: {error}", path.display()))
            }
            _ => None,
        };
        let lines = follower.next_lines();
        self.take(lines);
        unread
    }

    pub(super) fn lines(&self) -> Arc<Vec<Line>> {
        Arc::clone(&self.lines)
    }

    fn take(&mut self, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        let kept = Arc::make_mut(&mut self.lines);
        kept.extend(lines);
        let old = kept.len().saturating_sub(LINES);
        kept.drain(..old);
    }
}
