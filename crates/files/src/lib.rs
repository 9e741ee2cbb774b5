//! Files that are read, locked and replaced as a whole: a reader sees either the
//! old content or the new one, never a part of it.

mod folder;
mod links;
mod lock;
mod moment;
mod regular;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

pub use folder::{Entry, Kind, list};
pub use lock::{lock, lock_beside, lock_until, try_lock};
pub use moment::Moment;
pub use regular::{Links, Unfit, open_regular};

/// The mode of a file that did not exist before: everybody may read it. Once
/// somebody has set a stricter mode, that is kept.
const NEW_FILE_MODE: u32 = 0o644;
/// The extension of a file that is about to take the place of another.
const HALF_MADE: &str = "new";

/// Whether a replaced file has to survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The new content is on the disk when the call returns.
    Synced,
    /// Readers still see a whole file at any moment, but after a power cut it may have
    /// its old content or none. This is for files that the next run can make again.
    Unsynced,
}

/// Replaces the content of `path`. A file that exists keeps its mode and owner. If it is
/// a symbolic link, that stays, and the file which it names is replaced, or made.
///
/// The content is written to `.NAME.new` beside it, which is then renamed. A
/// `.NAME.new` that is there already is taken for the leftover of a killed run and
/// removed, so the caller must hold a lock.
pub fn replace(path: &Path, content: &[u8], durability: Durability) -> anyhow::Result<()> {
    Staged::of(path, content, durability)?.put()
}

/// Like [`replace`], for a caller that knows the metadata of the old file already
/// (`None` if there is none): with ten thousand files a `stat` for each takes a
/// noticeable time. What is no regular file, as a symbolic link, is itself replaced.
pub fn put(
    path: &Path,
    content: &[u8],
    durability: Durability,
    old: Option<&Metadata>,
) -> anyhow::Result<()> {
    Staged::new(path, content, durability, old)?.put()
}

/// A file's new content, written beside it. It is gone when the value is dropped before
/// it was put into place.
#[derive(Debug)]
pub struct Staged {
    /// Where the content is; `None` once it is in place.
    new: Option<PathBuf>,
    path: PathBuf,
    /// The folder, if the content has to survive a power cut.
    folder: Option<File>,
    /// Whether the old file and the new one may change places.
    swaps: bool,
}

impl Staged {
    /// Writes the new content of `path` beside it. Whatever can fail for want of room,
    /// fails here: so several files are first all staged, and then put into place.
    pub fn of(path: &Path, content: &[u8], durability: Durability) -> anyhow::Result<Self> {
        let end = links::end_of(path);
        let (path, old) = end.with_context(|| format!("replace {}", path.display()))?;
        Self::new(&path, content, durability, old.as_ref())
    }

    fn new(
        path: &Path,
        content: &[u8],
        durability: Durability,
        old: Option<&Metadata>,
    ) -> anyhow::Result<Self> {
        let new = beside(path, HALF_MADE);
        // Opened first, so that a failure to do so is one before anything has changed.
        let folder = (durability == Durability::Synced).then(|| open_folder_of(path));
        let folder = folder.transpose()?;
        let staged = Self {
            new: Some(new.clone()),
            path: path.to_path_buf(),
            swaps: folder.is_none() && old.is_some_and(Metadata::is_file),
            folder,
        };
        write_new(&new, content, durability, old)
            .with_context(|| format!("replace {}", path.display()))?;
        Ok(staged)
    }

    /// Puts the content into place.
    pub fn put(mut self) -> anyhow::Result<()> {
        if let Some(new) = &self.new {
            let path = self.path.display();
            if !self.swaps || !swap(new, &self.path) {
                rename(new, &self.path).with_context(|| format!("replace {path}"))?;
            }
        }
        self.new = None;
        if let Some(folder) = &self.folder {
            let synced = folder.sync_all();
            let path = self.path.display();
            synced.with_context(|| format!("sync the directory of {path}"))?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(new) = &self.new {
            let _ = fs::remove_file(new);
        }
    }
}

/// Reads a file; `None` if there is none. One of more than `max` bytes is an error
/// ([`Unfit`]), and so is what is no regular file, such as a FIFO, which is not waited
/// for.
pub fn read(path: &Path, max: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let content = match open_regular(path, Links::Follow) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.and_then(|(file, metadata)| read_all(file, &metadata, max.saturating_add(1))),
    };
    let content = content.and_then(|content| {
        if content.len() as u64 > max {
            Err(Unfit::Size(max).into())
        } else {
            Ok(Some(content))
        }
    });
    content.with_context(|| format!("read {}", path.display()))
}

/// Reads at most `max` bytes, into a buffer that is allocated at once: growing it
/// would take longer than reading.
fn read_all(file: File, metadata: &Metadata, max: u64) -> io::Result<Vec<u8>> {
    let size = metadata.len().saturating_add(1).min(max);
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(max).read_to_end(&mut content)?;
    Ok(content)
}

/// The path `.NAME.EXTENSION` beside `path`, where a program keeps its own data
/// about that file.
#[must_use]
pub fn beside(path: &Path, extension: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut beside = OsString::with_capacity(name.len() + extension.len() + 2);
    for part in [".".as_ref(), name, ".".as_ref(), extension.as_ref()] {
        beside.push(part);
    }
    path.with_file_name(beside)
}

/// Whether `path` is what a run that was killed has left of a replacement.
#[must_use]
pub fn is_half_made(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let name = name
        .strip_prefix('.')
        .and_then(|it| it.strip_suffix(HALF_MADE));
    name.is_some_and(|name| name.ends_with('.'))
}

fn write_new(
    new: &Path,
    content: &[u8],
    durability: Durability,
    old: Option<&Metadata>,
) -> anyhow::Result<()> {
    let mut file = create(new).with_context(|| format!("create {}", new.display()))?;
    if let Some(old) = old {
        keep_mode_and_owner(&file, old).context("keep its mode and owner")?;
    }
    file.write_all(content)
        .and_then(|()| {
            if durability == Durability::Synced {
                file.sync_all()
            } else {
                Ok(())
            }
        })
        // A file system on another machine may refuse what was written only here.
        .and_then(|()| Ok(nix::unistd::close(file)?))
        .with_context(|| format!("write {}", new.display()))
}

/// Creates the file. A leftover of a killed run is removed instead of opened, since
/// a symbolic link there could lead anywhere.
fn create(new: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(NEW_FILE_MODE);
    match options.open(new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(new)?;
            options.open(new)
        }
        other => other,
    }
}

fn keep_mode_and_owner(new: &File, old: &Metadata) -> io::Result<()> {
    let metadata = new.metadata()?;
    if (metadata.uid(), metadata.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    let mode = old.mode() & 0o7777;
    if metadata.mode() & 0o7777 != mode {
        new.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Lets the two change places, and removes the old file; `false` if the file system does not do
/// that, or if a folder has come into the place of the old file, which stays. To rename one over
/// the other, ext4 takes seven times as long: it begins to write the new content to the disk.
fn swap(new: &Path, path: &Path) -> bool {
    let exchange = || renameat2(AT_FDCWD, new, AT_FDCWD, path, RenameFlags::RENAME_EXCHANGE);
    if exchange().is_err() {
        return false;
    }
    match fs::remove_file(new) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            // If this fails, so does the rename that follows, and it is told.
            let _ = exchange();
            false
        }
        Err(_) => {
            // A file system of another machine may have been interrupted. What is left all the
            // same is removed when the file is next replaced.
            let _ = fs::remove_file(new);
            true
        }
        Ok(()) => true,
    }
}

fn rename(new: &Path, path: &Path) -> anyhow::Result<()> {
    match fs::rename(new, path) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Err(anyhow!(
            "it is a bind mount, which cannot be replaced: mount its directory instead"
        )),
        other => other.context("rename the new file into place"),
    }
}

fn open_folder_of(path: &Path) -> anyhow::Result<File> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(folder).with_context(|| format!("open the directory {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_new_file_can_be_read_by_anybody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("haproxy.cfg");
        replace(&path, b"global\n", Durability::Synced).unwrap();
        assert_eq!(read(&path, 100).unwrap().unwrap(), b"global\n");
        assert_eq!(mode(&path) & !0o022, 0o644);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("haproxy.cfg");
        replace(&path, b"old", Durability::Unsynced).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"new", Durability::Unsynced).unwrap();
        assert_eq!(mode(&path), 0o640);
        assert_eq!(read(&path, 3).unwrap().unwrap(), b"new");
    }

    #[test]
    fn what_a_killed_run_left_is_overwritten_and_a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s1");
        let victim = directory.path().join("victim");
        replace(&victim, b"victim", Durability::Unsynced).unwrap();
        std::os::unix::fs::symlink(&victim, directory.path().join(".s1.new")).unwrap();
        replace(&path, b"s1", Durability::Unsynced).unwrap();
        assert_eq!(read(&victim, 10).unwrap().unwrap(), b"victim");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_that_came_into_the_place_meanwhile_stays_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s1");
        replace(&path, b"old", Durability::Unsynced).unwrap();
        let staged = Staged::of(&path, b"new", Durability::Unsynced).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        replace(&path.join("kept"), b"kept", Durability::Unsynced).unwrap();
        assert!(staged.put().is_err());
        assert_eq!(read(&path.join("kept"), 10).unwrap().unwrap(), b"kept");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::remove_dir_all(&path).unwrap();
        replace(&path, b"new", Durability::Unsynced).unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"new");
    }

    #[test]
    fn what_is_no_regular_file_is_told_and_never_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        fs::create_dir(path("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/null", path("device")).unwrap();
        for name in ["fifo", "folder", "socket", "device"] {
            let error = format!("{:#}", read(&path(name), 10).unwrap_err());
            let expected = format!("read {}: it is no regular file", path(name).display());
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn what_is_staged_takes_its_place_only_when_it_is_put() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("haproxy.cfg");
        replace(&path, b"old", Durability::Synced).unwrap();
        let stage = || Staged::of(&path, b"new", Durability::Synced).unwrap();
        drop(stage());
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let staged = stage();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"old");
        staged.put().unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busy");
        fs::create_dir(&path).unwrap();
        let error = replace(&path, b"new", Durability::Unsynced).unwrap_err();
        assert!(format!("{error:#}").starts_with(&format!("replace {}: ", path.display())));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_larger_than_allowed_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("huge");
        replace(&path, &[b'x'; 11], Durability::Unsynced).unwrap();
        let error = read(&path, 10).unwrap_err();
        assert!(format!("{error:#}").ends_with("it is larger than 10 bytes"));
        assert!(Unfit::is_in(&error));
    }

    #[test]
    fn a_file_that_is_not_there_is_not_an_error() {
        assert!(read(Path::new("/nonexistent/file"), 10).unwrap().is_none());
    }
}
