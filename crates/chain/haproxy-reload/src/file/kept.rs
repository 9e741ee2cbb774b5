//! The files that this program keeps beside haproxy.cfg.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use files::Links;

use super::content::{Content, good, left_over, read_copy};

/// The paths of haproxy.cfg and of the files beside it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// What HAProxy is given with `-f`: files, or folders with files.
    pub(crate) config: Vec<PathBuf>,
}

impl Files {
    /// The one after which the files are named that there are once.
    fn first(&self) -> &Path {
        self.config.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// The hash of the last file that HAProxy refused, and when that may be tried
    /// again.
    pub(crate) fn refused(&self) -> PathBuf {
        files::beside(self.first(), "refused")
    }

    /// This is not the lock of haproxy-gen, which must not have to wait for a reload.
    fn lock_path(&self) -> PathBuf {
        files::lock_beside(&self.named("reload"))
    }

    /// The lock of the process that waits for the time of a reload, and what it has said.
    pub(crate) fn waiting(&self) -> PathBuf {
        files::lock_beside(&self.named("waiting"))
    }

    /// Whether a process waits. Who may not look has to believe it.
    pub(crate) fn is_waited_for(&self) -> bool {
        match files::open_regular(&self.waiting(), Links::Refuse) {
            Err(error) => error.kind() != ErrorKind::NotFound,
            // It is given back at once, and who leaves a process behind allows for that moment.
            Ok((file, _)) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        }
    }

    /// `haproxy.cfg.EXTENSION`.
    fn named(&self, extension: &str) -> PathBuf {
        let mut name = OsString::from(self.first().file_name().unwrap_or_default());
        name.push(".");
        name.push(extension);
        self.first().with_file_name(name)
    }

    /// Takes the lock, so that there is one run at a time. A run that had to wait
    /// mostly finds nothing left to do.
    pub(crate) fn lock(&self, deadline: Instant) -> anyhow::Result<File> {
        let path = self.lock_path();
        files::lock_until(&path, deadline)?
            .ok_or_else(|| anyhow!("lock {}: another run is still at work", path.display()))
    }

    /// Stores a copy of each file as the last one that HAProxy took, unless it is that
    /// already. The copies of those that a folder has no more are removed.
    pub(crate) fn keep(
        &self,
        content: &Content,
        durability: files::Durability,
    ) -> anyhow::Result<()> {
        for (path, bytes) in content.files() {
            let copy = good(path);
            if read_copy(&copy).as_deref() != Some(bytes) {
                files::replace(&copy, bytes, durability)?;
            }
        }
        for copy in left_over(&self.config, &content.paths()) {
            let removed = std::fs::remove_file(&copy);
            removed.with_context(|| format!("remove {}", copy.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_files_are_named_after_the_configuration() {
        let files = Files {
            config: vec![PathBuf::from("/etc/haproxy.cfg"), PathBuf::from("/x/b.cfg")],
        };
        let copy = good(&files.config[0]);
        assert_eq!(copy, Path::new("/etc/haproxy.cfg.good"));
        assert_eq!(files.refused(), Path::new("/etc/.haproxy.cfg.refused"));
        assert_eq!(
            files.lock_path(),
            Path::new("/etc/.haproxy.cfg.reload.lock")
        );
        assert_eq!(files.waiting(), Path::new("/etc/.haproxy.cfg.waiting.lock"));
    }

    #[test]
    fn what_belongs_to_a_folder_is_beside_it() {
        let files = Files {
            config: vec![PathBuf::from("/etc/haproxy/conf.d/")],
        };
        assert_eq!(files.refused(), Path::new("/etc/haproxy/.conf.d.refused"));
        let lock = Path::new("/etc/haproxy/.conf.d.reload.lock");
        assert_eq!(files.lock_path(), lock);
    }

    #[test]
    fn the_last_good_file_is_written_only_when_it_changed() {
        let scratch = harness::scratch();
        let files = Files {
            config: vec![scratch.path().join("haproxy.cfg")],
        };
        let copy = good(&files.config[0]);
        let modified = || copy.metadata().unwrap().modified().unwrap();
        let keep = |text: &[u8], durability| {
            files::replace(&files.config[0], text, files::Durability::Unsynced).unwrap();
            let content = Content::read(&files.config).unwrap();
            files.keep(&content, durability).unwrap();
        };
        keep(b"one", files::Durability::Unsynced);
        let first = modified();
        keep(b"one", files::Durability::Unsynced);
        assert_eq!(modified(), first);
        keep(b"two", files::Durability::Synced);
        assert_eq!(read_copy(&copy).unwrap(), b"two");
    }

    #[test]
    fn who_waits_is_known_by_the_lock() {
        let scratch = harness::scratch();
        let files = Files {
            config: vec![scratch.path().join("haproxy.cfg")],
        };
        assert!(!files.is_waited_for());
        let lock = files::lock(&files.waiting()).unwrap();
        assert!(files.is_waited_for());
        drop(lock);
        assert!(!files.is_waited_for());
    }

    #[test]
    fn who_waits_too_long_for_the_lock_says_so() {
        let scratch = harness::scratch();
        let files = Files {
            config: vec![scratch.path().join("haproxy.cfg")],
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
