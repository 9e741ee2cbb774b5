//! What the tests and the benchmark share. Whatever here is started ends with the value
//! that stands for it, and has a folder or an address that nobody else has.

#![allow(
    clippy::must_use_candidate,
    reason = "scripts, for example, are run for what they do, and some look at what they said"
)]

mod clock;
pub mod cluster;
mod corpus;
pub mod faults;
pub mod haproxy;
pub mod http;
pub mod lan;
pub mod load;
mod log;
mod net;
mod owned;
mod processes;
mod programs;
mod scratch;
pub mod wait;

use std::path::Path;

pub use clock::Clock;
pub use corpus::corpus;
pub use log::without_time;
pub use net::{address, net};
pub use owned::{Owned, family, send};
pub use processes::{has_ended, processes_of};
pub use programs::{beside, find, require, write_program};
pub use scratch::{Scratch, scratch};
pub use wait::wait_for;

/// The repository, as it was when this crate was compiled.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors()
        .nth(2)
        .expect("crates/harness is in the repository")
}
