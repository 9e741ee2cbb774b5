//! How our programs hand over to each other: exit codes and the one place that
//! prints errors, files that are replaced whole, locks, and the format of
//! `/nodes`.

mod escape;
pub mod exit;
pub mod lock;
pub mod nodes;
mod replace;

pub use escape::{Escaped, escape};
pub use replace::{Sync, read, replace};
