//! An HTTP client that tells the ways in which a request fails, and a server for tests.

mod connection;
mod failure;
mod response;
mod server;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;

pub use connection::{Connection, Request};
pub use failure::Failure;
pub use response::Response;
pub use server::{Peer, serve};

/// Far above what an answer takes on a busy machine, so that only a lost one is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches `path` over a connection of its own.
///
/// # Errors
/// When there is no answer, or none that can be read; every status is an answer.
pub fn get(address: SocketAddr, path: &str) -> anyhow::Result<Response> {
    let deadline = Instant::now() + PATIENCE;
    Connection::open(address, deadline)
        .and_then(|mut connection| connection.ask(&Request::get(path), deadline))
        .with_context(|| format!("get http://{address}{path}"))
}
