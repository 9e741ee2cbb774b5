//! One file of `/nodes`, read in as few calls as can be.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A node's line is at most a few hundred bytes long.
const MAX_FILE: usize = 1024;
/// `O_NOFOLLOW | O_NONBLOCK` of Linux: neither a link nor a FIFO that somebody
/// put there may lead a reader astray.
const NOFOLLOW_NONBLOCK: i32 = 0o400_000 | 0o4_000;

/// One read call a file: what is longer than a line can be is not read on.
pub(super) fn read_line(path: &Path) -> io::Result<Option<String>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(NOFOLLOW_NONBLOCK)
        .open(path);
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(because(error, path.symlink_metadata())),
        Ok(file) => file,
    };
    let mut buffer = [0; MAX_FILE];
    let length = match file.read(&mut buffer) {
        // A FIFO gives nothing, or has nothing yet. What gives a line is taken.
        Ok(0) => other_kind(file.metadata()).map_or(Ok(0), Err)?,
        Ok(length) => length,
        Err(error) => return Err(because(error, file.metadata())),
    };
    if length == MAX_FILE {
        return Err(io::Error::other("it is too long for a node's line"));
    }
    match std::str::from_utf8(&buffer[..length]) {
        Ok(line) => Ok(Some(line.to_string())),
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
