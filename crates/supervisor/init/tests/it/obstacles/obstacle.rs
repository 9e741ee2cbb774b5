//! What may stand where a file is expected.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// Something that a program may wait for, or that never ends, or that is not there after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Fifo,
    LinkToFifo,
    Socket,
    LinkToSocket,
    Endless,
    LinkToEndless,
    LinkToTerminal,
    Directory,
    LinkToDirectory,
    LinkToNowhere,
    LinkToItself,
    Huge,
    LinkToHuge,
    Closed,
}

impl Obstacle {
    pub(super) const ALL: [Obstacle; 14] = [
        Obstacle::Fifo,
        Obstacle::LinkToFifo,
        Obstacle::Socket,
        Obstacle::LinkToSocket,
        Obstacle::Endless,
        Obstacle::LinkToEndless,
        Obstacle::LinkToTerminal,
        Obstacle::Directory,
        Obstacle::LinkToDirectory,
        Obstacle::LinkToNowhere,
        Obstacle::LinkToItself,
        Obstacle::Huge,
        Obstacle::LinkToHuge,
        Obstacle::Closed,
    ];

    pub(super) fn is_a_file(self) -> bool {
        matches!(
            self,
            Obstacle::Huge | Obstacle::LinkToHuge | Obstacle::Closed
        )
    }

    /// Puts it at `path`, whatever is there.
    pub(super) fn take_the_place_of(self, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
            Ok(_) => fs::remove_file(path).unwrap(),
            Err(_) => {}
        }
        match self {
            Obstacle::Fifo => nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap(),
            Obstacle::Socket => socket(path),
            Obstacle::Endless => endless(path),
            Obstacle::Directory => fs::create_dir(path).unwrap(),
            Obstacle::Huge => huge(path),
            Obstacle::Closed => closed(path),
            Obstacle::LinkToFifo => Obstacle::Fifo.behind_a_link(path),
            Obstacle::LinkToSocket => Obstacle::Socket.behind_a_link(path),
            Obstacle::LinkToDirectory => Obstacle::Directory.behind_a_link(path),
            Obstacle::LinkToHuge => Obstacle::Huge.behind_a_link(path),
            Obstacle::LinkToEndless => symlink("/dev/zero", path).unwrap(),
            Obstacle::LinkToTerminal => symlink("/dev/tty", path).unwrap(),
            Obstacle::LinkToNowhere => symlink("/nowhere/at/all", path).unwrap(),
            Obstacle::LinkToItself => symlink(path.file_name().unwrap(), path).unwrap(),
        }
    }

    fn behind_a_link(self, path: &Path) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let target = PathBuf::from(format!(".behind-{name}"));
        self.take_the_place_of(&path.with_file_name(&target));
        symlink(target, path).unwrap();
    }
}

/// Its path may be longer than an address can be.
fn socket(path: &Path) {
    let dir = harness::scratch();
    let short = dir.path().join("s");
    drop(UnixListener::bind(&short).unwrap());
    fs::rename(short, path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A device like /dev/zero; a link to it where this user may not make one.
fn endless(path: &Path) {
    if mknod(path, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5)).is_err() {
        symlink("/dev/zero", path).unwrap();
    }
}

/// A gigabyte that takes no room.
fn huge(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(1 << 30).unwrap();
    file.set_permissions(Permissions::from_mode(0o755)).unwrap();
}

/// A file that nobody may read but root.
fn closed(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_permissions(Permissions::from_mode(0o000)).unwrap();
    // Only root may give it away.
    let _ = chown(path, Some(65534), Some(65534));
}
