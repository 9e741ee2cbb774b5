//! What is in a folder.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::Unfit;

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is, as far as the folder says so.
    pub kind: Kind,
}

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Other,
    /// Some file systems do not say it here.
    Unknown,
}

impl Kind {
    /// Why it cannot be read as a file, if that is known.
    #[must_use]
    pub fn unfit(self) -> Option<Unfit> {
        match self {
            Self::File | Self::Unknown => None,
            Self::Link => Some(Unfit::Link),
            Self::Folder | Self::Other => Some(Unfit::Kind),
        }
    }

    fn of(kind: Option<Type>) -> Self {
        match kind {
            Some(Type::File) => Self::File,
            Some(Type::Directory) => Self::Folder,
            Some(Type::Symlink) => Self::Link,
            Some(_) => Self::Other,
            None => Self::Unknown,
        }
    }
}

/// All that is in a folder, in the order of the names' bytes. It is an error if the
/// folder cannot be read to its end.
///
/// Unlike with [`std::fs::read_dir`], an error at the folder's closing is no panic.
pub fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let folder = loop {
        match Dir::open(folder, flags, Mode::empty()) {
            Err(Errno::EINTR) => {}
            opened => break opened?,
        }
    };
    let mut entries = Vec::new();
    for entry in folder {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            entries.push(Entry {
                name: OsStr::from_bytes(name).to_os_string(),
                kind: Kind::of(entry.file_type()),
            });
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_there_in_the_order_of_the_names_with_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list(folder.path()).unwrap(), []);
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("b")).unwrap();
        std::fs::File::create(path(".hidden")).unwrap();
        std::os::unix::fs::symlink("b", path("a")).unwrap();
        nix::unistd::mkfifo(&path("c"), Mode::S_IRUSR).unwrap();
        let found = list(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|it| it.name.as_os_str()).collect();
        assert_eq!(names, [".hidden", "a", "b", "c"]);
        if found[0].kind != Kind::Unknown {
            let kinds: Vec<_> = found.iter().map(|it| it.kind).collect();
            assert_eq!(kinds, [Kind::File, Kind::Link, Kind::Folder, Kind::Other]);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_found_and_a_file_is_none() {
        let missing = list(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let file = list(Path::new("/dev/null")).unwrap_err();
        assert_eq!(file.kind(), io::ErrorKind::NotADirectory);
    }
}
