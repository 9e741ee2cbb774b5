//! Opens regular files, and nothing that could be waited for.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// What becomes of a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The file that it names is opened.
    Follow,
    /// It is refused, since somebody who may write to its folder only could let it lead
    /// anywhere.
    Refuse,
}

/// Why something cannot be read that is there and that the system would let us read.
/// This is no failure: it never was one of our files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is a symbolic link, which is not to be followed.
    Link,
    /// It is a folder, a FIFO, a socket or a device.
    Kind,
    /// It is larger than this many bytes.
    Size(u64),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("it is a symbolic link"),
            Self::Kind => f.write_str("it is no regular file"),
            Self::Size(max) => write!(f, "it is larger than {max} bytes"),
        }
    }
}

impl std::error::Error for Unfit {}

impl Unfit {
    /// Whether this is what the error says.
    #[must_use]
    pub fn is_in(error: &anyhow::Error) -> bool {
        let mut causes = error.chain();
        causes.any(|cause| match cause.downcast_ref::<io::Error>() {
            Some(error) => Self::of(error).is_some(),
            None => cause.is::<Self>(),
        })
    }

    /// What the error says of the file, if that is what it is about.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl Unfit {
    /// What a failure to open says about the kind of the file, if it does, else the same
    /// error: a socket, a FIFO without a reader and, for writing, a folder cannot be
    /// opened at all. Every other failure is no word on the file.
    #[must_use]
    pub fn behind(error: io::Error, path: &Path, links: Links) -> io::Error {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ELOOP) if links == Links::Refuse && path.is_symlink() => Self::Link.into(),
            Some(Errno::ENXIO | Errno::EISDIR) => match path.metadata() {
                Ok(metadata) if !metadata.is_file() => Self::Kind.into(),
                _ => error,
            },
            _ => error,
        }
    }
}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> Self {
        Self::other(unfit)
    }
}

/// Opens a regular file for reading. The error for anything else is an [`Unfit`], and a
/// FIFO or a device is not waited for.
pub fn open_regular(path: &Path, links: Links) -> io::Result<(File, Metadata)> {
    open(path, OpenOptions::new().read(true), links)
}

/// Opens a regular file as `options` say.
pub(crate) fn open(
    path: &Path,
    options: &mut OpenOptions,
    links: Links,
) -> io::Result<(File, Metadata)> {
    let flags = match links {
        Links::Follow => OFlag::O_NONBLOCK,
        Links::Refuse => OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW,
    };
    let file = match options.custom_flags(flags.bits()).open(path) {
        Err(error) => return Err(Unfit::behind(error, path, links)),
        Ok(file) => file,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(Unfit::Kind.into())
    }
}
