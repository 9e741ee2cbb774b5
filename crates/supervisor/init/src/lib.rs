//! A supervisor that speaks s6's interface, as the first process and otherwise.
//!
//! One process, one thread, one loop that sleeps until something happens. What a
//! service does when is decided in `state`, a table without I/O; who starts and
//! stops after whom in `order`; `supervisor` is the loop.

mod command;
pub mod contenv;
pub mod diagnose;
mod order;
mod output;
pub mod place;
mod reap;
mod record;
mod restarts;
mod scandir;
mod service;
mod shutdown;
mod signals;
mod spawn;
pub mod stage;
mod stages;
mod start;
mod state;
mod supervisor;
mod sys;

pub use start::{DEFAULT_SERVICES, Options, run};
