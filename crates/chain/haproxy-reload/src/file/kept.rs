//! The files that this program keeps beside haproxy.cfg.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::anyhow;
use haproxy_config::MAX_FILE;

/// The paths of haproxy.cfg and of the files beside it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) config: PathBuf,
}

impl Files {
    /// A copy of the last file that HAProxy took.
    pub(crate) fn good(&self) -> PathBuf {
        self.named("good")
    }

    /// The hash of the last file that HAProxy refused, and when that may be tried
    /// again.
    pub(crate) fn refused(&self) -> PathBuf {
        files::beside(&self.config, "refused")
    }

    /// This is not the lock of haproxy-gen, which must not have to wait for a reload.
    fn lock_path(&self) -> PathBuf {
        files::lock_beside(&self.named("reload"))
    }

    /// The lock of the process that waits for the time of a reload, and what it has said.
    pub(crate) fn waiting(&self) -> PathBuf {
        files::lock_beside(&self.named("waiting"))
    }

    /// `haproxy.cfg.EXTENSION`.
    fn named(&self, extension: &str) -> PathBuf {
        let mut name = OsString::from(self.config.file_name().unwrap_or_default());
        name.push(".");
        name.push(extension);
        self.config.with_file_name(name)
    }

    /// Takes the lock, so that there is one run at a time. A run that had to wait
    /// mostly finds nothing left to do.
    pub(crate) fn lock(&self, deadline: Instant) -> anyhow::Result<File> {
        let path = self.lock_path();
        files::lock_until(&path, deadline)?
            .ok_or_else(|| anyhow!("lock {}: another run is still at work", path.display()))
    }

    /// Stores `content` as the last file that HAProxy took, unless it is that already.
    pub(crate) fn keep(&self, content: &[u8], durability: files::Durability) -> anyhow::Result<()> {
        let path = self.good();
        if read_good(&path).as_deref() == Some(content) {
            return Ok(());
        }
        files::replace(&path, content, durability)
    }
}

/// The last file that HAProxy took. A copy that cannot be read counts as none, and is
/// written again later.
pub(crate) fn read_good(path: &Path) -> Option<Vec<u8>> {
    files::read(path, MAX_FILE).ok()?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_files_are_named_after_the_configuration() {
        let files = Files {
            config: PathBuf::from("/etc/haproxy.cfg"),
        };
        assert_eq!(files.good(), Path::new("/etc/haproxy.cfg.good"));
        assert_eq!(files.refused(), Path::new("/etc/.haproxy.cfg.refused"));
        assert_eq!(
            files.lock_path(),
            Path::new("/etc/.haproxy.cfg.reload.lock")
        );
        assert_eq!(files.waiting(), Path::new("/etc/.haproxy.cfg.waiting.lock"));
    }

    #[test]
    fn the_last_good_file_is_written_only_when_it_changed() {
        let scratch = harness::scratch();
        let files = Files {
            config: scratch.path().join("haproxy.cfg"),
        };
        let modified = || files.good().metadata().unwrap().modified().unwrap();
        files.keep(b"one", files::Durability::Unsynced).unwrap();
        let first = modified();
        files.keep(b"one", files::Durability::Unsynced).unwrap();
        assert_eq!(modified(), first);
        files.keep(b"two", files::Durability::Synced).unwrap();
        assert_eq!(read_good(&files.good()).unwrap(), b"two");
    }

    #[test]
    fn who_waits_too_long_for_the_lock_says_so() {
        let scratch = harness::scratch();
        let files = Files {
            config: scratch.path().join("haproxy.cfg"),
        };
        let _held = files.lock(Instant::now()).unwrap();
        let error = files
            .lock(Instant::now() + Duration::from_millis(20))
            .unwrap_err();
        assert!(
            error.to_string().ends_with("another run is still at work"),
            "{error}"
        );
    }
}
