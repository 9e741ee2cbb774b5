//! Remembers what the node was: a member with others, or rightly alone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use files::{Durability, Moment};

use crate::verdict::Was;

const JOINED: &str = "joined\n";
/// Behind it stands since when, on the clock that nobody sets.
const ALONE: &str = "alone";
/// The largest mark that is read, in bytes.
const MAX_FILE: u64 = 128;

/// What the file says. One that cannot be read says nothing.
pub(crate) fn read(path: &Path) -> Was {
    let content = files::read(path, MAX_FILE).ok().flatten();
    let content = content.and_then(|content| String::from_utf8(content).ok());
    match content.as_deref() {
        Some(JOINED) => Was::Joined,
        Some(text) => match text.strip_prefix(ALONE) {
            Some(then) if then.starts_with(['\n', ' ']) => Was::Alone {
                ago: ago(then.trim_ascii())
                    .or_else(|| age(path))
                    .unwrap_or_default(),
            },
            _ => Was::Never,
        },
        None => Was::Never,
    }
}

/// The time since the moment in the file; `None` if it holds none, or is of another boot.
fn ago(then: &str) -> Option<Duration> {
    Moment::parse(then)?.until(&Moment::now()?)
}

/// The time since the file was written, by the wall clock; none where that says that it will
/// be.
fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

pub(crate) fn write(path: &Path, is_joined: bool) -> Result<()> {
    let content = match Moment::now() {
        _ if is_joined => JOINED.to_owned(),
        Some(moment) => format!("{ALONE} {moment}\n"),
        None => format!("{ALONE}\n"),
    };
    files::replace(path, content.as_bytes(), Durability::Unsynced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_was_written_is_read() {
        let folder = harness::scratch();
        let path = folder.path().join("joined");
        assert_eq!(read(&path), Was::Never);
        write(&path, false).unwrap();
        assert!(matches!(read(&path), Was::Alone { ago } if ago < Duration::from_secs(600)));
        write(&path, true).unwrap();
        assert_eq!(read(&path), Was::Joined);
        for nonsense in [&b"no"[..], b"", b"alone", b"alonely\n", b"\xff"] {
            files::replace(&path, nonsense, Durability::Unsynced).unwrap();
            assert_eq!(read(&path), Was::Never);
        }
    }

    /// The time of the file is as far off as if the wall clock had been set since.
    #[test]
    fn a_wall_clock_that_was_set_makes_a_mark_neither_older_nor_younger() {
        let folder = harness::scratch();
        let path = folder.path().join("joined");
        write(&path, false).unwrap();
        let day = Duration::from_secs(86_400);
        let now = SystemTime::now();
        for time in [now - day, now + day] {
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
            assert!(matches!(read(&path), Was::Alone { ago } if ago < Duration::from_secs(600)));
        }
        let moment = Moment::now().unwrap().to_string();
        let (_, boot) = moment.split_once(' ').unwrap();
        let old = format!("alone 0.000 {boot}\n");
        files::replace(&path, old.as_bytes(), Durability::Unsynced).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(now + day).unwrap();
        assert!(matches!(read(&path), Was::Alone { ago } if !ago.is_zero()));
    }
}
