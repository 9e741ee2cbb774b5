//! The wanted state: the servers and listeners of haproxy.cfg.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::bail;
use haproxy_config::{
    Backend, Changes, Config, DefaultPath, Fingerprint, Listener, files_of, hash_of,
};

use super::content::{Content, listed};

/// The parts of haproxy.cfg that this program compares or checks.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// By what the running process shows that it has taken this file.
    pub(crate) identity: Identity,
    /// Whether it sets a fingerprint that is not its own: somebody has edited it, or is about
    /// to put another of its files in place.
    pub(crate) is_edited: bool,
    /// The sections that have servers, by name.
    pub(crate) backends: BTreeMap<String, Backend>,
    /// Whether there is one whose name only HAProxy knows.
    pub(crate) has_unnamed: bool,
    pub(crate) listeners: Vec<Listener>,
    /// The folder of certificates with a relative name, if it says one.
    pub(crate) certificate_base: Option<String>,
    /// Where the relative names of maps and ACLs begin.
    pub(crate) default_path: DefaultPath,
    /// The size of HAProxy's buffers, in bytes, if it sets one.
    pub(crate) buffer: Option<u64>,
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

/// Parses the files. They are refused if HAProxy would serve nothing with them, or could not
/// be asked any more: HAProxy 2.6 accepts even an empty file.
pub(crate) fn parse(content: &Content) -> anyhow::Result<Wanted> {
    let refuse = |what, why| bail!("read {what}: {why}; the running HAProxy stays as it is");
    let mut torn = content
        .files()
        .filter_map(|(path, bytes)| Some((path, torn(bytes)?)));
    if let Some((path, why)) = torn.next() {
        return refuse(path.display().to_string(), why);
    }
    let mut more = content.files().skip(1);
    if let Some((path, _)) =
        more.find(|(_, bytes)| Config::parse(&text_of(bytes)).begins_with_servers())
    {
        let why = "it begins with a server and not with a section, so HAProxy would not take it";
        return refuse(path.display().to_string(), why);
    }
    let wanted = Wanted::parse(&content.bytes);
    match wanted.lacks() {
        Some(why) => refuse(listed(&content.paths()), why),
        None => Ok(wanted),
    }
}

/// `from_utf8_lossy` alone takes longer, and nearly every file is UTF-8.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Why a file cannot be whole.
fn torn(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        Some("it is empty")
    } else if bytes.contains(&0) {
        Some("it holds zero bytes, so it is no text")
    } else if bytes.last() != Some(&b'\n') {
        Some("its last line has no end, so a part of it is missing")
    } else {
        None
    }
}

impl Wanted {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = text_of(bytes);
        let config = Config::parse(&text);
        let identity = match config.true_fingerprint() {
            Some(fingerprint) => Identity::Fingerprint(fingerprint),
            None => Identity::Hash(hash_of(bytes)),
        };
        let is_edited = config.fingerprint.is_some() && matches!(identity, Identity::Hash(_));
        let listeners = config.listeners();
        let room = config.room_for_variables();
        let buffer = config.buffer_size();
        let certificate_base = config.certificate_base();
        let default_path = config.default_path();
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
            is_edited,
            listeners,
            certificate_base,
            default_path,
            buffer,
            room,
            files,
            changes,
            has_unnamed,
            backends: named
                .map(|backend| (backend.name.clone(), backend))
                .collect(),
        }
    }

    /// What has to be in the files.
    fn lacks(&self) -> Option<&'static str> {
        if !self.listeners.iter().any(Listener::is_for_clients) {
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
