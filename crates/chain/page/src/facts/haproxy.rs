//! What HAProxy says, at the socket where nothing can be changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use haproxy_socket::Socket;
use haproxy_socket::stat::{self, Stat};

use super::Fact;

/// How long HAProxy has for its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// HAProxy and its servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Haproxy {
    /// Such as `3.0.11`.
    pub(crate) version: String,
    /// Seconds since this worker has started.
    pub(crate) uptime: u64,
    /// All servers, by `BACKEND/SERVER`.
    pub(crate) servers: BTreeMap<String, Stat>,
}

/// Asks HAProxy. It takes a second at most.
pub(crate) fn read(socket: &Path) -> Fact<Haproxy> {
    ask(socket).map_err(|error| {
        format!(
            "HAProxy does not answer at {}: {}; the template needs `stats socket ... level user`",
            socket.display(),
            error.root_cause()
        )
    })
}

fn ask(path: &Path) -> anyhow::Result<Haproxy> {
    let socket = Socket {
        path: path.to_owned(),
        deadline: Instant::now() + PATIENCE,
        refusals: Duration::ZERO,
        half_close: false,
    };
    // One connection for both: the servers alone, of all backends.
    parse(&socket.glance("show info;show stat -1 4 -1", PATIENCE)?)
}

pub(super) fn parse(answer: &str) -> anyhow::Result<Haproxy> {
    let begins = answer
        .find("# pxname")
        .context("it does not tell its servers")?;
    let (info, servers) = answer.split_at(begins);
    let fact = |name: &str| {
        let mut facts = info.lines().filter_map(|line| line.split_once(": "));
        facts.find_map(|(key, value)| (key == name).then_some(value.trim()))
    };
    let version = fact("Version").context("it does not tell its version")?;
    let number = |c: char| c.is_ascii_digit() || c == '.';
    let end = version.find(|c| !number(c)).unwrap_or(version.len());
    Ok(Haproxy {
        version: version[..end].trim_end_matches('.').to_owned(),
        uptime: fact("Uptime_sec")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
        servers: stat::parse(servers)?,
    })
}
