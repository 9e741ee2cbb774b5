//! `/nodes/.due`: the moment at which the next hold ends, for whoever runs this program
//! again then. It is the Unix time in seconds.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;
use files::Durability;

/// The file in `/nodes`; it is not there while no node is held.
const FILE: &str = ".due";
/// The size in bytes above which the file is no date, and is replaced.
const MAX_FILE: u64 = 64;

/// Makes the file say `due`; `hidden` has its name if it is there.
pub(crate) fn keep(
    nodes: &Path,
    hidden: &[OsString],
    due: Option<SystemTime>,
) -> anyhow::Result<()> {
    let path = nodes.join(FILE);
    let is_there = hidden.iter().any(|name| name == FILE);
    match due {
        None if is_there => {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))
        }
        None => Ok(()),
        Some(due) => {
            let text = text(due);
            let old = files::read(&path, MAX_FILE).ok().flatten();
            if old.is_some_and(|old| old == text.as_bytes()) {
                return Ok(());
            }
            files::replace(&path, text.as_bytes(), Durability::Unsynced)
        }
    }
}

/// Rounded up: before the moment itself the node would still be held.
fn text(due: SystemTime) -> String {
    let since = due.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_nanos().div_ceil(1_000_000);
    format!("{}.{:03}\n", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_rounded_up_to_the_millisecond() {
        let at = |nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        assert_eq!(text(at(0)), "0.000\n");
        assert_eq!(text(at(1_800_000_000_012_000_000)), "1800000000.012\n");
        assert_eq!(text(at(1_800_000_000_999_000_001)), "1800000001.000\n");
        assert_eq!(text(at(0) - Duration::from_secs(1)), "0.000\n");
    }

    #[test]
    fn the_file_says_the_moment_and_is_written_only_when_that_changes() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let (nodes, moment) = (directory.path(), SystemTime::UNIX_EPOCH);
        let there = [OsString::from(FILE)];
        keep(nodes, &[], None).unwrap();
        keep(nodes, &[], Some(moment)).unwrap();
        let inode = path.metadata().unwrap().ino();
        keep(nodes, &there, Some(moment)).unwrap();
        assert_eq!(path.metadata().unwrap().ino(), inode);
        keep(nodes, &there, Some(moment + Duration::from_secs(9))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "9.000\n");
        keep(nodes, &there, None).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_file_is_told_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let there = [OsString::from(FILE)];
        let error = keep(directory.path(), &there, Some(SystemTime::UNIX_EPOCH)).unwrap_err();
        assert!(format!("{error:#}").ends_with("/.due: it is no regular file"));
        keep(directory.path(), &there, None).unwrap();
        assert!(!path.exists());
    }
}
