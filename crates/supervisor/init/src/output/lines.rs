//! The output of a service, where each line gets a label, the time, or both, or goes to the
//! log. It may have what strangers have sent, so what could steer a terminal is spelled out.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::clock;
use super::limit::Limit;
use super::streams::{Stream, has_room, pass_on};

/// A line is cut at this length in bytes, so that a service cannot fill our memory.
const MAX_LINE: usize = 8192;
/// No more than this, in bytes, is read of a service at a time, so that the others get
/// their turn.
const READ: usize = 16 * 1024;
/// What a pipe holds, in bytes.
const PIPE: usize = 64 * 1024;
/// After this many reads all has been read that was in the pipe when the service died.
const LAST_READS: usize = PIPE / READ + 1;

/// One stream of a service. We keep both ends of its pipe, which outlives the service.
#[derive(Debug)]
pub(crate) struct Lines {
    reader: PipeReader,
    writer: PipeWriter,
    /// What stands before each line, behind the time.
    label: Vec<u8>,
    is_timed: bool,
    /// The beginning of a line whose end was not read yet.
    partial: Vec<u8>,
    /// What comes next is more of a line that was cut.
    goes_on: bool,
    limit: Option<Limit>,
    stream: Stream,
}

impl Lines {
    /// Without a label only the time is put before each line.
    pub(crate) fn new(label: Option<&str>, is_timed: bool, stream: Stream) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            reader,
            writer,
            label: label.map_or_else(Vec::new, shown_label),
            is_timed,
            partial: Vec::new(),
            goes_on: false,
            limit: None,
            stream,
        })
    }

    /// Leaves out what is more than so many lines a second of each kind, and counts it.
    pub(crate) fn limited(self, rate: NonZeroU32) -> Self {
        Self {
            limit: Some(Limit::new(rate.get())),
            ..self
        }
    }

    /// When there is something to tell of lines that were left out.
    pub(crate) fn tells_at(&self) -> Option<Instant> {
        self.limit.as_ref()?.tells_at()
    }

    /// What there is to tell of these now.
    pub(crate) fn tell(&mut self, now: Instant) -> Vec<String> {
        self.limit.as_mut().map_or_else(Vec::new, |it| it.tell(now))
    }

    /// All that there is to tell of these.
    pub(crate) fn tell_all(&mut self) -> Vec<String> {
        self.limit.as_mut().map_or_else(Vec::new, Limit::tell_all)
    }

    pub(crate) fn stream(&self) -> Stream {
        self.stream
    }

    pub(crate) fn reader(&self) -> &PipeReader {
        &self.reader
    }

    /// The end of the pipe for the service to write to.
    pub(crate) fn writer(&self) -> io::Result<PipeWriter> {
        self.writer
            .as_fd()
            .try_clone_to_owned()
            .map(PipeWriter::from)
    }

    /// Passes on what there is to read; false if there was nothing.
    pub(crate) fn read(&mut self) -> bool {
        let mut buffer = [0; READ];
        match self.reader.read(&mut buffer) {
            Ok(length) if length > 0 => {
                let labelled = self.label_all(&buffer[..length], &self.time());
                pass_on(self.stream, &labelled);
                true
            }
            _ => false,
        }
    }

    /// The service has ended: what it has written last is a line, although no line feed
    /// follows.
    pub(crate) fn end(&mut self) {
        // So often at most, since processes that the service has left behind may go on
        // writing.
        for _ in 0..LAST_READS {
            if !has_room(self.stream) || !self.read() {
                break;
            }
        }
        if !self.partial.is_empty() {
            let labelled = self.label_all(b"\n", &self.time());
            pass_on(self.stream, &labelled);
        }
    }

    /// That of the lines that have ended by now.
    fn time(&self) -> String {
        if self.is_timed {
            clock::now()
        } else {
            String::new()
        }
    }

    fn label_all(&mut self, bytes: &[u8], time: &str) -> Vec<u8> {
        let now = Instant::now();
        let mut labelled = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            while let Some((length, is_whole)) = line_in(&self.partial) {
                let line: Vec<u8> = self.partial.drain(..length).collect();
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                let goes_on = std::mem::replace(&mut self.goes_on, !is_whole);
                if self.admits(line, goes_on, now) {
                    labelled.extend_from_slice(time.as_bytes());
                    labelled.extend_from_slice(&self.label);
                    show(line, &mut labelled);
                    labelled.push(b'\n');
                }
            }
        }
        labelled
    }

    fn admits(&mut self, line: &[u8], goes_on: bool, now: Instant) -> bool {
        let limit = self.limit.as_mut();
        limit.is_none_or(|limit| limit.admits(line, goes_on, now))
    }
}

/// The name of a directory can be anything.
fn shown_label(label: &str) -> Vec<u8> {
    exit::message(&format!("[{label}] "))
        .replace('\n', r"\n")
        .into_bytes()
}

/// The length of the line with which the bytes begin, and whether it is whole: one that is
/// too long is cut, not within a character. None if its end was not read yet.
fn line_in(bytes: &[u8]) -> Option<(usize, bool)> {
    if bytes.len() <= MAX_LINE + 1 && bytes.ends_with(b"\n") {
        return Some((bytes.len(), true));
    }
    let is_within = |at: &usize| bytes[*at] & 0xc0 == 0x80;
    (bytes.len() > MAX_LINE).then(|| {
        let ends = (MAX_LINE - 3..=MAX_LINE).rev();
        let cut = ends.into_iter().find(|at| !is_within(at));
        (cut.unwrap_or(MAX_LINE), false)
    })
}

/// A carriage return before the line feed is part of the end.
fn show(line: &[u8], shown: &mut Vec<u8>) {
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    exit::line(text, shown);
    shown.extend_from_slice(&line[text.len()..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines::new(Some("web"), false, Stream::Out).unwrap()
    }

    #[test]
    fn each_line_has_its_label() {
        let mut lines = lines();
        assert_eq!(
            lines.label_all(b"one\ntwo\n", ""),
            b"[web] one\n[web] two\n"
        );
        assert_eq!(lines.label_all(b"\n", ""), b"[web] \n");
    }

    #[test]
    fn the_time_stands_before_the_label_or_alone() {
        let labelled = lines().label_all(b"one\ntwo\n", "12:00 ");
        assert_eq!(labelled, b"12:00 [web] one\n12:00 [web] two\n");
        let mut timed = Lines::new(None, true, Stream::Out).unwrap();
        assert_eq!(timed.label_all(b"one\n", "12:00 "), b"12:00 one\n");
        assert!(timed.time().ends_with("Z "));
        assert_eq!(lines().time(), "");
    }

    #[test]
    fn a_line_in_pieces_is_one_line() {
        let mut lines = lines();
        assert_eq!(lines.label_all(b"on", ""), b"");
        assert_eq!(lines.label_all(b"e\ntw", ""), b"[web] one\n");
        assert_eq!(lines.label_all(b"\n", ""), b"[web] tw\n");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut lines = lines();
        let labelled = lines.label_all(&[b'x'; MAX_LINE + 1], "");
        assert_eq!(labelled.len(), 6 + MAX_LINE + 1);
        assert_eq!(lines.partial, b"x");
        let labelled = lines.label_all(&b"x".repeat(5 * MAX_LINE), "");
        assert_eq!(labelled.len(), 5 * (6 + MAX_LINE + 1));
        assert_eq!(lines.label_all(b"\n", ""), b"[web] x\n");
    }

    #[test]
    fn a_line_is_not_cut_within_a_character() {
        let text = "日".repeat(MAX_LINE) + "\n";
        let labelled = lines().label_all(text.as_bytes(), "");
        let labelled = String::from_utf8(labelled).unwrap();
        let rest = labelled.replace("[web] ", "").replace('\n', "");
        assert_eq!(rest, text.trim_end());
        assert_eq!(labelled.lines().count(), 4);
    }

    #[test]
    fn what_could_steer_a_terminal_is_spelled_out() {
        let labelled = lines().label_all(b"\x1b[2J\tx\ry\xff \xc2\x9b\r\n", "");
        assert_eq!(labelled, b"[web] \\u{1b}[2J\tx\\ry\\xff \\u{9b}\r\n");
        let mut named = Lines::new(Some("a\n\x1b[2J"), false, Stream::Out).unwrap();
        assert_eq!(named.label_all(b"x\n", ""), b"[a\\n\\u{1b}[2J] x\n");
    }

    #[test]
    fn a_flood_is_left_out_and_told() {
        let mut lines = lines().limited(NonZeroU32::MIN);
        let labelled = lines.label_all(&b"flood\n".repeat(1000), "");
        assert!(labelled.len() < 200 * b"[web] flood\n".len());
        let told = lines.tell_all();
        assert!(told[0].ends_with(" lines like flood"), "{told:?}");
    }

    #[test]
    fn a_service_that_writes_nothing_keeps_nobody_waiting() {
        let mut lines = lines();
        assert!(!lines.read());
        lines.end();
    }
}
