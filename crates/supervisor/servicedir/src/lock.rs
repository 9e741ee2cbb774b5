//! The lock by which clients see that a directory is supervised.
//!
//! `s6-svok` asks with fcntl's `F_GETLK`, which does not see the locks of `flock`. It
//! sees a POSIX lock, but that is lost as soon as the process closes any descriptor of
//! the file. An open file description lock is seen and stays.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::{open_regular, open_regular_with};

/// Takes the lock for as long as the file stays open; none when somebody else has it.
///
/// A missing file is made with this `mode`.
pub fn lock(path: &Path, mode: u32) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(mode);
    let file = open_regular_with(path, &mut options)?;
    match lock_file(&file) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Takes the lock on an open file without waiting. All who inherit the file have it.
fn lock_file(file: &File) -> Result<(), Errno> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))).map(drop)
}

/// Whether somebody has the lock; a missing file is not locked.
pub fn is_locked(path: &Path) -> io::Result<bool> {
    let file = match open_regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let mut found = whole_file(libc::F_RDLCK);
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found))?;
    Ok(i32::from(found.l_type) != libc::F_UNLCK)
}

#[expect(clippy::cast_possible_truncation, reason = "the constants are below 4")]
fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_keeps_the_second_out_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert!(!is_locked(&path).unwrap());
        let first = lock(&path, 0o600).unwrap();
        assert!(first.is_some());
        assert!(is_locked(&path).unwrap());
        assert!(lock(&path, 0o600).unwrap().is_none());
        assert!(is_locked(&path).unwrap(), "looking must not take it away");
        drop(first);
        assert!(!is_locked(&path).unwrap());
    }
}
