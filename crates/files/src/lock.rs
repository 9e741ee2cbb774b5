//! Locks between our programs: `flock` on a file beside the one that is protected.
//! The kernel releases a lock when its holder ends, however that happens.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::regular::{self, Links};

/// The pauses between two attempts to take a lock grow from this to [`LONGEST_TURN`],
/// so that a hundred waiting programs leave the processor to the one that holds it.
const FIRST_TURN: Duration = Duration::from_millis(1);
const LONGEST_TURN: Duration = Duration::from_millis(16);

/// Takes the lock, waiting for as long as another run holds it.
///
/// The lock is released when the file is dropped.
pub fn lock(path: &Path) -> anyhow::Result<File> {
    let file = open(path)?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}

/// Takes the lock; `None` if another run holds it.
pub fn try_lock(path: &Path) -> anyhow::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}

/// Takes the lock, waiting until `deadline`; `None` if another run still holds it
/// then.
pub fn lock_until(path: &Path, deadline: Instant) -> anyhow::Result<Option<File>> {
    let mut turn = FIRST_TURN;
    loop {
        let lock = try_lock(path)?;
        if lock.is_some() || Instant::now() >= deadline {
            return Ok(lock);
        }
        pass(turn);
        turn = (turn * 2).min(LONGEST_TURN);
    }
}

/// The path of the lock for `path`: `.NAME.lock` beside it.
#[must_use]
pub fn lock_beside(path: &Path) -> PathBuf {
    crate::beside(path, "lock")
}

/// Opens the file, and makes it if there is none. A link is not followed, since it could
/// lead anywhere, and what is no regular file is refused: to open a FIFO would wait.
fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    let file = regular::open(path, &mut options, Links::Refuse);
    let (file, _) = file.with_context(|| format!("open the lock {}", path.display()))?;
    Ok(file)
}

#[expect(
    clippy::disallowed_methods,
    reason = "nobody says when a lock becomes free, unless one waits without a deadline"
)]
fn pass(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_not_had_until_its_holder_lets_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = lock_beside(&directory.path().join("haproxy.cfg"));
        assert!(path.ends_with(".haproxy.cfg.lock"));
        let held = lock(&path).unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_is_waited_for_until_the_deadline() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".lock");
        let held = lock(&path).unwrap();
        let soon = || Instant::now() + Duration::from_millis(20);
        assert!(lock_until(&path, soon()).unwrap().is_none());
        drop(held);
        assert!(lock_until(&path, soon()).unwrap().is_some());
    }

    #[test]
    fn a_lock_that_is_no_regular_file_is_told_and_never_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("elsewhere", path("link")).unwrap();
        for name in ["fifo", "folder", "socket", "link"] {
            let error = format!("{:#}", lock(&path(name)).unwrap_err());
            let expected = match name {
                "link" => "it is a symbolic link",
                _ => "it is no regular file",
            };
            assert!(error.ends_with(expected), "{name}: {error}");
        }
        assert!(!path("elsewhere").exists());
    }

    #[test]
    fn a_lock_in_a_missing_directory_is_told_by_its_path() {
        let error = lock(Path::new("/nonexistent/.lock")).unwrap_err();
        assert!(format!("{error:#}").starts_with("open the lock /nonexistent/.lock: "));
    }
}
