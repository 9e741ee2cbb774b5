//! The web application as a process, spoken to over its socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod delay;
mod leave;
mod log;
mod node;
mod options;
mod page;
mod stop;
