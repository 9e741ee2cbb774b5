//! A file that is made, as haproxy.cfg, and the lock and the hash of the last check beside
//! it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use files::{Durability, Staged, beside, lock, lock_beside, read, replace};
use haproxy_config::MAX_FILE;
use similar::TextDiff;

/// More than the 48 digits of three hashes with blanks and a line feed, in bytes.
const MAX_MARK: u64 = 64;
/// After this time the diff may be longer than necessary, which is better than
/// waiting for the shortest one.
const DIFF_TIMEOUT: Duration = Duration::from_secs(1);

/// A file that is made.
pub(crate) struct Target {
    path: PathBuf,
}

impl Target {
    /// The file at `path`, which need not exist.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// Keeps other runs out, so that an older state never replaces a newer one. Beside what
    /// can never be replaced, as a device, no lock is left.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        if self.path.metadata().is_ok_and(|there| !there.is_file()) {
            let path = self.path.display();
            return Err(anyhow!("read {path}: it is no regular file"));
        }
        lock(&lock_beside(&self.path)).map_err(|error| match self.path.parent() {
            Some(folder) if is_missing(folder) => anyhow!(
                "make {}: its folder {} is missing",
                self.path.display(),
                folder.display()
            ),
            _ => error,
        })
    }

    /// The lock of [`Target::lock`] if there is one already, for a run that leaves nothing
    /// behind.
    pub(crate) fn lock_that_is_there(&self) -> io::Result<Option<File>> {
        match File::open(lock_beside(&self.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => file.lock().map(|()| Some(file)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content of the file, `None` if there is none.
    pub(crate) fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        read(&self.path, MAX_FILE)
    }

    /// The differences between the content `old` and `text` as a unified diff; `None` if there
    /// are none.
    pub(crate) fn difference(&self, old: Option<&[u8]>, text: &str) -> Option<String> {
        if old == Some(text.as_bytes()) {
            return None;
        }
        let old = String::from_utf8_lossy(old.unwrap_or_default());
        let path = self.path.to_string_lossy();
        let diff = TextDiff::configure()
            .timeout(DIFF_TIMEOUT)
            .diff_lines(old.as_ref(), text);
        let new = format!("{path} (new)");
        Some(diff.unified_diff().header(&path, &new).to_string())
    }

    /// Writes what is to take the place of the content `old` beside the file; `None` if it
    /// is `text` already.
    pub(crate) fn stage(&self, old: Option<&[u8]>, text: &str) -> anyhow::Result<Option<Staged>> {
        if old == Some(text.as_bytes()) {
            return Ok(None);
        }
        Staged::of(&self.path, text.as_bytes(), Durability::Synced).map(Some)
    }

    /// Whether the last file that passed the check had this mark. If the stored one
    /// cannot be read, the answer is no, which costs only another check.
    pub(crate) fn was_checked(&self, mark: Option<&str>) -> bool {
        let last = read(&self.checked(), MAX_MARK).ok().flatten();
        mark.zip(last)
            .is_some_and(|(mark, last)| last == line(mark).as_bytes())
    }

    /// Stores the mark of a file that passed the check.
    pub(crate) fn remember_check(&self, mark: &str) -> anyhow::Result<()> {
        replace(&self.checked(), line(mark).as_bytes(), Durability::Unsynced)
    }

    fn checked(&self) -> PathBuf {
        beside(&self.path, "checked")
    }
}

/// Whether the folder does not exist. An empty path is the current directory.
fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

fn line(mark: &str) -> String {
    format!("{mark}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(scratch: &harness::Scratch) -> Target {
        Target::new(&scratch.path().join("haproxy.cfg"))
    }

    fn replace(target: &Target, text: &str) -> bool {
        let old = target.read().unwrap();
        let staged = target.stage(old.as_deref(), text).unwrap();
        staged.is_some_and(|staged| staged.put().is_ok())
    }

    fn difference(target: &Target, text: &str) -> Option<String> {
        let old = target.read().unwrap();
        target.difference(old.as_deref(), text)
    }

    #[test]
    fn the_same_text_is_not_written_again() {
        let scratch = harness::scratch();
        let target = target(&scratch);
        assert!(replace(&target, "global\n"));
        assert!(!replace(&target, "global\n"));
        assert!(replace(&target, "defaults\n"));
    }

    #[test]
    fn a_missing_folder_is_told_by_its_name() {
        let error = Target::new(Path::new("/nonexistent/haproxy.cfg")).lock();
        assert_eq!(
            format!("{:#}", error.unwrap_err()),
            "make /nonexistent/haproxy.cfg: its folder /nonexistent is missing"
        );
    }

    #[test]
    fn beside_what_can_never_be_an_output_no_lock_is_left() {
        let scratch = harness::scratch();
        let path = scratch.path().join("device");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let error = format!("{:#}", Target::new(&path).lock().unwrap_err());
        assert!(error.ends_with("it is no regular file"), "{error}");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lock_that_cannot_be_made_elsewhere_is_told_as_it_is() {
        let error = Target::new(Path::new("/proc/haproxy.cfg")).lock();
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.starts_with("open the lock /proc/"), "{error}");
    }

    #[test]
    fn a_difference_is_shown_as_a_unified_diff() {
        let scratch = harness::scratch();
        let target = target(&scratch);
        replace(&target, "a\nb\n");
        let diff = difference(&target, "a\nc\n").unwrap();
        assert!(diff.ends_with("@@ -1,2 +1,2 @@\n a\n-b\n+c\n"), "{diff}");
        assert_eq!(difference(&target, "a\nb\n"), None);
    }

    #[test]
    fn an_empty_file_differs_from_one_that_is_not_there() {
        let scratch = harness::scratch();
        let target = target(&scratch);
        assert!(difference(&target, "").is_some());
        assert!(replace(&target, ""));
        assert_eq!(difference(&target, ""), None);
    }

    #[test]
    fn only_the_last_mark_is_known() {
        let scratch = harness::scratch();
        let target = target(&scratch);
        assert!(!target.was_checked(Some("0123")));
        target.remember_check("0123").unwrap();
        assert!(target.was_checked(Some("0123")));
        target.remember_check("4567").unwrap();
        assert!(!target.was_checked(Some("0123")));
    }

    #[test]
    fn a_file_without_a_mark_was_never_checked() {
        let scratch = harness::scratch();
        let target = target(&scratch);
        assert!(!target.was_checked(None));
        target.remember_check("0123").unwrap();
        assert!(!target.was_checked(None));
    }
}
