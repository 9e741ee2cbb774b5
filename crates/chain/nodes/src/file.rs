//! The files of `/nodes`, each read in as few calls as can be.

use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// A node's line is at most a few hundred bytes long.
pub(super) const MAX_FILE: usize = 1024;
/// Neither a link nor a FIFO that somebody put there may lead a reader astray.
const SAFELY: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK);

/// Reads one file after the other, with one place for all paths and one for all
/// lines: what is allocated for each shows when there are ten thousand.
pub(super) struct Reader {
    path: Vec<u8>,
    /// How much of the path is the directory's.
    directory: usize,
    buffer: [u8; MAX_FILE],
}

impl Reader {
    pub(super) fn new(directory: &Path) -> Self {
        // An empty component makes the path end in a slash.
        let path = directory.join("").into_os_string().into_encoded_bytes();
        Self {
            directory: path.len(),
            path,
            buffer: [0; MAX_FILE],
        }
    }

    /// The line of the file of this name; `None` when there is no such file.
    pub(super) fn line(&mut self, file_name: &OsStr) -> io::Result<Option<&str>> {
        self.path.truncate(self.directory);
        self.path.extend_from_slice(file_name.as_bytes());
        read_line(Path::new(OsStr::from_bytes(&self.path)), &mut self.buffer)
    }
}

/// One read call a file: what is longer than a line can be is not read on.
pub(super) fn read_line<'a>(
    path: &Path,
    buffer: &'a mut [u8; MAX_FILE],
) -> io::Result<Option<&'a str>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(SAFELY.bits())
        .open(path);
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(because(error, path.symlink_metadata())),
        Ok(file) => file,
    };
    let length = match file.read(buffer) {
        // A FIFO gives nothing, or has nothing yet. What gives a line is taken.
        Ok(0) => other_kind(file.metadata()).map_or(Ok(0), Err)?,
        Ok(length) => length,
        Err(error) => return Err(because(error, file.metadata())),
    };
    if length == MAX_FILE {
        return Err(io::Error::other("it is too long for a node's line"));
    }
    match std::str::from_utf8(&buffer[..length]) {
        Ok(line) => Ok(Some(line)),
        Err(_) => Err(io::Error::other("it is not UTF-8")),
    }
}

/// The error, or what says more to a person than it does.
fn because(error: io::Error, metadata: io::Result<Metadata>) -> io::Error {
    other_kind(metadata).unwrap_or(error)
}

/// What is wrong with something that is no file.
fn other_kind(metadata: io::Result<Metadata>) -> Option<io::Error> {
    let kind = metadata.ok()?.file_type();
    if kind.is_symlink() {
        Some(io::Error::other("it is a symbolic link"))
    } else {
        (!kind.is_file()).then(|| io::Error::other("it is not a file"))
    }
}
