//! The folder of nodes, which is read again only when it has changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nodes::{Listing, Nodes};

use super::Fact;

/// After which time it is read again in any case: a person may write into a file that is there,
/// which changes nothing of the folder.
const AGAIN: Duration = Duration::from_secs(5);
/// A change within so long of another one may leave the folder's time as it is: the kernel's
/// clock has a coarse step, which no other file system of the kernel's own exceeds.
const STEP: Duration = Duration::from_millis(100);

/// The folder, and what was read last.
#[derive(Debug)]
pub(super) struct Folder {
    nodes: Nodes,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    mark: Mark,
    at: Instant,
    listing: Arc<Listing>,
}

/// What changes whenever a file comes, goes or is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark {
    inode: (u64, u64),
    changed: (i64, i64),
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            nodes: Nodes::new(path),
            last: None,
        }
    }

    pub(super) fn read(&mut self, now: SystemTime) -> Fact<Arc<Listing>> {
        // Looked at before it is read: what changes meanwhile is read the next time.
        let mark = self.mark(now);
        let is_same = |last: &&Last| Some(last.mark) == mark && last.at.elapsed() < AGAIN;
        if let Some(last) = self.last.as_ref().filter(is_same) {
            return Ok(Arc::clone(&last.listing));
        }
        self.last = None;
        let at = Instant::now();
        let listing = self.nodes.list().map_err(|error| format!("{error:#}"))?;
        let listing = Arc::new(listing);
        self.last = mark.map(|mark| Last {
            mark,
            at,
            listing: Arc::clone(&listing),
        });
        Ok(listing)
    }

    /// `None` while the last change is so new that the next one could have the same time.
    fn mark(&self, now: SystemTime) -> Option<Mark> {
        let metadata = self.nodes.path().metadata().ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let since = Duration::new(changed.0.try_into().ok()?, changed.1.try_into().ok()?);
        let age = now.duration_since(UNIX_EPOCH.checked_add(since)?).ok()?;
        (age > STEP).then_some(Mark {
            inode: (metadata.dev(), metadata.ino()),
            changed,
        })
    }
}
