//! A descriptor that is written to without ever waiting for it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::rc::Rc;
use std::time::Instant;

use nix::libc::{O_APPEND, O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A pipe that is ready takes this much without blocking (`PIPE_BUF`).
const CHUNK: usize = 4096;

pub(super) struct Sink {
    file: Option<Rc<File>>,
    queue: VecDeque<u8>,
}

impl Sink {
    /// Standard output or error. The descriptor itself stays as it is, since
    /// others share it: a second opening of the same pipe or terminal does not
    /// block. What cannot be opened again (a socket) is asked before each write.
    pub(super) fn open(number: RawFd) -> Self {
        let path = format!("/proc/self/fd/{number}");
        let again = OpenOptions::new()
            .write(true)
            .custom_flags(O_NONBLOCK | O_NOCTTY | O_APPEND)
            .open(path)
            .ok()
            .filter(is_stream);
        let file = again.or_else(|| duplicate(number));
        Self::new(file)
    }

    pub(super) fn new(file: Option<File>) -> Self {
        Self {
            file: file.map(Rc::new),
            queue: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.file.is_some() {
            self.queue.extend(bytes);
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn to_poll(&self) -> Option<Rc<File>> {
        self.file.clone().filter(|_| !self.queue.is_empty())
    }

    /// An error that is none of waiting makes what waits worthless: the reader
    /// has gone or the disk is full, and keeping it would stop the services.
    pub(super) fn flush(&mut self) {
        let Some(file) = self.file.clone() else {
            return;
        };
        while !self.queue.is_empty() && is_ready(&file, PollTimeout::ZERO) {
            let (front, _) = self.queue.as_slices();
            let chunk = front.len().min(CHUNK);
            match (&*file).write(&front[..chunk]) {
                Ok(0) => return,
                Ok(length) => drop(self.queue.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.queue.clear(),
            }
        }
        if self.queue.is_empty() {
            // A flood must not keep its memory for ever.
            self.queue.shrink_to(CHUNK);
        }
    }

    pub(super) fn drain(&mut self, deadline: Instant) {
        self.flush();
        while let Some(file) = self.to_poll() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            is_ready(&file, timeout);
            self.flush();
        }
    }
}

fn is_stream(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|it| it.file_type().is_fifo() || it.file_type().is_char_device())
}

fn duplicate(number: RawFd) -> Option<File> {
    let copy = match number {
        1 => io::stdout().as_fd().try_clone_to_owned(),
        _ => io::stderr().as_fd().try_clone_to_owned(),
    };
    copy.ok().map(File::from)
}

fn is_ready(file: &File, timeout: PollTimeout) -> bool {
    let mut descriptors = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    poll(&mut descriptors, timeout).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::time::Duration;

    fn pipe() -> (io::PipeReader, Sink) {
        let (reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        (reader, Sink::new(Some(file)))
    }

    #[test]
    fn what_does_not_fit_waits_and_comes_in_order() {
        let (mut reader, mut sink) = pipe();
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_ne_bytes).collect();
        sink.push(&bytes);
        sink.flush();
        assert!(sink.waiting() > 0, "a pipe holds less");
        let mut got = Vec::new();
        while got.len() < bytes.len() {
            let mut buffer = vec![0; 65536];
            let length = reader.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..length]);
            sink.flush();
        }
        assert!(got == bytes);
        assert!(sink.to_poll().is_none());
    }

    #[test]
    fn a_reader_that_has_gone_stops_nobody() {
        let (reader, mut sink) = pipe();
        drop(reader);
        sink.push(b"hello");
        sink.flush();
        assert_eq!(sink.waiting(), 0);
    }

    #[test]
    fn the_last_wait_has_an_end() {
        let (_reader, mut sink) = pipe();
        sink.push(&vec![0; 200_000]);
        sink.drain(Instant::now() + Duration::from_millis(20));
        assert!(sink.waiting() > 0);
    }

    #[test]
    fn a_closed_output_swallows_everything() {
        let mut sink = Sink::new(None);
        sink.push(b"hello");
        sink.flush();
        assert_eq!(sink.waiting(), 0);
    }
}
