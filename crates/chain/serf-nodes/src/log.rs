//! The log. It has the lab's lines word for word, and our own with date and program.

use std::fmt::{Display, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use nix::fcntl::OFlag;

use crate::PROGRAM;

/// The size in bytes above which the log is renamed and a new one begins, so that
/// hostile events cannot fill the disk.
const MAX_LOG: u64 = 5 * 1024 * 1024;
/// How much is kept in memory before it is written, in bytes.
const MAX_BUFFER: usize = 64 * 1024;
/// How long the reader of a log that is a pipe may make it wait.
const LONGEST: Duration = Duration::from_secs(2);

/// Collects lines for the log and for stderr. [`Log::flush`] writes them; if there are
/// many, some are written earlier.
#[derive(Debug)]
pub(crate) struct Log {
    /// `None` if the log is stderr.
    path: Option<PathBuf>,
    buffer: String,
    /// The lines that go to stderr in addition to the log.
    said: String,
    error: Option<anyhow::Error>,
}

impl Log {
    /// The log at `path`, or stderr if that is `-`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: (path != Path::new("-")).then_some(path),
            buffer: String::new(),
            said: String::new(),
            error: None,
        }
    }

    /// Adds a line without date and program, as the lab's lines are.
    pub(crate) fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.buffer, "{line}");
        self.spill();
    }

    /// Adds a line with date and program, which goes to stderr as well.
    pub(crate) fn tell(&mut self, message: impl Display) {
        let stderr = if self.path.is_some() {
            let now = humantime::format_rfc3339_seconds(SystemTime::now());
            let _ = writeln!(self.buffer, "{now} {PROGRAM}: {message}");
            &mut self.said
        } else {
            &mut self.buffer
        };
        let _ = writeln!(stderr, "{PROGRAM}: {message}");
        self.spill();
    }

    /// Writes the lines that are left. Fails if any lines since the last call could
    /// not be written.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.write();
        self.error.take().map_or(Ok(()), Err)
    }

    /// Like [`Log::flush`], but only reports a failure, for runs whose purpose is
    /// not the log.
    pub(crate) fn flush_or_say(&mut self) {
        if let Err(error) = self.flush() {
            exit::say(PROGRAM, format_args!("{error:#}"));
        }
    }

    fn spill(&mut self) {
        if self.buffer.len() >= MAX_BUFFER {
            self.write();
        }
    }

    fn write(&mut self) {
        // If stderr cannot be written there is nowhere left to report that.
        let _ = io::stderr().lock().write_all(self.said.as_bytes());
        self.said.clear();
        let buffer = std::mem::take(&mut self.buffer);
        if buffer.is_empty() || self.error.is_some() {
            return;
        }
        let written = match &self.path {
            None => io::stderr()
                .lock()
                .write_all(buffer.as_bytes())
                .context("write to stderr"),
            Some(path) => append(path, buffer.as_bytes())
                .with_context(|| format!("write the log {}", path.display())),
        };
        self.error = written.err();
    }
}

fn append(path: &Path, lines: &[u8]) -> anyhow::Result<()> {
    // A device or a pipe has no size, and a lock does not belong beside it.
    let is_file = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    let _lock = is_file
        .then(|| files::lock(&files::lock_beside(path)))
        .transpose()?;
    let mut file = open(path)?;
    if is_file && file.metadata()?.len() + lines.len() as u64 > MAX_LOG {
        file = start_anew(path, file)?;
    }
    limit::write_all(&file, lines, LONGEST)?;
    Ok(())
}

/// Opens it so that neither this nor writing waits: a FIFO may have no reader.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    options.custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(path)
}

/// Renames the log to `.1` and begins a new one. A log that is a bind mount cannot be
/// renamed, so it is emptied.
fn start_anew(path: &Path, file: File) -> io::Result<File> {
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    match fs::rename(path, older) {
        Ok(()) => open(path),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            file.set_len(0)?;
            Ok(file)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(directory: &Path) -> (PathBuf, Log) {
        let path = directory.join("serf.log");
        (path.clone(), Log::new(path))
    }

    #[test]
    fn lines_stand_as_they_are_and_ours_have_a_date() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut log) = log(directory.path());
        log.line("Member join script triggered");
        log.tell("added s1 10.0.0.1");
        log.flush().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Member join script triggered");
        let (date, rest) = lines[1].split_once(' ').unwrap();
        assert!(humantime::parse_rfc3339(date).is_ok(), "{date}");
        assert_eq!(rest, "serf-nodes: added s1 10.0.0.1");
    }

    #[test]
    fn a_flood_leaves_two_bounded_files() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut log) = log(directory.path());
        for number in 0..200_000 {
            log.line(format_args!("{number:080}"));
        }
        log.flush().unwrap();
        let size = |path: &Path| path.metadata().unwrap().len();
        let older = directory.path().join("serf.log.1");
        assert!(size(&older) <= MAX_LOG && size(&path) <= MAX_LOG);
        assert!(size(&older) > MAX_LOG - MAX_BUFFER as u64 * 2);
        assert!(fs::read_to_string(path).unwrap().ends_with("199999\n"));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told_once_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::new(directory.path().join("missing/serf.log"));
        log.line("x".repeat(MAX_BUFFER));
        log.line("y");
        let error = format!("{:#}", log.flush().unwrap_err());
        assert!(error.starts_with("write the log ") && error.contains("missing/serf.log"));
        assert!(log.flush().is_ok());
    }

    #[test]
    fn a_device_is_written_without_a_lock_beside_it() {
        let mut log = Log::new(PathBuf::from("/dev/null"));
        log.line("x");
        log.flush().unwrap();
        assert!(!Path::new("/dev/.null.lock").exists());
    }
}
