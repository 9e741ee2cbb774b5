//! What `svc`, `svstat` and `svscanctl` share: options as s6's programs read them, their
//! pages, and what to say of a service that is not there.

pub mod absent;
pub mod command_line;
pub mod pages;
