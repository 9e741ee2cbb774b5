//! Opens what is in a service directory without ever waiting for it.
//!
//! Anybody who may write there can put a FIFO, a device or a link to one where a file
//! is expected. To open a FIFO waits for its other end, and a first process that waits
//! supervises nobody. To open a device may do more than that, so it is looked at first.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::{O_DIRECTORY, O_NOCTTY, O_NONBLOCK};

/// Opens a regular file for reading, or what a link to one names. Nothing is waited
/// for, and anything else is an error that says what it is.
pub fn open_regular(path: &Path) -> io::Result<File> {
    open_regular_with(path, OpenOptions::new().read(true))
}

/// Like [`open_regular`], with these options.
pub fn open_regular_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    open(path, options, "a file", Metadata::is_file)
}

/// The beginning of a regular file: at most `max` bytes of it.
pub fn read_beginning(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a directory.
pub fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(O_DIRECTORY | O_NONBLOCK)
        .open(path)
}

/// Opens a FIFO with these options; for writing there has to be a reader.
pub(crate) fn open_fifo(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let is_fifo = |found: &Metadata| found.file_type().is_fifo();
    open(path, options, "a FIFO", is_fifo)
}

fn open(
    path: &Path,
    options: &mut OpenOptions,
    wanted: &str,
    is_wanted: impl Fn(&Metadata) -> bool,
) -> io::Result<File> {
    let check = |found: &Metadata| {
        if is_wanted(found) {
            return Ok(());
        }
        Err(not(found, wanted))
    };
    if let Ok(found) = path.metadata() {
        check(&found)?;
    }
    let file = options.custom_flags(O_NONBLOCK | O_NOCTTY).open(path)?;
    // Somebody may have put another one there since.
    check(&file.metadata()?)?;
    Ok(file)
}

/// The error for something that is not what is `wanted`.
pub(crate) fn not(found: &Metadata, wanted: &str) -> io::Error {
    io::Error::other(format!("it is {}, not {wanted}", kind(found)))
}

/// What it is, in words.
#[must_use]
pub fn kind(found: &Metadata) -> &'static str {
    let its = found.file_type();
    match () {
        () if its.is_file() => "a file",
        () if its.is_dir() => "a directory",
        () if its.is_symlink() => "a symbolic link",
        () if its.is_fifo() => "a FIFO",
        () if its.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_file_is_read_up_to_the_limit_through_a_link_as_well() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        let file = File::create(path("huge")).unwrap();
        file.set_len(1 << 30).unwrap();
        symlink("huge", path("link")).unwrap();
        for name in ["huge", "link"] {
            assert_eq!(read_beginning(&path(name), 5).unwrap(), [0; 5]);
        }
    }

    #[test]
    fn anything_else_is_called_by_its_name_and_not_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::create_dir(path("directory")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        symlink("/dev/tty", path("tty")).unwrap();
        symlink("fifo", path("link")).unwrap();
        for (name, kind) in [
            ("fifo", "a FIFO"),
            ("link", "a FIFO"),
            ("directory", "a directory"),
            ("socket", "a socket"),
            ("zero", "a device"),
            ("tty", "a device"),
        ] {
            let wanted = format!("it is {kind}, not a file");
            let error = open_regular(&path(name)).unwrap_err();
            assert_eq!(error.to_string(), wanted, "{name}");
            let error = open_regular_with(&path(name), OpenOptions::new().write(true));
            assert_eq!(error.unwrap_err().to_string(), wanted, "{name}");
        }
        let error = open_fifo(&path("socket"), OpenOptions::new().write(true)).unwrap_err();
        assert_eq!(error.to_string(), "it is a socket, not a FIFO");
        assert!(open_directory(&path("fifo")).is_err());
        assert!(open_directory(&path("directory")).is_ok());
    }

    #[test]
    fn what_is_missing_or_links_to_itself_is_the_systems_error() {
        let scratch = tempfile::tempdir().unwrap();
        symlink("round", scratch.path().join("round")).unwrap();
        let missing = open_regular(&scratch.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let round = open_regular(&scratch.path().join("round")).unwrap_err();
        assert_eq!(round.raw_os_error(), Some(nix::libc::ELOOP));
    }
}
