//! Reads the files of `/nodes` with as few system calls as possible.

use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// A file of this size in bytes is refused: a node's line is at most a few hundred
/// bytes long.
pub(super) const MAX_FILE: usize = 1024;
/// Flags for opening a file: a symbolic link that somebody put there is not followed,
/// and a FIFO does not block the reader.
const SAFELY: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK);

/// Reads one file after another, with one buffer for all paths and one for all lines:
/// with ten thousand files, allocations for each take a noticeable time.
pub(super) struct Reader {
    path: Vec<u8>,
    /// How many bytes at the beginning of `path` are the directory.
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

    /// The content of the file with this name; `None` if there is no such file.
    pub(super) fn line(&mut self, file_name: &OsStr) -> io::Result<Option<&str>> {
        self.path.truncate(self.directory);
        self.path.extend_from_slice(file_name.as_bytes());
        read_line(Path::new(OsStr::from_bytes(&self.path)), &mut self.buffer)
    }
}

/// Reads a file with a single call; `None` if there is no such file. It is an error
/// if the content fills the buffer, is not UTF-8, or cannot be read.
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
        // The end of a regular file, or something like a FIFO that nobody writes to,
        // which gets an error of its own.
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

/// An error that says what the file is, if it is not a regular one; otherwise the
/// given error, which then tells a person more.
fn because(error: io::Error, metadata: io::Result<Metadata>) -> io::Error {
    other_kind(metadata).unwrap_or(error)
}

/// The error for anything but a regular file; `None` for a regular one.
fn other_kind(metadata: io::Result<Metadata>) -> Option<io::Error> {
    let kind = metadata.ok()?.file_type();
    if kind.is_symlink() {
        Some(io::Error::other("it is a symbolic link"))
    } else {
        (!kind.is_file()).then(|| io::Error::other("it is not a file"))
    }
}
