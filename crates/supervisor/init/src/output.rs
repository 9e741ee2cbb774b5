//! What is written to standard output and error, or to the log: our own messages, and the
//! lines of services that get a label or the time, or go to the log.
//!
//! The reader may stop reading, and the first process must not block for that. What
//! cannot be written at once waits. When too much waits, the lines of services are not
//! read any more, and our own messages are dropped and counted.

mod clock;
mod limit;
mod lines;
mod log;
mod sink;
mod streams;

pub(crate) use lines::Lines;
pub(crate) use sink::Target;
pub(crate) use streams::{
    Stream, finish, flush, has_log, has_room, is_timed, open_log, rate, say, say_under, show_times,
    to_poll,
};
