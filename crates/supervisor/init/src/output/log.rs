//! A log of bounded size: a file, and the older one that it was before, `FILE.1`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use exit::misuse;
use nix::libc::{ELOOP, ENXIO, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK};

/// The file, which is written to at once: it has no reader that could let us wait.
pub(super) struct Log {
    /// It holds where we are in whatever directory.
    path: PathBuf,
    file: File,
    /// How large one of the two files becomes, in bytes.
    most: u64,
    /// How many lines could not be written since the last one that was.
    lost: usize,
}

impl Log {
    /// Goes on with the file, or makes it; both files have `size` bytes at most.
    pub(super) fn open(path: &Path, size: u64) -> anyhow::Result<Self> {
        let what = || format!("open the log {}", path.display());
        let path = std::path::absolute(path).with_context(what)?;
        let file = match options().create(true).open(&path) {
            // A link, or a FIFO that nobody reads.
            Err(error) if matches!(error.raw_os_error(), Some(ELOOP | ENXIO)) => {
                return Err(refusal(&path, "is no regular file"));
            }
            opened => opened.with_context(what)?,
        };
        let found = file.metadata().with_context(what)?;
        if !found.is_file() {
            return Err(refusal(&path, "is no regular file"));
        }
        if found.uid() != nix::unistd::geteuid().as_raw() {
            return Err(refusal(&path, "is another user's"));
        }
        Ok(Self {
            path,
            file,
            most: size / 2,
            lost: 0,
        })
    }

    /// Writes whole lines. What cannot be written is dropped and counted, since to keep it
    /// would fill our memory, and to wait would stop the services.
    pub(super) fn write(&mut self, lines: &[u8]) {
        let notice = self.notice();
        let all = [notice.as_bytes(), lines].concat();
        let mut rest = &all[..];
        while !rest.is_empty() {
            match self.write_some(rest) {
                Ok(length) => rest = &rest[length..],
                Err(_) => break,
            }
        }
        let was_told = all.len() - rest.len() >= notice.len();
        if was_told {
            self.lost = 0;
        }
        let unwritten = &rest[rest.len().saturating_sub(lines.len())..];
        self.lost += unwritten.split_inclusive(|byte| *byte == b'\n').count();
    }

    fn notice(&self) -> String {
        match self.lost {
            0 => String::new(),
            lost => format!("init: {lost} lines lost: the log could not be written\n"),
        }
    }

    /// Writes the lines for which there is room, or all of them or none.
    fn write_some(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut size = self.file.metadata()?.len();
        let mut length = fitting(lines, self.most.saturating_sub(size));
        if length == 0 {
            if size > 0 {
                self.begin_anew()?;
                size = 0;
            }
            // No line is as long as that; if one were, it would be written.
            length = fitting(lines, self.most).max(first_line(lines));
        }
        let written = self.file.write_all(&lines[..length]);
        if written.is_err() {
            // No line in halves.
            let _ = self.file.set_len(size);
        }
        written.map(|()| length)
    }

    /// The file becomes the older one. Where that cannot be, as for a bind mount, it is
    /// emptied: better fewer lines than a full disk.
    fn begin_anew(&mut self) -> io::Result<()> {
        let mut older = self.path.clone().into_os_string();
        older.push(".1");
        let renamed = fs::rename(&self.path, &older);
        let is_away = match &renamed {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if is_away {
            match options().create_new(true).open(&self.path) {
                Ok(file) => {
                    self.file = file;
                    return Ok(());
                }
                Err(error) if renamed.is_ok() && error.kind() != ErrorKind::AlreadyExists => {
                    let _ = fs::rename(&older, &self.path);
                }
                Err(_) => {}
            }
        }
        self.file.set_len(0)
    }
}

/// Neither opening nor writing waits, and no link leads elsewhere.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o600);
    options.custom_flags(O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    options
}

fn refusal(path: &Path, why: &str) -> anyhow::Error {
    let path = path.display();
    misuse(format_args!(
        "open the log {path}: it {why}: name a file of your own, or one that is not there"
    ))
}

/// How many bytes the lines have that fit into `room` as a whole.
fn fitting(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    let end = lines[..room].iter().rposition(|byte| *byte == b'\n');
    end.map_or(0, |at| at + 1)
}

fn first_line(lines: &[u8]) -> usize {
    let end = lines.iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "fixtures")]

    use super::*;
    use nix::sys::stat::Mode;
    use std::os::unix::fs::symlink;

    const SIZE: u64 = 2000;

    fn sizes(path: &Path) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
        (size(path), size(&older(path)))
    }

    fn older(path: &Path) -> PathBuf {
        path.with_extension("1")
    }

    #[test]
    fn two_files_of_whole_lines_have_the_size_and_nothing_is_lost_between_them() {
        let scratch = harness::scratch();
        let path = scratch.path().join("log");
        let mut log = Log::open(&path, SIZE).unwrap();
        for block in 0..100 {
            let lines: Vec<String> = (0..13)
                .map(|line| (block * 13 + line).to_string())
                .collect();
            log.write((lines.join("\n") + "\n").as_bytes());
            let (new, old) = sizes(&path);
            assert!(new <= SIZE / 2 && old <= SIZE / 2, "{new} {old}");
        }
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let text = read(&older(&path)) + &read(&path);
        let numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(numbers, (numbers[0]..1300).collect::<Vec<_>>());
        assert!(text.len() as u64 > SIZE / 2);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(&older(&path))), (0o600, 0o600));
    }

    #[test]
    fn it_goes_on_with_the_file_of_an_earlier_life() {
        let scratch = harness::scratch();
        let path = scratch.path().join("log");
        Log::open(&path, SIZE).unwrap().write(b"one\n");
        Log::open(&path, SIZE).unwrap().write(b"two\n");
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        fs::write(&path, "x".repeat(5000) + "\n").unwrap();
        Log::open(&path, SIZE).unwrap().write(b"three\n");
        assert_eq!(fs::read(&path).unwrap(), b"three\n");
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        fs::write(path("file"), "").unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        nix::unistd::mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
        let devices = [PathBuf::from("/dev/null"), PathBuf::from("/dev/full")];
        for path in ["link", "dangling", "fifo"]
            .map(path)
            .into_iter()
            .chain(devices)
        {
            let error = Log::open(&path, SIZE).err().unwrap().to_string();
            let told = format!("open the log {}: it is no regular file", path.display());
            assert!(error.starts_with(&told), "{error}");
        }
        assert!(!path("nowhere").exists());
        let error = Log::open(scratch.path(), SIZE).err().unwrap();
        assert!(format!("{error:#}").contains("Is a directory"), "{error:#}");
    }

    #[test]
    fn a_file_that_cannot_be_renamed_is_emptied() {
        let scratch = harness::scratch();
        let path = scratch.path().join("log");
        fs::create_dir(older(&path)).unwrap();
        let mut log = Log::open(&path, SIZE).unwrap();
        for number in 0..1000 {
            log.write(format!("{number}\n").as_bytes());
            assert!(sizes(&path).0 <= SIZE / 2);
        }
        assert!(fs::read_to_string(&path).unwrap().ends_with("\n999\n"));
    }

    #[test]
    fn a_file_that_was_taken_away_is_made_anew_when_it_is_full() {
        let scratch = harness::scratch();
        let (path, away) = (scratch.path().join("log"), scratch.path().join("away"));
        let mut log = Log::open(&path, SIZE).unwrap();
        log.write(b"first\n");
        fs::rename(&path, &away).unwrap();
        for number in 0..300 {
            log.write(format!("{number}\n").as_bytes());
        }
        assert!(fs::read_to_string(&away).unwrap().starts_with("first\n0\n"));
        assert!(fs::read_to_string(&path).unwrap().ends_with("\n299\n"));
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_told_later() {
        let scratch = harness::scratch();
        let path = scratch.path().join("log");
        let mut log = Log::open(&path, SIZE).unwrap();
        log.write(b"before\n");
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let file = std::mem::replace(&mut log.file, full);
        log.write(b"one\ntwo\n");
        log.write(b"three\n");
        log.file = file;
        log.write(b"after\n");
        log.write(b"last\n");
        let lost = "init: 3 lines lost: the log could not be written";
        let want = format!("before\n{lost}\nafter\nlast\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), want);
    }
}
