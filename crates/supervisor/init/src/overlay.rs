//! What s6-overlay does around the services: it keeps the container's environment,
//! copies the services to where they live, runs the scripts of `cont-init.d` and
//! `cont-finish.d`, and reads the `S6_*` variables.
//!
//! These functions look and copy. Their caller starts processes and waits for them.

pub mod contenv;
mod copy;
mod definitions;
mod listing;
pub(crate) mod place;
mod prepare;
mod scripts;
mod variables;

pub(crate) use definitions::{converter, definitions, were_definitions};
pub(crate) use prepare::{prepare, written_code};
pub(crate) use scripts::{Script, scripts};
pub use variables::keeps_environment;
pub(crate) use variables::{IfScriptFails, Variables};
