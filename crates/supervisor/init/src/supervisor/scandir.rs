//! The directory of all services, and `.s6-svscan/` in it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::errno::Errno;

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

/// What the scan directory has.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The services, in name order.
    pub(crate) entries: Vec<Entry>,
    /// What could not be looked at, by its name: it may be a service.
    pub(crate) unknown: Vec<(String, io::Error)>,
}

impl Listing {
    /// Whether `service`, or the service whose logger it is, could not be looked at.
    pub(crate) fn is_unknown(&self, service: &str) -> bool {
        let name = service.strip_suffix("/log").unwrap_or(service);
        self.unknown.iter().any(|(unknown, _)| unknown == name)
    }
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

    /// The services that are there now. The directory is entered, since their paths are
    /// relative to it.
    pub(crate) fn list(&self) -> io::Result<Listing> {
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

fn list(path: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        match look_at(name, path.join(name)) {
            Ok(entry) => listing.entries.extend(entry),
            Err(error) => listing.unknown.push((name.to_string(), error)),
        }
    }
    let by_name = |one: &Entry, other: &Entry| one.name.cmp(&other.name);
    listing.entries.sort_by(by_name);
    Ok(listing)
}

/// The service, if it is one. A logger that cannot be looked at may be one: without it
/// the service would write to nobody.
fn look_at(name: &str, path: PathBuf) -> io::Result<Option<Entry>> {
    let Some((path, id)) = directory(path)? else {
        return Ok(None);
    };
    Ok(Some(Entry {
        name: name.to_string(),
        log: directory(path.join("log"))?,
        path,
        id,
    }))
}

/// The path if it is a directory, or a link to one. A link that leads nowhere, or in a
/// circle, is none.
fn directory(path: PathBuf) -> io::Result<Option<(PathBuf, Id)>> {
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.is_dir().then(|| (path, Id::of(&metadata)))),
        Err(error) if leads_nowhere(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn leads_nowhere(error: &io::Error) -> bool {
    let nowhere = [
        Errno::ENOENT,
        Errno::ENOTDIR,
        Errno::ELOOP,
        Errno::ENAMETOOLONG,
    ];
    let number = error.raw_os_error().map(Errno::from_raw);
    number.is_some_and(|number| nowhere.contains(&number))
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
        let entries = list(scratch.path()).unwrap().entries;
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["alias", "db", "web"]);
        assert!(entries[1].log.is_some() && entries[2].log.is_none());
        assert_eq!(entries[0].id, entries[2].id, "a link is the same service");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_no_service_and_nothing_to_look_at_again() {
        let scratch = harness::scratch();
        for (target, name) in [
            ("missing", "nowhere"),
            ("circle", "circle"),
            ("file/x", "x"),
        ] {
            std::os::unix::fs::symlink(target, scratch.path().join(name)).unwrap();
        }
        File::create(scratch.path().join("file")).unwrap();
        let listing = list(scratch.path()).unwrap();
        assert!(listing.entries.is_empty() && listing.unknown.is_empty());
    }

    #[test]
    fn a_logger_is_unknown_with_its_service() {
        let listing = Listing {
            unknown: vec![("web".into(), io::ErrorKind::Other.into())],
            ..Listing::default()
        };
        assert!(listing.is_unknown("web") && listing.is_unknown("web/log"));
        assert!(!listing.is_unknown("we") && !listing.is_unknown("web2/log"));
    }

    #[test]
    fn a_renamed_directory_is_the_same_service() {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("old")).unwrap();
        let before = list(scratch.path()).unwrap();
        fs::rename(scratch.path().join("old"), scratch.path().join("new")).unwrap();
        let after = list(scratch.path()).unwrap();
        assert_eq!(before.entries[0].id, after.entries[0].id);
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
