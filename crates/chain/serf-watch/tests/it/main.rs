//! serf-watch as a process, with an agent of ours that does what real ones cannot be made to do,
//! and with the real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agent;
mod changes;
mod command;
mod due;
mod lies;
mod options;
mod real;
mod trouble;
mod watcher;
