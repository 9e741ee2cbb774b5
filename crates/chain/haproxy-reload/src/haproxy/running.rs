//! What runs: HAProxy's own answers, which can be cut off or nonsense.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, ensure};
use haproxy_config::FINGERPRINT;

/// The variable that holds the hash of the file that a worker has taken, where the
/// file has no fingerprint. It lives in the worker, so that a restarted one is never
/// taken for another.
pub(crate) const TAKEN: &str = "proc.haproxy_reload_file";

/// One line for everything; `show info` is last, so that its presence proves
/// that the list of servers before it is whole.
pub(crate) fn question() -> String {
    format!("show env {FINGERPRINT};get var {TAKEN};show servers state;show info")
}

const FORCED_MAINTENANCE: u32 = 1;
const FORCED_DRAIN: u32 = 8;
const CHECK_IN_PROGRESS: u32 = 1;
const CHECK_ENABLED: u32 = 4;
const RUNNING: u32 = 2;

/// The worker that answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Running {
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) uptime: u64,
    /// It is an old worker that finishes its last connections.
    pub(crate) stopping: bool,
    pub(crate) fingerprint: Option<String>,
    /// The hash of the file that it was seen to take.
    pub(crate) taken: Option<String>,
    pub(crate) backends: Backends,
}

pub(crate) type Backends = BTreeMap<String, BTreeMap<String, State>>;

/// One server.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "HAProxy's own independent flags"
)]
pub(crate) struct State {
    /// None where HAProxy has chosen it.
    pub(crate) id: Option<u32>,
    /// None where HAProxy has a name to resolve, or a socket of another kind.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) weight: u32,
    pub(crate) maintenance: bool,
    pub(crate) drain: bool,
    pub(crate) checked: bool,
    /// A check is under way, perhaps of an address that it had before.
    pub(crate) checking: bool,
    pub(crate) up: bool,
}

impl Running {
    pub(crate) fn parse(answer: &str) -> anyhow::Result<Self> {
        let mut running = Self::default();
        let mut lines = answer.lines();
        let mut header = false;
        let mut told = 0;
        while let Some(line) = lines.next() {
            let variable = line.split_once('=');
            if let Some((FINGERPRINT, value)) = variable {
                running.fingerprint = Some(value.to_owned());
            } else if let Some(rest) = line.strip_prefix(TAKEN) {
                running.taken = between(rest, "value=<", ">");
            } else if line.starts_with("# be_id ") {
                header = true;
                running.backends = servers(&mut lines)?;
            } else if let Some((key, value)) = line.split_once(": ") {
                told += running.info(key, value)?;
            }
        }
        ensure!(header && told == 4, "HAProxy's answer is not whole");
        Ok(running)
    }

    fn info(&mut self, key: &str, value: &str) -> anyhow::Result<usize> {
        match key {
            "Version" => value.clone_into(&mut self.version),
            "Pid" => self.pid = value.parse().context("read HAProxy's process id")?,
            "Uptime_sec" => self.uptime = value.parse().context("read HAProxy's uptime")?,
            "Stopping" => self.stopping = value != "0",
            _ => return Ok(0),
        }
        Ok(1)
    }

    /// Major and minor number; 0.0 where HAProxy says something else.
    pub(crate) fn release(&self) -> (u32, u32) {
        let mut numbers = self
            .version
            .split(['.', '-'])
            .map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0.to_owned())
}

fn servers(lines: &mut std::str::Lines) -> anyhow::Result<Backends> {
    let mut rows: BTreeMap<&str, Vec<(String, State)>> = BTreeMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (backend, name, state) =
            row(line).with_context(|| format!("HAProxy lists a server as `{}`", escaped(line)))?;
        rows.entry(backend)
            .or_default()
            .push((name.to_owned(), state));
    }
    // A map made of all at once costs less than one that grows.
    let servers =
        |(backend, rows): (&str, Vec<_>)| (backend.to_owned(), rows.into_iter().collect());
    Ok(rows.into_iter().map(servers).collect())
}

fn escaped(line: &str) -> String {
    exit::escape(line.as_bytes()).to_string()
}

/// The columns that count, of some 25.
fn row(line: &str) -> Option<(&str, &str, State)> {
    let mut columns = [""; 19];
    for (column, text) in columns.iter_mut().zip(line.split_ascii_whitespace()) {
        *column = text;
    }
    let number = |at: usize| columns[at].parse::<u32>().ok();
    let (admin, check) = (number(6)?, number(13)?);
    let is_id_given = number(16)? != 0;
    let port = u16::try_from(number(18)?).ok()?;
    let ip = columns[4].parse::<IpAddr>().ok();
    let state = State {
        id: number(2).filter(|_| is_id_given),
        address: ip.map(|ip| SocketAddr::new(ip, port)),
        weight: number(7)?,
        maintenance: admin & FORCED_MAINTENANCE != 0,
        drain: admin & FORCED_DRAIN != 0,
        checked: check & CHECK_ENABLED != 0,
        checking: check & CHECK_IN_PROGRESS != 0,
        up: number(5)? == RUNNING,
    };
    Some((columns[1], columns[3], state))
}

#[cfg(test)]
mod tests;
