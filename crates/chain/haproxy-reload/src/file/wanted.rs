//! The wanted state: the servers and listeners of haproxy.cfg.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use haproxy_config::{
    Backend, Changes, Config, Fingerprint, Listener, MAX_FILE, files_of, hash_of,
};

/// The parts of haproxy.cfg that this program compares or checks.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// By what the running process shows that it has taken this file.
    pub(crate) identity: Identity,
    /// The sections that have servers, by name.
    pub(crate) backends: BTreeMap<String, Backend>,
    /// Whether there is one whose name only HAProxy knows.
    pub(crate) has_unnamed: bool,
    pub(crate) listeners: Vec<Listener>,
    /// The limit for HAProxy's variables, in bytes, if it sets one.
    pub(crate) room: Option<u64>,
    /// The files that were made together with it.
    pub(crate) files: Vec<String>,
    /// The maps and ACLs that its lines change at run time; empty if there are no such files.
    pub(crate) changes: Changes,
}

/// How many bytes of variables HAProxy needs for what is kept in it. A worker ends when it is
/// given one for which there is no room (seen on 2.6, 3.0 and 3.2).
const ROOM: u64 = 16 << 10;

/// What identifies a file in the process that has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The fingerprint that haproxy-gen wrote into the file. It covers everything
    /// except what a running process reports of its plain servers.
    Fingerprint(Fingerprint),
    /// The hash of the whole file, which this program stores in the process. This is for a
    /// file that haproxy-gen did not write, or that was edited afterwards.
    Hash(String),
}

impl Default for Identity {
    fn default() -> Self {
        Self::Hash(String::new())
    }
}

pub(crate) fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    match files::read(path, MAX_FILE)? {
        Some(bytes) => Ok(bytes),
        None => bail!(
            "read {}: there is no such file; haproxy-gen makes it",
            path.display()
        ),
    }
}

/// Parses the file. It is refused if HAProxy would serve nothing with it, or could not
/// be asked any more: HAProxy 2.6 accepts even an empty file.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<Wanted> {
    let wanted = Wanted::parse(bytes);
    match wanted.unfit(bytes) {
        Some(why) => bail!(
            "read {}: {why}; the running HAProxy stays as it is",
            path.display()
        ),
        None => Ok(wanted),
    }
}

impl Wanted {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        // `from_utf8_lossy` alone takes longer, and nearly every file is UTF-8.
        let text =
            str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        let config = Config::parse(&text);
        let identity = match config.true_fingerprint() {
            Some(fingerprint) => Identity::Fingerprint(fingerprint),
            None => Identity::Hash(hash_of(bytes)),
        };
        let listeners = config.listeners();
        let room = config.room_for_variables();
        let files = files_of(&text);
        let changes = if files.is_empty() {
            Changes::default()
        } else {
            config.changes()
        };
        let backends = config.into_backends();
        let has_unnamed = backends.iter().any(|backend| backend.name.is_empty());
        let named = backends
            .into_iter()
            .filter(|backend| !backend.name.is_empty());
        Self {
            identity,
            listeners,
            room,
            files,
            changes,
            has_unnamed,
            backends: named
                .map(|backend| (backend.name.clone(), backend))
                .collect(),
        }
    }

    fn unfit(&self, bytes: &[u8]) -> Option<&'static str> {
        if bytes.is_empty() {
            Some("it is empty")
        } else if bytes.contains(&0) {
            Some("it holds zero bytes, so it is no text")
        } else if bytes.last() != Some(&b'\n') {
            Some("its last line has no end, so a part of it is missing")
        } else if !self.listeners.iter().any(Listener::is_for_clients) {
            Some("it has no `bind` line, so nothing would be served")
        } else if !self.listeners.iter().any(Listener::is_for_all_commands) {
            Some("it has no `stats socket PATH level admin`, so no later change could be made")
        } else if self.room.is_some_and(|room| room < ROOM) {
            Some(
                "its tune.vars.global-max-size or tune.vars.proc-max-size is below 16384, so \
                 HAProxy could not keep what haproxy-reload tells it",
            )
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
