//! Reads the journal: its end, and what is appended.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use files::{Links, open_regular};

use crate::Line;

/// How much is read in one go, in bytes. What is longer was not written by us.
const MOST_AT_ONCE: u64 = 1024 * 1024;

/// The last lines of the journal, oldest first: those in its last `bytes`, and in the older
/// file's where it is shorter. What is torn, foreign or hostile is left out.
#[must_use]
pub fn recent(path: &Path, bytes: u64) -> Vec<Line> {
    let newest = tail(path, bytes).unwrap_or_default();
    let left = bytes.saturating_sub(newest.len() as u64);
    let older = if left > 0 {
        tail(&older(path), left)
    } else {
        None
    };
    let mut lines = parse(&older.unwrap_or_default());
    lines.extend(parse(&newest));
    lines
}

fn older(path: &Path) -> PathBuf {
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    older.into()
}

/// The last bytes of the file, from the beginning of a line on.
fn tail(path: &Path, most: u64) -> Option<Vec<u8>> {
    let (file, metadata) = open_regular(path, Links::Refuse).ok()?;
    let from = metadata.len().saturating_sub(most);
    let mut bytes = read(&file, from, metadata.len())?;
    if from > 0 {
        let cut = bytes.iter().position(|byte| *byte == b'\n')?;
        bytes.drain(..=cut);
    }
    Some(bytes)
}

fn read(file: &File, from: u64, to: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).ok()?];
    file.read_exact_at(&mut bytes, from).ok()?;
    Some(bytes)
}

fn parse(bytes: &[u8]) -> Vec<Line> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(Line::parse)
        .collect()
}

/// Reads what is appended to the journal, also when a new one begins.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    /// The journal that is read, and up to where.
    file: Option<(File, u64)>,
}

impl Follower {
    /// The journal's last `bytes`, and a follower from there on.
    #[must_use]
    pub fn new(path: &Path, bytes: u64) -> (Self, Vec<Line>) {
        let mut follower = Self {
            path: path.to_owned(),
            file: None,
        };
        follower.file = follower.open(|length| length);
        (follower, recent(path, bytes))
    }

    /// The lines that were appended since the last call. One that is not whole is left for the
    /// next.
    pub fn next_lines(&mut self) -> Vec<Line> {
        let mut lines = self.appended();
        if self.is_another() {
            self.file = self.open(|_| 0);
            lines.extend(self.appended());
        }
        lines
    }

    fn open(&self, from: impl FnOnce(u64) -> u64) -> Option<(File, u64)> {
        let (file, metadata) = open_regular(&self.path, Links::Refuse).ok()?;
        Some((file, from(metadata.len())))
    }

    /// Whether another file has the journal's name now.
    fn is_another(&self) -> bool {
        let Ok(named) = self.path.symlink_metadata() else {
            return false;
        };
        let ours = self
            .file
            .as_ref()
            .and_then(|(file, _)| file.metadata().ok());
        ours.is_none_or(|ours| (ours.dev(), ours.ino()) != (named.dev(), named.ino()))
    }

    fn appended(&mut self) -> Vec<Line> {
        let Some((file, at)) = &mut self.file else {
            return Vec::new();
        };
        let length = file.metadata().map_or(*at, |metadata| metadata.len());
        // One that became shorter was emptied.
        *at = if length < *at {
            0
        } else {
            (*at).max(length.saturating_sub(MOST_AT_ONCE))
        };
        let Some(mut bytes) = read(file, *at, length) else {
            return Vec::new();
        };
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        bytes.truncate(whole);
        *at += whole as u64;
        parse(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::append;

    fn line(number: u32) -> Line {
        Line {
            t: f64::from(number) + 1.0,
            step: "serf-nodes".to_owned(),
            ..Line::default()
        }
    }

    fn write(path: &Path, number: u32) {
        append(path, &line(number).encode()).unwrap();
    }

    #[test]
    fn the_end_of_a_journal_is_read_and_what_is_no_line_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.jsonl");
        for number in 0..100_000 {
            write(&path, number);
        }
        append(&path, &[b"\xff\xfe\0\n".to_vec(), b"{\"t\":\n".to_vec()]).unwrap();
        append(&path, &[b"{\"t\":1,\"step\":\"torn".to_vec()]).unwrap();
        write(&path, 100_000);
        let lines = recent(&path, 10_000);
        assert!(lines.len() > 50 && lines.len() < 300, "{}", lines.len());
        assert_eq!(lines.last(), Some(&line(100_000)));
    }

    #[test]
    fn what_is_appended_is_read_once_also_when_a_new_journal_begins() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.jsonl");
        let (mut follower, lines) = Follower::new(&path, 1000);
        assert!(lines.is_empty() && follower.next_lines().is_empty());
        write(&path, 1);
        assert_eq!(follower.next_lines(), [line(1)]);
        write(&path, 2);
        std::fs::rename(&path, older(&path)).unwrap();
        write(&path, 3);
        assert_eq!(follower.next_lines(), [line(2), line(3)]);
        assert!(follower.next_lines().is_empty());
        let (_, lines) = Follower::new(&path, 1000);
        assert_eq!(lines, [line(1), line(2), line(3)]);
    }
}
