//! `--status`: the report that a person on call wants to see first.

mod chain;
mod cluster;
mod look;
mod span;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use exit::{Exit, print};
use haproxy_config::{Server, hash_of};
use serde::Serialize;

use self::chain::Chain;
use self::cluster::{Counts, Said};
pub(crate) use self::look::Places;
use self::look::Recorded;
use self::table::{chain_lines, table};
use crate::file::content::{Content, listed};
use crate::file::kept::Files;
use crate::file::read_by::others;
use crate::file::wanted::{Wanted, parse};
use crate::haproxy::Haproxy;
use crate::haproxy::running::{Running, State};
use crate::loaded::{self, Loaded};
use crate::plan::{Known, agrees};
use crate::reload::pace::{Due, Pace};
use crate::reload::refused::Refused;
use crate::situation::situation;
use haproxy_socket::stat::{self, Stat};

/// How many notes are shown one by one.
const MOST_NOTES: usize = 10;
/// What is said of a reload that has to wait while no process does.
const NOBODY_WAITS: &str = "nobody waits for the reload that is due: the next run sees to it";
#[derive(Serialize)]
struct Report {
    /// Whether all is well: the chain, what HAProxy runs, and every node. `None` if no run of
    /// the chain is recorded, as where these programs are used by themselves.
    well: Option<bool>,
    chain: Chain,
    nodes: Counts,
    /// HAProxy's version. If no worker answers it is empty, and `pid` is 0.
    haproxy: String,
    pid: u32,
    uptime: u64,
    file: String,
    /// Whether HAProxy runs what the file says.
    agrees: bool,
    /// What a run would do, or why the file cannot be used.
    next: Vec<String>,
    /// What a run does with servers that left as soon as they are idle.
    later: Vec<String>,
    /// Seconds until a refused file is tried again; 0 if it may be tried now.
    retry_in: u64,
    /// Seconds until a reload that is due may be made; 0 if none is, or it may be made now.
    reload_in: u64,
    /// Whether there are servers that are not compared with the file.
    uncompared: bool,
    /// What is not compared, and what others than the file decide.
    notes: Vec<String>,
    servers: Vec<Row>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Row {
    server: String,
    address: Option<String>,
    weight: Option<u32>,
    state: String,
    since: u64,
    check: String,
    sessions: u64,
    requests: u64,
    errors: u64,
    wanted_address: Option<String>,
    wanted_weight: Option<u16>,
    /// How it compares with the file: `same`, `new`, `left`, `differs`, `fixed` (it is in
    /// the file, and only a reload changes it), `other` (it is none of this file's) or `absent`
    /// (a node that is neither in the file nor in HAProxy, and has its bare name in `server`).
    file: &'static str,
    /// What the node does, as far as the chain knows it.
    node: Option<Said>,
}

impl Row {
    /// That of a node without a server.
    fn absent() -> Self {
        row(String::new(), None, None, Stat::default(), "absent")
    }
}

/// Prints the report as a table or as JSON, and returns whether all is well. Where no HAProxy
/// can be asked there still is something to say of the chain.
pub(crate) fn show(
    files: &Files,
    haproxy: &Haproxy,
    pace: Pace,
    places: &Places,
    json: bool,
) -> anyhow::Result<Exit> {
    let recorded = places.look();
    let report = match report(files, haproxy, pace, &recorded) {
        Ok(report) => report,
        Err(error) => {
            let (chain, counts) = recorded.alone();
            let lines = chain_lines(&recorded.nodes, &chain, &counts, false);
            if !json {
                print(&exit::message(&lines))?;
            }
            return Err(error);
        }
    };
    print(&printed(&recorded.nodes, &report, json)?)?;
    Ok(report.exit())
}

impl Report {
    fn exit(&self) -> Exit {
        match self.well {
            Some(false) => Exit::Unchanged,
            Some(true) | None => Exit::Changed,
        }
    }
}

/// What HAProxy says of a check may have words of the server, and these may be anything.
fn printed(nodes: &Path, report: &Report, json: bool) -> serde_json::Result<String> {
    if json {
        serde_json::to_string(report).map(|text| exit::json(&text) + "\n")
    } else {
        Ok(exit::message(&table(nodes, report)))
    }
}

/// What a report is made of.
struct Facts {
    /// The file, and what it asks for.
    content: Content,
    wanted: Wanted,
    /// What the last file asked for that HAProxy took, if that is another one.
    good: Option<Wanted>,
    /// `None` if no worker answers.
    running: Option<Running>,
    next: Vec<String>,
    later: Vec<String>,
    /// What is not compared of the files beside haproxy.cfg.
    notes: Vec<String>,
    due: Option<Due>,
}

impl Facts {
    fn new(files: &Files, haproxy: &Haproxy, pace: Pace) -> anyhow::Result<Self> {
        match situation(files, haproxy) {
            Ok(now) => {
                let (mut next, due) = (now.next(pace), now.due(pace));
                let later = now.plan.later().collect();
                let loaded = loaded::report(&now, haproxy).unwrap_or_else(Loaded::from);
                next.extend(loaded.next);
                let mut notes = bounded(loaded.notes, "such files");
                if due.is_some() && !files.is_waited_for() {
                    notes.push(NOBODY_WAITS.to_owned());
                }
                let (content, wanted, good) = now.file.into_parts();
                Ok(Self {
                    content,
                    wanted,
                    good,
                    running: now.running,
                    next,
                    later,
                    notes,
                    due,
                })
            }
            // If the file cannot be used, the report still shows what runs.
            Err(error) => {
                let content = Content::read(&files.config).unwrap_or_default();
                Ok(Self {
                    wanted: parse(&content).unwrap_or_default(),
                    content,
                    good: None,
                    running: haproxy.look()?,
                    next: vec![format!("{error:#}")],
                    later: Vec::new(),
                    notes: Vec::new(),
                    due: None,
                })
            }
        }
    }
}

fn report(
    files: &Files,
    haproxy: &Haproxy,
    pace: Pace,
    recorded: &Recorded,
) -> anyhow::Result<Report> {
    let facts = Facts::new(files, haproxy, pace)?;
    let stats = match &facts.running {
        Some(_) => stat::parse(&haproxy.worker.ask("show stat")?)?,
        None => BTreeMap::new(),
    };
    let (wanted, running) = (&facts.wanted, facts.running.unwrap_or_default());
    let refused = Refused::new(files.refused());
    let others = others(&running.files, &files.config);
    let known = Known::new(wanted, facts.good.as_ref(), &running);
    let comparison = Comparison {
        wanted,
        running: &running,
        known,
    };
    let mut servers = comparison.rows(&stats);
    let nodes = recorded.complete(&mut servers);
    let chain = recorded.chain(facts.due.as_ref());
    let agrees = facts.next.is_empty();
    let is_well = agrees && chain.problems.is_empty() && nodes.problems.is_empty();
    Ok(Report {
        well: chain.recorded.then_some(is_well),
        chain,
        nodes,
        pid: running.pid,
        uptime: running.uptime,
        file: listed(&files.config),
        agrees,
        next: facts.next,
        later: facts.later,
        retry_in: refused.left(&hash_of(&facts.content.bytes)),
        reload_in: facts.due.map_or(0, |due| due.seconds()),
        notes: notes(wanted, &running, &others)
            .iter()
            .map(|note| facts.content.in_files(note))
            .chain(facts.notes)
            .chain(recorded.note())
            .collect(),
        uncompared: servers
            .iter()
            .any(|row| matches!(row.file, "fixed" | "other")),
        servers,
        haproxy: running.version.clone(),
    })
}

/// The file and the worker, server by server.
struct Comparison<'a> {
    wanted: &'a Wanted,
    running: &'a Running,
    known: Known<'a>,
}

impl Comparison<'_> {
    fn rows(&self, counters: &BTreeMap<String, Stat>) -> Vec<Row> {
        let names = self
            .wanted
            .backends
            .keys()
            .chain(self.running.backends.keys());
        let mut rows = Vec::new();
        for backend in names.collect::<BTreeSet<&String>>() {
            let config = self.wanted.backends.get(backend);
            let runs = self.running.backends.get(backend);
            let in_file = config
                .into_iter()
                .flat_map(|config| config.servers.keys().chain(config.odd.keys()));
            let running = runs.into_iter().flat_map(BTreeMap::keys);
            for name in in_file.chain(running).collect::<BTreeSet<_>>() {
                let id = format!("{backend}/{name}");
                let stat = counters.get(&id).cloned().unwrap_or_default();
                let server = config.and_then(|config| config.servers.get(name));
                let state = runs.and_then(|runs| runs.get(name));
                let file = self.verdict(backend, name, server, state);
                rows.push(row(id, server, state, stat, file));
            }
        }
        rows
    }

    fn verdict(
        &self,
        backend: &str,
        name: &str,
        server: Option<&Server>,
        state: Option<&State>,
    ) -> &'static str {
        let Some(config) = self.wanted.backends.get(backend) else {
            return "other";
        };
        match (server, state) {
            _ if config.hidden().is_some() => "other",
            (None, _) if config.is_odd(name).is_some() => "fixed",
            (_, None) => "new",
            (None, Some(_)) => "left",
            (Some(server), Some(state)) if agrees(server, state) => {
                let its = self.known.in_backend(backend);
                let its = its.of(name);
                let differs = self.known.has_source() && its.differ(&server.settings);
                if differs { "differs" } else { "same" }
            }
            (Some(_), Some(_)) => "differs",
        }
    }
}

/// What is not compared with the file, and what an agent or a person may have set.
fn notes(wanted: &Wanted, running: &Running, others: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if !others.is_empty() {
        let files = others.join(", ");
        notes.push(format!(
            "HAProxy reads {files} too: what stands there is not compared"
        ));
    }
    for (name, backend) in &wanted.backends {
        if let Some(why) = backend.hidden() {
            notes.push(format!("backend {name} is not compared: {why}"));
        }
        let templates = backend.templates();
        notes.extend(templates.map(|prefix| {
            format!("only a reload changes {name}/{prefix}...: they are of a server-template")
        }));
        let odd = backend.odd.iter();
        notes.extend(
            odd.map(|(server, why)| format!("only a reload changes {name}/{server}: {why}")),
        );
        for (server, its) in &backend.servers {
            let state = running
                .backends
                .get(name)
                .and_then(|servers| servers.get(server));
            let state = state.filter(|_| its.settings.has_agent);
            notes.extend(state.and_then(|state| set_by_agent(&format!("{name}/{server}"), state)));
        }
    }
    bounded(notes, "such servers")
}

/// The first of the notes, and how many more there are of `what` they speak.
fn bounded(mut notes: Vec<String>, what: &str) -> Vec<String> {
    let more = notes.len().saturating_sub(MOST_NOTES);
    if more > 0 {
        notes.truncate(MOST_NOTES);
        notes.push(format!("{more} more {what}"));
    }
    notes
}

/// What the agent of a server has set, or a person: HAProxy does not tell which.
fn set_by_agent(id: &str, state: &State) -> Option<String> {
    let what = if state.maintenance {
        "maintenance".to_owned()
    } else if state.drain {
        "drain".to_owned()
    } else if state.weight != state.first_weight {
        format!("weight {}", state.weight)
    } else {
        return None;
    };
    Some(format!("the agent of {id}, or a person, has set: {what}"))
}

fn row(
    id: String,
    server: Option<&Server>,
    state: Option<&State>,
    stat: Stat,
    file: &'static str,
) -> Row {
    let address = state.and_then(|state| state.address);
    Row {
        server: id,
        address: address.map(|address| address.to_string()),
        weight: state.map(|state| state.weight),
        state: stat.status,
        since: stat.since,
        check: stat.check,
        sessions: stat.sessions,
        requests: stat.requests,
        errors: stat.errors,
        wanted_address: server.map(|server| server.runtime.address.to_string()),
        wanted_weight: server.map(|server| server.runtime.weight),
        file,
        node: None,
    }
}

#[cfg(test)]
mod tests;
