//! `event/`, which s6 calls a "fifodir": every listener has a FIFO of its own in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::regular::open_fifo;
use crate::{Stamp, make_directory, make_fifo};

const PREFIX: &str = "ftrig1:@";
/// The prefix, 24 digits of a time stamp, a colon and six letters by chance.
const NAME_LENGTH: usize = 39;
/// Group members may subscribe but not remove the others' FIFOs.
const MODE: u32 = 0o3730;

/// Makes the directory. One that exists is used as it is, since the first client makes
/// it as well.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    if !make_directory(path)? {
        return Ok(());
    }
    let group = nix::unistd::getegid().as_raw();
    std::os::unix::fs::chown(path, None, Some(group))?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))
}

/// Writes `event` into every listener's FIFO, and removes the FIFOs that nobody reads.
/// Nobody waits for a listener that is slow to read: it loses events.
pub(crate) fn notify(path: &Path, event: &[u8]) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.len() == NAME_LENGTH && name.starts_with(PREFIX.as_bytes()) {
            notify_one(&entry.path(), event);
        }
    }
    Ok(())
}

fn notify_one(path: &Path, event: &[u8]) {
    let result = match open_fifo(path, OpenOptions::new().write(true)) {
        Ok(mut fifo) => fifo.write(event).map(drop),
        Err(error) => Err(error),
    };
    if result.is_err_and(|error| is_nobody_there(&error)) {
        let _ = fs::remove_file(path);
    }
}

/// Whether a FIFO could not be written to because nobody has it open for reading.
#[must_use]
pub fn is_nobody_there(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENXIO | libc::EPIPE))
}

/// A listener's FIFO; it is removed when this is dropped.
#[derive(Debug)]
pub struct Subscription {
    fifo: File,
    path: PathBuf,
}

impl Subscription {
    /// The FIFO gets its final name last, so that no event comes before somebody reads.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let name = format!("{PREFIX}{}:{}", Stamp::now().hex(), chance()?);
        let hidden = directory.join(format!(".{name}"));
        make_fifo(&hidden, 0o622)?;
        let opened = open_fifo(&hidden, OpenOptions::new().read(true).write(true));
        let path = directory.join(name);
        let fifo = opened.and_then(|fifo| fs::rename(&hidden, &path).map(|()| fifo));
        match fifo {
            Ok(fifo) => Ok(Self { fifo, path }),
            Err(error) => {
                let _ = fs::remove_file(&hidden);
                Err(error)
            }
        }
    }

    /// Waits until something is notified, and gives it; nothing at the deadline.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Option<Vec<u8>>> {
        loop {
            let mut buffer = [0; 64];
            match self.fifo.read(&mut buffer) {
                Ok(length) => return Ok(Some(buffer[..length].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if !self.poll(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Sleeps until there may be something to read; false at the deadline.
    fn poll(&self, deadline: Option<Instant>) -> io::Result<bool> {
        use std::os::fd::AsFd;
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        let mut descriptors = [PollFd::new(self.fifo.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut descriptors, left.map(TimeSpec::from), None) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Six letters by chance: two listeners that come in the same nanosecond must not get
/// the same name.
fn chance() -> io::Result<String> {
    let mut bytes = [0; 6];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect())
}
