//! The directory of all services, and `.s6-svscan/` in it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::service::Id;

const CONTROL: &str = ".s6-svscan";
/// The mode with which `s6-svscan` makes its lock: nobody else can take it.
const LOCK_MODE: u32 = 0o600;

/// A scan directory that we supervise. It is kept open, so that it may be renamed.
#[derive(Debug)]
pub(crate) struct Scandir {
    path: PathBuf,
    directory: File,
    control: File,
    _lock: File,
}

/// A service directory in the scan directory, to which its path is relative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) id: Id,
    /// The directory of its logger.
    pub(crate) log: Option<(PathBuf, Id)>,
}

impl Scandir {
    /// Locks the directory, and listens to `s6-svscanctl` from now on.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let directory =
            servicedir::open_directory(path).with_context(|| format!("open {shown}"))?;
        let ours = path.join(CONTROL);
        servicedir::make_directory(&ours).with_context(|| format!("make {}", ours.display()))?;
        let lock = servicedir::lock(&ours.join("lock"), LOCK_MODE)
            .with_context(|| format!("lock {}", ours.display()))?;
        let Some(lock) = lock else {
            return Err(exit::misuse(format_args!(
                "supervise {shown}: another supervisor already does"
            )));
        };
        let control = servicedir::open_control(&ours.join("control"))
            .with_context(|| format!("open {}/control", ours.display()))?;
        Ok(Self {
            path: path.to_path_buf(),
            directory,
            control,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn control(&self) -> &File {
        &self.control
    }

    pub(crate) fn enter(&self) -> io::Result<()> {
        Ok(nix::unistd::fchdir(&self.directory)?)
    }

    /// The letters that `s6-svscanctl` has sent.
    pub(crate) fn letters(&mut self) -> Vec<u8> {
        let mut bytes = [0; 64];
        let length = self.control.read(&mut bytes).unwrap_or(0);
        bytes[..length].to_vec()
    }

    /// The services that are there now, in name order. The directory is entered, since
    /// their paths are relative to it.
    pub(crate) fn list(&self) -> io::Result<Vec<Entry>> {
        self.enter()?;
        list(Path::new("."))
    }

    /// The script that replaces what a signal means, if it is there and executable.
    /// Anything but a file could not be executed: the signal keeps its meaning.
    pub(crate) fn script(&self, signal: &str) -> Option<PathBuf> {
        let path = self.path.join(CONTROL).join(signal);
        let path = Some(path).filter(|path| path.is_file())?;
        nix::unistd::access(&path, nix::unistd::AccessFlags::X_OK).ok()?;
        Some(path)
    }

    /// The program that takes our place at the end.
    pub(crate) fn finish() -> PathBuf {
        Path::new(CONTROL).join("finish")
    }
}

fn list(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str()
            && !name.starts_with('.')
            && let Some((path, id)) = directory(path.join(name))
        {
            entries.push(Entry {
                name: name.to_string(),
                log: directory(path.join("log")),
                path,
                id,
            });
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// The path if it is a directory, or a link to one.
fn directory(path: PathBuf) -> Option<(PathBuf, Id)> {
    let metadata = fs::metadata(&path).ok()?;
    metadata.is_dir().then(|| (path, Id::of(&metadata)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    #[test]
    fn directories_are_services_and_hidden_ones_are_not() {
        let scratch = harness::scratch();
        for name in ["web", "db/log", ".s6-svscan", "db/data"] {
            fs::create_dir_all(scratch.path().join(name)).unwrap();
        }
        File::create(scratch.path().join("README")).unwrap();
        std::os::unix::fs::symlink("web", scratch.path().join("alias")).unwrap();
        let entries = list(scratch.path()).unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["alias", "db", "web"]);
        assert!(entries[1].log.is_some() && entries[2].log.is_none());
        assert_eq!(entries[0].id, entries[2].id, "a link is the same service");
    }

    #[test]
    fn a_renamed_directory_is_the_same_service() {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("old")).unwrap();
        let before = list(scratch.path()).unwrap();
        fs::rename(scratch.path().join("old"), scratch.path().join("new")).unwrap();
        let after = list(scratch.path()).unwrap();
        assert_eq!(before[0].id, after[0].id);
    }

    #[test]
    fn what_is_for_the_supervisor_alone_is_closed_to_others() {
        let scratch = harness::scratch();
        let _scandir = Scandir::open(scratch.path()).unwrap();
        let mode = |name| {
            let found = fs::metadata(scratch.path().join(CONTROL).join(name)).unwrap();
            found.permissions().mode() & 0o7777
        };
        assert_eq!(["", "lock", "control"].map(mode), [0o700, 0o600, 0o600]);
    }

    #[test]
    fn nobody_takes_a_directory_twice() {
        let scratch = harness::scratch();
        let first = Scandir::open(scratch.path()).unwrap();
        let second = Scandir::open(scratch.path()).unwrap_err();
        assert!(second.to_string().contains("another supervisor"));
        drop(first);
        // Another test may be starting a child, which has the lock until its exec.
        harness::wait_for("the lock", Duration::from_secs(30), || {
            Scandir::open(scratch.path()).ok()
        });
    }
}
