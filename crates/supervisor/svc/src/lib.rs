//! What `svc` and `svstat` share: options as s6's programs take them, and what to say of a service that is not there.

pub mod absent;
pub mod getopt;
