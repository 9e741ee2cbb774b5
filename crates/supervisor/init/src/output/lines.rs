//! The output of a service, where each line gets a label, the time, or both.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::clock;
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
            label: label.map_or_else(Vec::new, |label| format!("[{label}] ").into_bytes()),
            is_timed,
            partial: Vec::new(),
            stream,
        })
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
        let mut labelled = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            let is_whole = piece.ends_with(b"\n");
            if is_whole || self.partial.len() >= MAX_LINE {
                labelled.extend_from_slice(time.as_bytes());
                labelled.extend_from_slice(&self.label);
                labelled.append(&mut self.partial);
                if !is_whole {
                    labelled.push(b'\n');
                }
            }
        }
        labelled
    }
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
        let labelled = lines.label_all(&[b'x'; MAX_LINE], "");
        assert_eq!(labelled.len(), 6 + MAX_LINE + 1);
        assert!(lines.partial.is_empty());
    }

    #[test]
    fn a_service_that_writes_nothing_keeps_nobody_waiting() {
        let mut lines = lines();
        assert!(!lines.read());
        lines.end();
    }
}
