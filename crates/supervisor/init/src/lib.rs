//! A supervisor that speaks s6's interface, as the first process and otherwise.
//!
//! One process, one thread, one loop that sleeps until something happens. What a
//! service does when is decided in `state`, a table without I/O; who starts and
//! stops after whom in `order`; `supervisor` is the loop.

mod output;
pub mod overlay;
pub mod process;
mod run;
mod service;
mod supervisor;

pub use run::{DEFAULT_SERVICES, Options, run};
