//! The running HAProxy: its worker and its master, and their command sockets.

pub(crate) mod certificates;
pub(crate) mod commands;
pub(crate) mod made;
pub(crate) mod master;
pub(crate) mod patterns;
pub(crate) mod running;

use std::collections::BTreeMap;

use anyhow::Context;

use self::master::Processes;
use self::running::Running;
use haproxy_socket::{Absent, Socket};

/// The two command sockets of a HAProxy.
pub(crate) struct Haproxy {
    pub(crate) worker: Socket,
    pub(crate) master: Socket,
}

impl Haproxy {
    /// Asks the worker; `None` if nobody answers at its socket but the master does.
    pub(crate) fn look(&self) -> anyhow::Result<Option<Running>> {
        match look(&self.worker) {
            Err(error) if error.is::<Absent>() && Processes::ask(&self.master).is_ok() => {}
            looked => return looked.map(Some),
        }
        // A HAProxy that was just starting has opened both sockets by now.
        match look(&self.worker) {
            Err(error) if error.is::<Absent>() => Ok(None),
            looked => looked.map(Some),
        }
    }

    /// HAProxy's own environment, from which it takes the value of variables such as
    /// `"${HAPROXY_HTTP-*:80}"`. Empty if it cannot be read.
    pub(crate) fn environment(&self, master: u32) -> BTreeMap<String, String> {
        match self.worker.ask("show env") {
            Ok(answer) => pairs(answer.lines()),
            Err(_) => pairs(environ(master).split('\0')),
        }
    }
}

/// Asks the worker behind `socket` about itself and its servers.
pub(crate) fn look(socket: &Socket) -> anyhow::Result<Running> {
    let answer = socket.ask(&running::question())?;
    Running::parse(&answer).with_context(|| format!("ask {}", socket.path.display()))
}

/// The environment that the process was started with; empty if we may not read it.
fn environ(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn pairs<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
