//! Reads the files of `/nodes` with as few system calls as possible.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use exit::escape;
use files::{Kind, Links, Unfit, open_regular};
use nix::fcntl::OFlag;

/// A file of this size in bytes is refused: a node's line is at most a few hundred
/// bytes long.
pub(super) const MAX_FILE: usize = 1024;
/// Flags for opening what its folder calls a regular file. It may have become something
/// else since then: a symbolic link is not followed, and a FIFO is not waited for.
const SAFELY: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK);

/// What is there under a name. That it cannot be read is neither of these, but an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// There is nothing.
    Absent,
    /// It is text, which may be a node's line.
    Line(&'a str),
    /// It is something that cannot be a node's file.
    NoNode(Why),
}

/// Why something cannot be a node's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Unfit(Unfit),
    TooLong,
    NotUtf8,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(unfit) => unfit.fmt(f),
            Self::TooLong => f.write_str("it is too long for a node's line"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
        }
    }
}

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

    /// The content of the file with this name, which its folder says to be of this kind.
    pub(super) fn read(&mut self, file_name: &OsStr, kind: Kind) -> anyhow::Result<Content<'_>> {
        if let Some(unfit) = kind.unfit() {
            return Ok(Content::NoNode(Why::Unfit(unfit)));
        }
        self.path.truncate(self.directory);
        self.path.extend_from_slice(file_name.as_bytes());
        let path = Path::new(OsStr::from_bytes(&self.path));
        content(path, kind, &mut self.buffer).with_context(|| {
            let path = path.as_os_str().as_bytes();
            format!("read {}", escape(path))
        })
    }
}

/// The content of one file.
pub(super) fn read<'a>(path: &Path, buffer: &'a mut [u8; MAX_FILE]) -> anyhow::Result<Content<'a>> {
    content(path, Kind::Unknown, buffer).with_context(|| format!("read {}", path.display()))
}

fn content<'a>(path: &Path, kind: Kind, buffer: &'a mut [u8; MAX_FILE]) -> io::Result<Content<'a>> {
    let file = match open(path, kind) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Absent),
        Err(error) => return no_node(error),
        Ok(file) => file,
    };
    let length = match read_once(&file, buffer) {
        // It is no regular file any more.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Ok(Content::NoNode(Why::Unfit(Unfit::Kind)));
        }
        length => length?,
    };
    if length == MAX_FILE {
        return Ok(Content::NoNode(Why::TooLong));
    }
    Ok(match std::str::from_utf8(&buffer[..length]) {
        Ok(line) => Content::Line(line),
        Err(_) => Content::NoNode(Why::NotUtf8),
    })
}

/// Opens the file. To ask what it is takes another system call, which what the folder
/// says makes superfluous.
fn open(path: &Path, kind: Kind) -> io::Result<File> {
    if kind != Kind::File {
        return open_regular(path, Links::Refuse).map(|(file, _)| file);
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(SAFELY.bits()).open(path);
    file.map_err(|error| Unfit::behind(error, path, Links::Refuse))
}

fn no_node(error: io::Error) -> io::Result<Content<'static>> {
    match Unfit::of(&error) {
        Some(unfit) => Ok(Content::NoNode(Why::Unfit(unfit))),
        None => Err(error),
    }
}

/// Reads with a single call, unless a signal cuts that short.
fn read_once(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
