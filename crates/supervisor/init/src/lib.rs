//! A supervisor that speaks s6's interface, as the first process and otherwise.
//!
//! One process, one thread, one loop that sleeps until something happens. The folders
//! stand one on another, and each uses only those below it:
//!
//! 1. `run`: from the arguments to the loop, and from the loop to the exit code.
//! 2. `supervisor`: the loop, what happens in it, and the order of starts and stops.
//! 3. `service`: one service. `service::machine` is the table without I/O that decides
//!    what it does.
//! 4. `overlay`: what s6-overlay does before and after the services run.
//! 5. `process`: starting programs, signals, and all that is asked of the kernel.
//! 6. `output`: messages, the labelled lines of services, and the log.

mod output;
mod overlay;
mod process;
mod run;
mod service;
mod supervisor;

pub use overlay::contenv;
pub use overlay::keeps_environment;
pub use overlay::place::DEFAULT_SCANDIR;
pub use process::diagnose;
pub use run::{DEFAULT_SERVICES, LogFile, Options, run};
