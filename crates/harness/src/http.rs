//! An HTTP client that asks at a steady rate and counts whatever goes wrong.
//!
//! Its latencies are counted from the moment when a request was due, so an
//! answer that keeps the client from asking is seen in those that follow.

mod connection;
mod failure;
mod response;

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context;

pub use failure::Failure;
pub use response::Response;

pub(crate) use connection::Connection;

/// Fetches `path` over a connection of its own.
///
/// # Errors
/// When there is no answer, or none that can be read; every status is an answer.
pub fn get(address: SocketAddr, path: &str) -> anyhow::Result<Response> {
    Connection::open(address, Instant::now())
        .and_then(|mut connection| connection.get(path, false, Instant::now()))
        .map_err(anyhow::Error::from)
        .with_context(|| format!("get http://{address}{path}"))
}
