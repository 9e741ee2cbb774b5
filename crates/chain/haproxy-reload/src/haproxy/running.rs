//! What the worker runs, parsed from its answers, which may be cut off or nonsense.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, ensure};
use haproxy_config::{FINGERPRINT, Fingerprint};
use haproxy_socket::is_name;

use super::made::Made;

/// HAProxy's variable for the hash of the file that the worker has taken, if that file
/// has no fingerprint. It is lost when the worker ends, so a new worker is never
/// believed to have taken the file of an old one.
pub(crate) const TAKEN: &str = "proc.haproxy_reload_file";

/// HAProxy's variable for what commands have made of the servers' settings; see
/// [`Made`]. It is lost when the worker ends, as its servers are.
pub(crate) const MADE: &str = "proc.haproxy_reload_servers";

/// HAProxy's own variable for the files that it has read, separated by semicolons
/// (configuration.txt, 2.4).
const FILES: &str = "HAPROXY_CFGFILES";

/// The line that asks for everything at once. `show info` comes last: if its answer is
/// there, the list of servers before it is complete.
pub(crate) fn question() -> String {
    format!(
        "show env {FINGERPRINT};show env {FILES};get var {TAKEN};get var {MADE};\
         show ssl cert;show servers state;show info"
    )
}

const FORCED_MAINTENANCE: u32 = 1;
const FORCED_DRAIN: u32 = 8;
const CHECK_IN_PROGRESS: u32 = 1;
/// The same bit for health checks and for agents.
const CHECK_ENABLED: u32 = 4;
/// The highest status of a check without a result (`HCHK_STATUS_INI` in HAProxy's
/// check-t.h).
const CHECK_BEGINS: u32 = 1;
const RUNNING: u32 = 2;

/// The worker that answered, and its servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Running {
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) uptime: u64,
    /// Whether it is an old worker that only finishes its last connections.
    pub(crate) stopping: bool,
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The files that it has read; empty if it does not say.
    pub(crate) files: Vec<String>,
    /// The value of [`TAKEN`], if it was set.
    pub(crate) taken: Option<String>,
    /// The value of [`MADE`], if it was set.
    pub(crate) made: Option<Made>,
    /// The files of certificates that it has loaded, by the names that it gives them.
    pub(crate) certificates: Vec<String>,
    pub(crate) backends: Backends,
}

pub(crate) type Backends = BTreeMap<String, BTreeMap<String, State>>;

/// The state of one server.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "HAProxy's own independent flags"
)]
pub(crate) struct State {
    /// `None` if the server has a host name or a socket of another kind.
    pub(crate) address: Option<SocketAddr>,
    /// The weight that it has by now.
    pub(crate) weight: u32,
    /// The weight that it began with.
    pub(crate) first_weight: u32,
    pub(crate) id: u32,
    /// Its place in HAProxy's list of servers.
    pub(crate) place: usize,
    pub(crate) maintenance: bool,
    pub(crate) drain: bool,
    pub(crate) checked: bool,
    /// Whether a check is under way, perhaps of an address that the server had before.
    pub(crate) checking: bool,
    /// Whether a check has had a result, perhaps of an address that the server had before.
    pub(crate) has_result: bool,
    /// Whether an agent is asked, which may set state and weight.
    pub(crate) asks_agent: bool,
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
                running.fingerprint = Some(Fingerprint::parse(value));
            } else if let Some((FILES, value)) = variable {
                running.files = value.split(';').map(str::to_owned).collect();
            } else if let Some(rest) = line.strip_prefix(TAKEN) {
                running.taken = between(rest, "value=<", ">");
            } else if let Some(rest) = line.strip_prefix(MADE) {
                running.made = between(rest, "value=<", ">").map(|text| Made::parse(&text));
            } else if line == "# filename" {
                let names = lines.by_ref().take_while(|line| !line.is_empty());
                running.certificates = names.map(str::to_owned).collect();
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

    /// Whether the settings of its servers are those of this hash.
    pub(crate) fn is_made(&self, servers: &str) -> bool {
        match (&self.made, &self.fingerprint) {
            (Some(made), _) => made.servers == servers,
            (None, Some(began)) => began.servers == servers,
            (None, None) => false,
        }
    }

    /// The major and the minor number of the version; 0 for what is not a number.
    pub(crate) fn release(&self) -> (u32, u32) {
        let mut numbers = self
            .version
            .split(['.', '-'])
            .map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

pub(crate) fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0.to_owned())
}

fn servers(lines: &mut std::str::Lines) -> anyhow::Result<Backends> {
    let mut rows: BTreeMap<&str, Vec<(String, State)>> = BTreeMap::new();
    for (place, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
        let (backend, name, state) = row(line, place)
            .with_context(|| format!("HAProxy lists a server as `{}`", escaped(line)))?;
        rows.entry(backend)
            .or_default()
            .push((name.to_owned(), state));
    }
    // Building each map from all its rows at once is faster than inserting them singly.
    let servers =
        |(backend, rows): (&str, Vec<_>)| (backend.to_owned(), rows.into_iter().collect());
    Ok(rows.into_iter().map(servers).collect())
}

fn escaped(line: &str) -> String {
    exit::escape(line.as_bytes()).to_string()
}

/// Parses a line of `show servers state`, which has some 25 columns, into backend,
/// name and state. `None` if it is not such a line, or if a name could not stand in a command.
fn row(line: &str, place: usize) -> Option<(&str, &str, State)> {
    let mut columns = [""; 19];
    for (column, text) in columns.iter_mut().zip(line.split_ascii_whitespace()) {
        *column = text;
    }
    let (backend, name) = (columns[1], columns[3]);
    if !is_name(backend) || !is_name(name) {
        return None;
    }
    let number = |at: usize| columns[at].parse::<u32>().ok();
    let (admin, check, agent) = (number(6)?, number(13)?, number(14)?);
    let port = u16::try_from(number(18)?).ok()?;
    let ip = columns[4].parse::<IpAddr>().ok();
    let state = State {
        address: ip.map(|ip| SocketAddr::new(ip, port)),
        weight: number(7)?,
        first_weight: number(8)?,
        id: number(2)?,
        place,
        maintenance: admin & FORCED_MAINTENANCE != 0,
        drain: admin & FORCED_DRAIN != 0,
        checked: check & CHECK_ENABLED != 0,
        checking: check & CHECK_IN_PROGRESS != 0,
        has_result: number(10)? > CHECK_BEGINS,
        asks_agent: agent & CHECK_ENABLED != 0,
        up: number(5)? == RUNNING,
    };
    Some((backend, name, state))
}

#[cfg(test)]
mod tests;
