//! Standard output and error, and our own messages.

use std::cell::RefCell;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;

use super::clock;
use super::log::Log;
use super::sink::{Sink, Target};

/// No more than this, in bytes, waits while nobody reads.
const MAX_MESSAGES: usize = 64 * 1024;

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

struct Outputs {
    out: Sink,
    err: Sink,
    /// Takes the place of both, for all but what others write to them by themselves.
    log: Option<Log>,
    /// How many lines a second of each kind a service may write to the log.
    rate: Option<NonZeroU32>,
    /// How many messages were dropped since the last one that was kept.
    lost: usize,
    /// The time stands before our messages and before the lines of all services.
    is_timed: bool,
}

thread_local! {
    static OUTPUTS: RefCell<Outputs> = RefCell::new(Outputs {
        out: Sink::open(libc::STDOUT_FILENO),
        err: Sink::open(libc::STDERR_FILENO),
        log: None,
        rate: None,
        lost: 0,
        is_timed: false,
    });
}

fn with<T>(work: impl FnOnce(&mut Outputs) -> T) -> Option<T> {
    OUTPUTS.with(|outputs| outputs.try_borrow_mut().ok().map(|mut it| work(&mut it)))
}

impl Outputs {
    fn sink(&mut self, stream: Stream) -> &mut Sink {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    fn write(&mut self, stream: Stream, lines: &[u8]) {
        if let Some(log) = &mut self.log {
            return log.write(lines);
        }
        let sink = self.sink(stream);
        sink.push(lines);
        sink.flush();
    }
}

/// From now on our messages and the lines of services go to the log at `path`, which has
/// `size` bytes at most with the older one beside it. A `rate` of 0 has no limit.
pub(crate) fn open_log(path: &Path, size: u64, rate: u32) -> anyhow::Result<()> {
    let log = Log::open(path, size)?;
    with(|outputs| {
        outputs.log = Some(log);
        outputs.rate = NonZeroU32::new(rate);
    });
    Ok(())
}

/// Whether there is a log, to which the lines of all services go.
pub(crate) fn has_log() -> bool {
    with(|outputs| outputs.log.is_some()).unwrap_or(false)
}

/// How many lines a second of each kind a service may write, if that has a limit.
pub(crate) fn rate() -> Option<NonZeroU32> {
    with(|outputs| outputs.rate).flatten()
}

/// Puts the time before our messages and before the lines of all services from now on.
pub(crate) fn show_times() {
    with(|outputs| outputs.is_timed = true);
}

/// Whether the time stands before the lines of all services.
pub(crate) fn is_timed() -> bool {
    with(|outputs| outputs.is_timed).unwrap_or(false)
}

/// Says something to people, as `init: message`.
pub(crate) fn say(message: impl Display) {
    say_under("init: ", message);
}

/// Says something under another heading than ours, as s6-overlay does.
pub(crate) fn say_under(heading: &str, message: impl Display) {
    with(|outputs| {
        if outputs.log.is_none() && outputs.err.waiting() > MAX_MESSAGES {
            outputs.lost += 1;
            return;
        }
        let time = if outputs.is_timed {
            clock::now()
        } else {
            String::new()
        };
        if outputs.lost > 0 {
            let lost = outputs.lost;
            let lost = format!("{time}init: {lost} messages lost: nobody read them\n");
            outputs.err.push(lost.as_bytes());
            outputs.lost = 0;
        }
        // A name with a line feed must not pass for a line of its own.
        let line = exit::message(&format!("{time}{heading}{message}")).replace('\n', r"\n") + "\n";
        outputs.write(Stream::Err, line.as_bytes());
    });
}

/// Passes on bytes of a service.
pub(super) fn pass_on(stream: Stream, bytes: &[u8]) {
    with(|outputs| outputs.write(stream, bytes));
}

/// Whether more that goes to `stream` may be read.
pub(crate) fn has_room(stream: Stream) -> bool {
    with(|outputs| outputs.sink(stream).waiting() < MAX_MESSAGES).unwrap_or(false)
}

/// The file to poll, if something waits to be written to `stream`.
pub(crate) fn to_poll(stream: Stream) -> Option<Target> {
    with(|outputs| outputs.sink(stream).to_poll()).flatten()
}

/// Writes what can be written now.
pub(crate) fn flush() {
    with(|outputs| {
        outputs.out.flush();
        outputs.err.flush();
    });
}

/// Writes what waits before the program ends, for so long at most.
pub(crate) fn finish(most: Duration) {
    let deadline = Instant::now() + most;
    with(|outputs| {
        outputs.out.drain(deadline);
        outputs.err.drain(deadline);
    });
}
