//! What happens before and after the services run, as in s6-overlay: their directories copied to where they live,
//! the scripts of `cont-init.d` and `cont-finish.d`, and the `S6_*` variables.
//!
//! Plain functions: they look and copy, the caller starts processes and waits.

pub mod contenv;
mod copy;
pub mod place;
mod scripts;
mod variables;

pub use copy::{alias, copy_services};
pub use scripts::{Script, scripts};
pub use variables::{IfScriptFails, Variables};
