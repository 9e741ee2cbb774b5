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
    let newest = open(path);
    ending(path, newest.as_ref(), bytes)
}

/// The last lines up to where `newest`, the journal, ends.
fn ending(path: &Path, newest: Option<&(File, u64)>, bytes: u64) -> Vec<Line> {
    let newest = newest.and_then(|newest| tail(newest, bytes));
    let newest = newest.unwrap_or_default();
    let left = bytes.saturating_sub(newest.len() as u64);
    let older = if left > 0 { open(&older(path)) } else { None };
    let older = older.and_then(|older| tail(&older, left));
    let mut lines = parse(&older.unwrap_or_default());
    lines.extend(parse(&newest));
    lines
}

/// The file, if it is a regular one, and its length.
fn open(path: &Path) -> Option<(File, u64)> {
    let (file, metadata) = open_regular(path, Links::Refuse).ok()?;
    Some((file, metadata.len()))
}

fn older(path: &Path) -> PathBuf {
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    older.into()
}

/// The last bytes of the file, from the beginning of a line on.
fn tail((file, length): &(File, u64), most: u64) -> Option<Vec<u8>> {
    let from = length.saturating_sub(most);
    let mut bytes = read(file, from, *length)?;
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
        let file = open(path);
        // What is appended meanwhile is the next call's.
        let lines = ending(path, file.as_ref(), bytes);
        let path = path.to_owned();
        (Self { path, file }, lines)
    }

    /// The lines that were appended since the last call. One that is not whole is left for the
    /// next.
    pub fn next_lines(&mut self) -> Vec<Line> {
        let mut lines = self.appended();
        if self.is_another() {
            // What came before it was renamed.
            lines.extend(self.appended());
            self.file = open(&self.path).map(|(file, _)| (file, 0));
            lines.extend(self.appended());
        }
        lines
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
    use proptest::prelude::*;

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

    #[test]
    fn a_follower_beside_a_writer_misses_no_line_and_sees_none_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.jsonl");
        let of = path.clone();
        // It is never further ahead than what is read in one go.
        let (ahead, chunks) = std::sync::mpsc::sync_channel(1);
        let writer = std::thread::spawn(move || {
            for chunk in 0..30 {
                for number in chunk * 200..(chunk + 1) * 200 {
                    let long = Line {
                        error: Some("e".repeat(1000)),
                        ..line(number)
                    };
                    append(&of, &long.encode()).unwrap();
                }
                ahead.send(()).unwrap();
            }
        });
        let (mut follower, mut seen) = Follower::new(&path, 1 << 20);
        let mut is_written = false;
        while !is_written {
            let next = chunks.try_recv();
            is_written = next == Err(std::sync::mpsc::TryRecvError::Disconnected);
            seen.extend(follower.next_lines());
        }
        writer.join().unwrap();
        assert!(older(&path).exists(), "it was never renamed");
        let seen: Vec<f64> = seen.iter().map(|line| line.t).collect();
        let all: Vec<f64> = (0..6_000).map(|number| line(number).t).collect();
        assert_eq!(seen, all);
    }

    /// What happens to a journal.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// So many lines are appended.
        Append(u8),
        /// A full disk cuts a line after so many bytes.
        Cut(usize),
        /// Somebody writes what is none.
        Foreign,
        /// It becomes the older one.
        Rename,
        /// It is emptied, since it cannot be renamed.
        Empty,
        /// The follower looks.
        Look,
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (1u8..9).prop_map(Event::Append),
            1 => (1usize..40).prop_map(Event::Cut),
            1 => Just(Event::Foreign),
            1 => Just(Event::Rename),
            1 => Just(Event::Empty),
            3 => Just(Event::Look),
        ]
    }

    /// A journal, and a follower that looks at it as often as it is renamed or emptied.
    struct World {
        path: PathBuf,
        follower: Follower,
        written: u32,
        seen: Vec<Line>,
    }

    impl World {
        fn look(&mut self) {
            self.seen.extend(self.follower.next_lines());
        }

        fn happens(&mut self, event: Event) {
            match event {
                Event::Append(many) => {
                    for _ in 0..many {
                        self.written += 1;
                        write(&self.path, self.written);
                    }
                }
                Event::Cut(at) => {
                    let whole = line(1_000_000).encode().concat();
                    append(&self.path, &[whole[..at].to_vec()]).unwrap();
                }
                Event::Foreign => append(&self.path, &[b"\xff\0{}\n[]\n".to_vec()]).unwrap(),
                Event::Rename => {
                    // 5 MB later the follower has looked.
                    if self.follower.is_another() {
                        self.look();
                    }
                    let _ = std::fs::rename(&self.path, older(&self.path));
                }
                Event::Empty => {
                    self.look();
                    if let Ok(file) = File::options().write(true).open(&self.path) {
                        file.set_len(0).unwrap();
                    }
                    self.look();
                }
                Event::Look => self.look(),
            }
        }
    }

    proptest! {
        #[test]
        fn each_line_is_read_once_whatever_happens_to_the_journal(
            before in 0u32..5,
            events in proptest::collection::vec(any_event(), 0..40),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("muster.jsonl");
            (1..=before).for_each(|number| write(&path, number));
            let (follower, seen) = Follower::new(&path, 10_000);
            let mut world = World { path, follower, written: before, seen };
            for event in events {
                world.happens(event);
            }
            world.look();
            let all: Vec<Line> = (1..=world.written).map(line).collect();
            prop_assert_eq!(world.seen, all);
        }

        #[test]
        fn no_bytes_and_no_length_make_the_end_of_a_journal_panic(
            newest: Vec<u8>,
            oldest in proptest::option::of(any::<Vec<u8>>()),
            most in prop_oneof![0u64..300, Just(u64::MAX)],
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("muster.jsonl");
            append(&path, &[newest]).unwrap();
            write(&path, 7);
            if let Some(oldest) = oldest {
                append(&older(&path), &[oldest]).unwrap();
            }
            let lines = recent(&path, most);
            let is_read = most > line(7).encode().concat().len() as u64;
            prop_assert_eq!(lines.last() == Some(&line(7)), is_read);
        }
    }
}
