//! The s6 service directory as bytes: what the programs of s6 2.10 to 2.15 read
//! and write in it, for the supervisor and for its clients.
//!
//! Everything is relative to the path of a [`Servicedir`]. A supervisor whose
//! directories may be renamed enters the directory and uses the path `.`.

mod control;
mod fifodir;
mod lock;
mod reason;
mod regular;
mod settings;
mod stamp;
mod status;
mod tally;
mod wait_status;

pub use control::{LETTERS, Letter};
pub use fifodir::{Subscription, is_nobody_there};
pub use lock::{is_locked, lock};
pub use nix::sys::signal::Signal;
pub use reason::reason;
pub use regular::{kind, open_directory, open_regular, open_regular_with, read_beginning};
pub use settings::{KillMode, Settings, parse_signal};
pub use stamp::Stamp;
pub use status::{Layout, NoRecord, Status};
pub use tally::{DEATH_SIZE, Death};
pub use wait_status::WaitStatus;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use files::Durability;
use regular::open_fifo;

const STATUS: &str = "supervise/status";
const DEATHS: &str = "supervise/death_tally";
/// No more than this, in bytes, is read of a record, whatever somebody has written there.
const MAX_RECORD: u64 = 128 * 1024;

/// One service directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servicedir {
    path: PathBuf,
}

/// What a supervisor holds of a service directory while it supervises it.
#[derive(Debug)]
pub struct Held {
    /// `supervise/lock`, locked. By the lock clients see that the service is supervised.
    pub lock: File,
    /// `supervise/control`, open for reading and writing, so that it never ends.
    pub control: File,
}

impl Servicedir {
    /// The service directory at `path`; nothing is looked at yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its configuration files.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new(self)
    }

    /// Makes `event/` and `supervise/` ready for a supervisor, and takes the lock; none
    /// when another supervisor has it.
    pub fn hold(&self) -> anyhow::Result<Option<Held>> {
        fifodir::make(&self.join("event")).context("make event")?;
        make_directory(&self.join("supervise")).context("make supervise")?;
        // Whoever can reach the file may look for the lock, as `s6-svok` does.
        let lock = lock::lock(&self.join("supervise/lock"), 0o644);
        let Some(lock) = lock.context("lock supervise/lock")? else {
            return Ok(None);
        };
        let control = open_control(&self.join("supervise/control"));
        let control = control.context("open supervise/control")?;
        self.forget_deaths()?;
        Ok(Some(Held { lock, control }))
    }

    /// Whether a supervisor holds the directory, as `s6-svok` sees it.
    pub fn is_supervised(&self) -> io::Result<bool> {
        lock::is_locked(&self.join("supervise/lock"))
    }

    /// Sends letters to the supervisor. [`is_nobody_there`] tells whether an error means
    /// that there is none.
    pub fn send(&self, letters: &[u8]) -> io::Result<()> {
        send(&self.join("supervise/control"), letters)
    }

    /// Reads the status record, whatever release of s6 its supervisor is of.
    pub fn status(&self) -> io::Result<Status> {
        let record = read_beginning(&self.join(STATUS), MAX_RECORD)?;
        Status::decode(&record).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))
    }

    /// Replaces the status record whole, so that no reader sees half of it.
    pub fn write_status(&self, status: &Status, layout: Layout) -> anyhow::Result<()> {
        self.replace(STATUS, &status.encode(layout))
    }

    /// The last deaths, oldest first.
    pub fn deaths(&self) -> io::Result<Vec<Death>> {
        let bytes = read_beginning(&self.join(DEATHS), MAX_RECORD)?;
        Ok(tally::decode(&bytes))
    }

    /// Adds a death, and forgets the oldest when there are more than `max`. The file is
    /// read each time, since `s6-svdt-clear` empties it without asking the supervisor.
    pub fn add_death(&self, death: &Death, max: usize) -> anyhow::Result<()> {
        if max == 0 {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let mut file = open_regular_with(&self.join(DEATHS), options.append(true).create(true))?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if length.is_multiple_of(DEATH_SIZE) && length / DEATH_SIZE < max {
            return Ok(file.write_all(&tally::encode(&[*death]))?);
        }
        let mut deaths = self.deaths().unwrap_or_default();
        deaths.push(*death);
        let first = deaths.len().saturating_sub(max);
        self.replace(DEATHS, &tally::encode(&deaths[first..]))
    }

    /// A new supervisor begins a new tally. What is no file gives way to one, as it does
    /// to the status.
    fn forget_deaths(&self) -> anyhow::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        if open_regular_with(&self.join(DEATHS), &mut options).is_ok() {
            return Ok(());
        }
        self.replace(DEATHS, &[])
    }

    /// Whether the service is up by default: no `down` file.
    #[must_use]
    pub fn is_normally_up(&self) -> bool {
        !self.join("down").exists()
    }

    /// Makes or removes the `down` file.
    pub fn set_normally_up(&self, up: bool) -> io::Result<()> {
        if !up && !self.is_normally_up() {
            // Whatever it is, it is there.
            return Ok(());
        }
        if !up {
            let mut options = OpenOptions::new();
            options.write(true).create(true);
            return open_regular_with(&self.join("down"), &mut options).map(drop);
        }
        match fs::remove_file(self.join("down")) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Writes an event to all who listen in `event/`.
    pub fn notify(&self, event: &[u8]) -> io::Result<()> {
        fifodir::notify(&self.join("event"), event)
    }

    /// Listens in `event/`: everything that is notified from now on is seen. First
    /// subscribe, then read the status, then wait, so that nothing is missed.
    pub fn subscribe(&self) -> io::Result<Subscription> {
        fifodir::make(&self.join("event"))?;
        Subscription::new(&self.join("event"))
    }

    /// It is a new file each time, so that nothing has to be asked of the old one.
    fn replace(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        files::put(&self.join(name), content, Durability::Unsynced, None)
    }
}

/// Writes letters to the FIFO of a supervisor, all at once. [`is_nobody_there`] tells
/// whether an error means that nobody reads it.
pub fn send(control: &Path, letters: &[u8]) -> io::Result<()> {
    let mut control = open_fifo(control, OpenOptions::new().write(true))?;
    if letters.is_empty() {
        return Ok(());
    }
    control.write_all(letters)
}

/// Opens the FIFO of a supervisor, which is made if it is missing. It is open for
/// reading and writing, so that it never ends.
pub fn open_control(path: &Path) -> io::Result<File> {
    make_fifo(path, 0o600)?;
    open_fifo(path, OpenOptions::new().read(true).write(true))
}

/// Makes a directory of mode 0700, or the one to which a dangling symbolic link points;
/// false if it was there.
pub fn make_directory(path: &Path) -> io::Result<bool> {
    let result = fs::DirBuilder::new().mode(0o700).create(path);
    match result {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    match path.metadata() {
        Ok(found) if found.is_dir() => Ok(false),
        Ok(found) => Err(regular::not(&found, "a directory")),
        // Links that lead round in a circle are another error, so this comes to an end.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let target = fs::read_link(path).map_err(|_| error)?;
            let beside = path.parent().unwrap_or(Path::new("."));
            make_directory(&beside.join(target))
        }
        Err(error) => Err(error),
    }
}

/// Makes a FIFO. Its mode is set afterwards, since the umask would take bits away.
fn make_fifo(path: &Path, mode: u32) -> io::Result<()> {
    match nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
        Err(nix::Error::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
