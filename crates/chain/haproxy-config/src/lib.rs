//! haproxy.cfg as text, and what HAProxy says of it. Nothing else in this
//! repository knows the grammar of HAProxy's configuration.
//!
//! A configuration is read once, into a [`Config`]: its sections, and in each of
//! them the servers of the plain form ([`Server`]) apart from all other lines.
//! What the [`fingerprint`] leaves out of a plain server is its [`Runtime`], and
//! that is what a running HAProxy can be asked for and told.

mod backend;
mod check;
mod config;
mod fingerprint;
mod listener;
mod section;
mod server;
mod words;

pub use backend::Backend;
pub use check::{alerts, check_command, warnings};
pub use config::{Config, FINGERPRINT, Section};
pub use fingerprint::{check_hash, fingerprint, hash_of};
pub use listener::Listener;
pub use server::{MAX_WEIGHT, Runtime, Server};
pub use words::words;

/// The longest configuration that is read, in bytes. 10,000 servers make 1.2 MB.
pub const MAX_FILE: u64 = 64 << 20;
