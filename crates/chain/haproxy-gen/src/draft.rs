//! A rendered file where it can be checked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf, absolute};

use anyhow::Context;
use files::beside;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// The extension of the file that is checked.
const EXTENSION: &str = "candidate";
/// Only we and the program that checks it read it.
const MODE: u32 = 0o600;

/// A text that another program can read as a file, which is gone when the value is dropped.
#[derive(Debug)]
pub(crate) enum Draft {
    /// The file `.NAME.candidate` beside the one that is to be made. There
    /// `default-path config` means what it will mean, and a HAProxy that is given the
    /// whole folder skips a name with a dot.
    Beside(PathBuf),
    /// A file that exists only in memory. Others open it by our number and its own: the
    /// path.
    InMemory { path: PathBuf, _file: File },
}

impl Draft {
    /// Writes `text` beside `path`, or, where that cannot be, into memory: `--diff` is
    /// there for people who may not write in that folder, too.
    ///
    /// A `.NAME.candidate` that is there already is taken for the leftover of a killed run
    /// and removed, so the caller should hold a lock.
    pub(crate) fn of(text: &str, path: &Path) -> anyhow::Result<Self> {
        match Self::beside(text, path) {
            Ok(draft) => Ok(draft),
            Err(_) => Self::in_memory(text),
        }
    }

    /// Writes `text` into memory.
    pub(crate) fn in_memory(text: &str) -> anyhow::Result<Self> {
        let file = in_memory(text).context("make a file in memory for the check")?;
        let (us, number) = (std::process::id(), file.as_raw_fd());
        let path = PathBuf::from(format!("/proc/{us}/fd/{number}"));
        Ok(Self::InMemory { path, _file: file })
    }

    /// It is beside the path that HAProxy is given, even if that is a link to another
    /// folder: HAProxy does not follow the link when it looks for files beside it.
    fn beside(text: &str, path: &Path) -> io::Result<Self> {
        let path = beside(&absolute(path)?, EXTENSION);
        let mut file = create(&path)?;
        let draft = Self::Beside(path);
        file.write_all(text.as_bytes())?;
        Ok(draft)
    }

    /// Removes the `.NAME.candidate` of a run that was killed, or could not remove it. This
    /// run may need none in its place, so it would stay. The caller holds the lock.
    pub(crate) fn remove_leftover(path: &Path) {
        if let Ok(path) = absolute(path) {
            let _ = fs::remove_file(beside(&path, EXTENSION));
        }
    }

    /// The path by which others read it.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Beside(path) | Self::InMemory { path, .. } => path,
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Self::Beside(path) = self {
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates the file. A leftover is removed instead of opened, since a symbolic link
/// there could lead anywhere.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        other => other,
    }
}

fn in_memory(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"haproxy.cfg", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn it_stands_beside_the_target_for_our_eyes_only_and_goes() {
        let scratch = harness::scratch();
        let draft = Draft::of("global\n", &scratch.path().join("haproxy.cfg")).unwrap();
        let path = scratch.path().join(".haproxy.cfg.candidate");
        assert_eq!(draft.path(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "global\n");
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, MODE);
        drop(draft);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_that_lies_in_its_place_is_replaced_and_not_followed() {
        let scratch = harness::scratch();
        let victim = scratch.path().join("victim");
        File::create(&victim).unwrap();
        symlink(&victim, scratch.path().join(".haproxy.cfg.candidate")).unwrap();
        drop(Draft::of("global\n", &scratch.path().join("haproxy.cfg")).unwrap());
        assert_eq!(victim.metadata().unwrap().len(), 0);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_an_earlier_run_has_left_goes_and_nothing_else() {
        let scratch = harness::scratch();
        for name in ["haproxy.cfg", ".haproxy.cfg.candidate"] {
            File::create(scratch.path().join(name)).unwrap();
        }
        for _ in 0..2 {
            Draft::remove_leftover(&scratch.path().join("haproxy.cfg"));
            let left = fs::read_dir(scratch.path()).unwrap();
            let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, ["haproxy.cfg"]);
        }
    }

    #[test]
    fn beside_a_link_it_is_where_haproxy_looks_for_files() {
        let scratch = harness::scratch();
        let folder = scratch.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let link = scratch.path().join("haproxy.cfg");
        symlink(folder.join("real.cfg"), &link).unwrap();
        let draft = Draft::of("global\n", &link).unwrap();
        assert_eq!(draft.path(), scratch.path().join(".haproxy.cfg.candidate"));
    }

    #[test]
    fn where_nothing_can_be_written_it_is_in_memory() {
        for path in ["/nonexistent/haproxy.cfg", "/proc/haproxy.cfg"] {
            let draft = Draft::of("global\n", Path::new(path)).unwrap();
            assert!(draft.path().starts_with("/proc"));
            assert_eq!(fs::read(draft.path()).unwrap(), b"global\n");
        }
    }
}
