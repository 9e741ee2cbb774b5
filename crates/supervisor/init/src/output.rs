//! What goes out: our own messages, and the labelled lines of services.
//!
//! Whoever reads our output may stop reading. The first process must not block
//! for that: what does not go out at once waits here, services whose lines we
//! pass on have to wait, and our own messages are dropped and counted.

mod lines;
mod sink;

use std::cell::RefCell;
use std::fmt::Display;
use std::fs::File;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(crate) use lines::Lines;
use sink::Sink;

/// What of our own messages is kept while nobody reads, in bytes.
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
    lost: usize,
}

thread_local! {
    static OUTPUTS: RefCell<Outputs> = RefCell::new(Outputs {
        out: Sink::open(1),
        err: Sink::open(2),
        lost: 0,
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

/// One line of ours: `init: message`.
pub(crate) fn say(message: impl Display) {
    say_under("init: ", message);
}

/// One line under another heading than ours, as s6-overlay has them.
pub(crate) fn say_under(heading: &str, message: impl Display) {
    with(|outputs| {
        if outputs.err.waiting() > MAX_MESSAGES {
            outputs.lost += 1;
            return;
        }
        if outputs.lost > 0 {
            let lost = format!("init: {} messages lost: nobody read them\n", outputs.lost);
            outputs.err.push(lost.as_bytes());
            outputs.lost = 0;
        }
        outputs.err.push(format!("{heading}{message}\n").as_bytes());
        outputs.err.flush();
    });
}

/// Bytes of a service.
fn pass_on(stream: Stream, bytes: &[u8]) {
    with(|outputs| {
        let sink = sink(outputs, stream);
        sink.push(bytes);
        sink.flush();
    });
}

/// Whether more may be read that goes to `stream`.
pub(crate) fn has_room(stream: Stream) -> bool {
    with(|outputs| sink(outputs, stream).waiting() < MAX_MESSAGES).unwrap_or(false)
}

/// The descriptor to poll, if something waits to be written to it.
pub(crate) fn to_poll(stream: Stream) -> Option<Rc<File>> {
    with(|outputs| sink(outputs, stream).to_poll()).flatten()
}

/// Writes what can be written now.
pub(crate) fn flush() {
    with(|outputs| {
        outputs.out.flush();
        outputs.err.flush();
    });
}

/// Before the end: writes what waits, for as long as this at most.
pub(crate) fn finish(most: Duration) {
    let deadline = Instant::now() + most;
    with(|outputs| {
        outputs.out.drain(deadline);
        outputs.err.drain(deadline);
    });
}
