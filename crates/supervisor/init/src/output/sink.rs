//! A descriptor that is written to without ever waiting for it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, O_APPEND, O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::unistd::write;

/// A pipe that is ready takes this much without blocking.
const CHUNK: usize = libc::PIPE_BUF;

/// What is written to.
pub(crate) type Target = Rc<dyn AsFd>;

pub(super) struct Sink {
    /// There is none where the descriptor is closed.
    file: Option<Target>,
    /// What waits to be written.
    queue: VecDeque<u8>,
}

impl Sink {
    /// Standard output or error. The descriptor itself is not changed, since others
    /// share it; the same pipe or terminal is opened once more without blocking. What
    /// cannot be opened again, such as a socket, is asked for room before each write.
    pub(super) fn open(number: RawFd) -> Self {
        let path = format!("/proc/self/fd/{number}");
        let again = OpenOptions::new()
            .write(true)
            .custom_flags(O_NONBLOCK | O_NOCTTY | O_APPEND)
            .open(path)
            .ok()
            .filter(is_stream)
            .map(|file| Rc::new(file) as Target);
        let file = again.or_else(|| itself(number));
        Self::new(file)
    }

    pub(super) fn new(file: Option<Target>) -> Self {
        Self {
            file,
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

    /// The file to poll, if something waits to be written to it.
    pub(super) fn to_poll(&self) -> Option<Target> {
        self.file.clone().filter(|_| !self.queue.is_empty())
    }

    /// Writes what can be written now. After an error the rest is thrown away, since the
    /// reader has gone or the disk is full, and to keep it would stop the services.
    pub(super) fn flush(&mut self) {
        let Some(file) = self.file.clone() else {
            return;
        };
        while !self.queue.is_empty() && is_ready(&*file, Duration::ZERO) {
            let (front, _) = self.queue.as_slices();
            let chunk = front.len().min(CHUNK);
            match write(file.as_fd(), &front[..chunk]) {
                Ok(0) | Err(Errno::EAGAIN) => return,
                Ok(length) => drop(self.queue.drain(..length)),
                Err(Errno::EINTR) => {}
                Err(_) => self.queue.clear(),
            }
        }
        if self.queue.is_empty() {
            // After a flood of output its memory is given back.
            self.queue.shrink_to(CHUNK);
        }
    }

    /// Writes until nothing waits or the deadline has come.
    pub(super) fn drain(&mut self, deadline: Instant) {
        self.flush();
        while let Some(file) = self.to_poll() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            is_ready(&*file, left);
            self.flush();
        }
    }
}

fn is_stream(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|it| it.file_type().is_fifo() || it.file_type().is_char_device())
}

/// The descriptor as it is, which takes no other: there may be none left.
fn itself(number: RawFd) -> Option<Target> {
    let original: Target = match number {
        libc::STDOUT_FILENO => Rc::new(io::stdout()),
        _ => Rc::new(io::stderr()),
    };
    let is_open = fcntl(original.as_fd(), FcntlArg::F_GETFD).is_ok();
    is_open.then_some(original)
}

fn is_ready(file: &dyn AsFd, within: Duration) -> bool {
    let mut descriptors = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    ppoll(&mut descriptors, Some(within.into()), None).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn pipe() -> (io::PipeReader, Sink) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Sink::new(Some(Rc::new(writer))))
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
