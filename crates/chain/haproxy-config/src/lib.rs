//! The grammar of haproxy.cfg, and the messages of HAProxy's own check of it. No
//! other crate of this repository knows that grammar.
//!
//! A configuration is parsed once, into a [`Config`]: its sections, and in each of
//! them the servers of the plain form ([`Server`]), apart from all other lines. The
//! [`fingerprint()`] leaves out the [`Runtime`] of these servers, since a running
//! HAProxy reports it itself.

mod backend;
mod capacity;
mod changes;
mod check;
mod config;
mod default_path;
mod difference;
mod files;
mod fingerprint;
mod ids;
mod keywords;
mod listener;
mod proxy;
mod section;
mod server;
mod settings;
mod surroundings;
mod words;

pub use backend::Backend;
pub use capacity::{capacity_of, with_capacity};
pub use changes::Changes;
pub use check::{alerts, check_command, check_command_in, warnings};
pub use config::{Config, FINGERPRINT, Line, Section};
pub use default_path::DefaultPath;
pub use difference::first_difference;
pub use files::{files_of, with_files};
pub use fingerprint::{Fingerprint, check_hash, fingerprint, hash_of};
pub use ids::server_ids;
pub use keywords::{Keyword, Release, keyword, keywords};
pub use listener::Listener;
pub use proxy::Algorithm;
pub use server::{MAX_WEIGHT, Runtime, Server};
pub use settings::Settings;
pub use surroundings::Surroundings;
pub use words::words;

/// The size of the largest configuration that is read, in bytes. One with 10,000
/// servers has 1.2 MB.
pub const MAX_FILE: u64 = 64 << 20;
