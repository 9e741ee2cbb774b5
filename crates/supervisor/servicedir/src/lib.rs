//! The s6 service directory as bytes: what the programs of s6 2.10 to 2.15 read
//! and write in it, for the supervisor and for its clients.
//!
//! Everything is relative to the path of a [`Servicedir`]. A supervisor whose
//! directories may be renamed enters the directory and uses the path `.`.

mod control;
mod fifodir;
mod lock;
mod reason;
mod settings;
mod stamp;
mod status;
mod tally;
mod wait_status;

pub use control::{LETTERS, Letter};
pub use fifodir::{Subscription, is_nobody_there};
pub use lock::{is_locked, lock, lock_file};
pub use nix::sys::signal::Signal;
pub use reason::reason;
pub use settings::{KillMode, Settings, parse_signal};
pub use stamp::Stamp;
pub use status::{Layout, NoRecord, Status};
pub use tally::{DEATH_SIZE, Death};
pub use wait_status::WaitStatus;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use files::Durability;
use nix::libc::O_NONBLOCK;

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
    pub fn hold(&self) -> io::Result<Option<Held>> {
        fifodir::make(&self.join("event"))?;
        make_directory(&self.join("supervise"))?;
        // Whoever can reach the file may look for the lock, as `s6-svok` does.
        let Some(lock) = lock::lock(&self.join("supervise/lock"), 0o644)? else {
            return Ok(None);
        };
        let control = open_control(&self.join("supervise/control"))?;
        File::create(self.join(DEATHS))?;
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
        let mut record = Vec::new();
        File::open(self.join(STATUS))?
            .take(MAX_RECORD)
            .read_to_end(&mut record)?;
        Status::decode(&record).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))
    }

    /// Replaces the status record whole, so that no reader sees half of it.
    pub fn write_status(&self, status: &Status, layout: Layout) -> anyhow::Result<()> {
        self.replace(STATUS, &status.encode(layout))
    }

    /// The last deaths, oldest first.
    pub fn deaths(&self) -> io::Result<Vec<Death>> {
        let mut bytes = Vec::new();
        File::open(self.join(DEATHS))?
            .take(MAX_RECORD)
            .read_to_end(&mut bytes)?;
        Ok(tally::decode(&bytes))
    }

    /// Adds a death, and forgets the oldest when there are more than `max`. The file is
    /// read each time, since `s6-svdt-clear` empties it without asking the supervisor.
    pub fn add_death(&self, death: &Death, max: usize) -> anyhow::Result<()> {
        if max == 0 {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.join(DEATHS))?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if length.is_multiple_of(DEATH_SIZE) && length / DEATH_SIZE < max {
            return Ok(file.write_all(&tally::encode(&[*death]))?);
        }
        let mut deaths = self.deaths().unwrap_or_default();
        deaths.push(*death);
        let first = deaths.len().saturating_sub(max);
        self.replace(DEATHS, &tally::encode(&deaths[first..]))
    }

    /// Whether the service is up by default: no `down` file.
    #[must_use]
    pub fn is_normally_up(&self) -> bool {
        !self.join("down").exists()
    }

    /// Makes or removes the `down` file.
    pub fn set_normally_up(&self, up: bool) -> io::Result<()> {
        if !up {
            return File::create(self.join("down")).map(drop);
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
    let mut control = OpenOptions::new()
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open(control)?;
    if letters.is_empty() {
        return Ok(());
    }
    control.write_all(letters)
}

/// Opens the FIFO of a supervisor, which is made if it is missing. It is open for
/// reading and writing, so that it never ends.
pub fn open_control(path: &Path) -> io::Result<File> {
    make_fifo(path, 0o600)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        Ok(file)
    } else {
        Err(io::Error::other("it exists and is no FIFO"))
    }
}

/// Makes a directory of mode 0700, or the one to which a dangling symbolic link points;
/// false if it was there.
pub fn make_directory(path: &Path) -> io::Result<bool> {
    let result = fs::DirBuilder::new().mode(0o700).create(path);
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Err(_) if path.is_dir() => Ok(false),
        Err(error) => {
            let target = fs::read_link(path).map_err(|_| error)?;
            let beside = path.parent().unwrap_or(Path::new("."));
            make_directory(&beside.join(target))
        }
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
