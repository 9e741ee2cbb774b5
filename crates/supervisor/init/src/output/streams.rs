//! Standard output and error, and our own messages.

use std::cell::RefCell;
use std::fmt::Display;
use std::time::{Duration, Instant};

use nix::libc;

use super::clock;
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
    /// How many messages were dropped since the last one that was kept.
    lost: usize,
    /// The time stands before our messages and before the lines of all services.
    is_timed: bool,
}

thread_local! {
    static OUTPUTS: RefCell<Outputs> = RefCell::new(Outputs {
        out: Sink::open(libc::STDOUT_FILENO),
        err: Sink::open(libc::STDERR_FILENO),
        lost: 0,
        is_timed: false,
    });
}

fn with<T>(work: impl FnOnce(&mut Outputs) -> T) -> Option<T> {
    OUTPUTS.with(|outputs| outputs.try_borrow_mut().ok().map(|mut it| work(&mut it)))
}

fn sink(outputs: &mut Outputs, stream: Stream) -> &mut Sink {
    match stream {
        Stream::Out => &mut outputs.out,
        Stream::Err => &mut outputs.err,
    }
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
        if outputs.err.waiting() > MAX_MESSAGES {
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
        let line = exit::message(&format!("{time}{heading}{message}\n"));
        outputs.err.push(line.as_bytes());
        outputs.err.flush();
    });
}

/// Passes on bytes of a service.
pub(super) fn pass_on(stream: Stream, bytes: &[u8]) {
    with(|outputs| {
        let sink = sink(outputs, stream);
        sink.push(bytes);
        sink.flush();
    });
}

/// Whether more that goes to `stream` may be read.
pub(crate) fn has_room(stream: Stream) -> bool {
    with(|outputs| sink(outputs, stream).waiting() < MAX_MESSAGES).unwrap_or(false)
}

/// The file to poll, if something waits to be written to `stream`.
pub(crate) fn to_poll(stream: Stream) -> Option<Target> {
    with(|outputs| sink(outputs, stream).to_poll()).flatten()
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
