//! Remembers what the node was: a member with others, or rightly alone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use files::Durability;

use crate::verdict::Was;

const JOINED: &[u8] = b"joined\n";
const ALONE: &[u8] = b"alone\n";

/// What the file says. One that cannot be read says nothing.
pub(crate) fn read(path: &Path) -> Was {
    let content = files::read(path, 64).ok().flatten();
    match content.as_deref() {
        Some(JOINED) => Was::Joined,
        Some(ALONE) => Was::Alone {
            ago: age(path).unwrap_or_default(),
        },
        _ => Was::Never,
    }
}

/// The time since the file was written; none where the clock says that it will be.
fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

pub(crate) fn write(path: &Path, is_joined: bool) -> Result<()> {
    let content = if is_joined { JOINED } else { ALONE };
    files::replace(path, content, Durability::Unsynced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = harness::scratch();
        let path = folder.path().join("joined");
        assert_eq!(read(&path), Was::Never);
        write(&path, false).unwrap();
        assert!(matches!(read(&path), Was::Alone { ago } if ago < Duration::from_secs(600)));
        write(&path, true).unwrap();
        assert_eq!(read(&path), Was::Joined);
        files::replace(&path, b"no", Durability::Unsynced).unwrap();
        assert_eq!(read(&path), Was::Never);
    }
}
