//! Where symbolic links lead.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::Unfit;

/// How many symbolic links may lead from one to the next, as in the kernel.
const MAX_LINKS: usize = 40;

/// Where the symbolic links end that begin at `path`, with the metadata of the file
/// there; `None` if there is none, which only its absence says. Anything but a regular
/// file is an error: it would be gone for everybody if a file took its place.
pub(crate) fn end_of(path: &Path) -> anyhow::Result<(PathBuf, Option<Metadata>)> {
    let mut path = path.to_path_buf();
    for _ in 0..=MAX_LINKS {
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((path, None)),
            metadata => metadata.with_context(|| format!("look at {}", path.display()))?,
        };
        if metadata.is_file() {
            return Ok((path, Some(metadata)));
        }
        if !metadata.is_symlink() {
            return Err(Unfit::Kind.into());
        }
        let target = fs::read_link(&path);
        let target = target.with_context(|| format!("follow the link {}", path.display()))?;
        // A relative one begins at the link's folder; an absolute one takes its place.
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    bail!("more than {MAX_LINKS} symbolic links lead from one to the next")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::{Durability, read, replace};

    #[test]
    fn a_link_stays_and_the_file_that_it_names_is_replaced_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("far")).unwrap();
        replace(&path("far/real"), b"old", Durability::Unsynced).unwrap();
        fs::set_permissions(path("far/real"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("link", path("chain")).unwrap();
        symlink("far/real", path("link")).unwrap();
        symlink(path("far/new"), path("dangling")).unwrap();
        for (link, target) in [
            ("chain", "far/real"),
            ("link", "far/real"),
            ("dangling", "far/new"),
        ] {
            replace(&path(link), link.as_bytes(), Durability::Synced).unwrap();
            assert!(path(link).is_symlink(), "{link}");
            assert_eq!(fs::read(path(target)).unwrap(), link.as_bytes());
        }
        let mode = path("far/real").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(fs::read_dir(path("far")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
    }

    #[test]
    fn what_is_no_regular_file_is_never_replaced_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["fifo", "folder"] {
            let link = path(&format!("to-{name}"));
            symlink(name, &link).unwrap();
            for place in [link, path(name)] {
                let error = replace(&place, b"", Durability::Unsynced).unwrap_err();
                let error = format!("{error:#}");
                assert!(error.ends_with(": it is no regular file"), "{error}");
            }
            assert!(!path(name).is_file());
        }
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("round");
        symlink("round", &path).unwrap();
        let error = replace(&path, b"", Durability::Unsynced).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("symbolic links"), "{error}");
        assert!(read(&path, 10).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_looked_at_is_not_replaced() {
        let long = "x".repeat(300);
        let error = replace(Path::new(&long), b"", Durability::Unsynced).unwrap_err();
        assert!(format!("{error:#}").contains("look at "), "{error:#}");
    }
}
