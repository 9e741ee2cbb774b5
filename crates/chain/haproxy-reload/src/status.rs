//! `--status`: the report that a person on call wants to see first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use exit::{Exit, print};
use haproxy_config::{Server, hash_of};
use serde::Serialize;

use crate::converge::situation;
use crate::file::kept::Files;
use crate::file::wanted::{Wanted, parse, read_bytes};
use crate::haproxy::Haproxy;
use crate::haproxy::running::{Running, State};
use crate::haproxy::stat::{self, Stat};
use crate::plan::{Plan, agrees};
use crate::reload::refused::Refused;

const HEADINGS: [&str; 10] = [
    "SERVER", "ADDRESS", "WEIGHT", "STATE", "SINCE", "CHECK", "SESSIONS", "REQUESTS", "ERRORS",
    "FILE",
];

#[derive(Serialize)]
struct Report {
    /// HAProxy's version. If no worker answers it is empty, and `pid` is 0.
    haproxy: String,
    pid: u32,
    uptime: u64,
    file: String,
    /// Whether a run would have nothing to do.
    agrees: bool,
    /// What a run would do, or why the file cannot be used.
    next: Vec<String>,
    /// Seconds until a refused file is tried again; 0 if it may be tried now.
    retry_in: u64,
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
    /// How it compares with the file: `same`, `new`, `left` or `differs`.
    file: &'static str,
}

/// Prints the report as a table or as JSON.
pub(crate) fn show(files: &Files, haproxy: &Haproxy, json: bool) -> anyhow::Result<Exit> {
    let report = report(files, haproxy)?;
    let text = if json {
        serde_json::to_string(&report)? + "\n"
    } else {
        table(&report)
    };
    print(&text)?;
    Ok(Exit::Changed)
}

fn report(files: &Files, haproxy: &Haproxy) -> anyhow::Result<Report> {
    // If the file cannot be used, the report still shows what runs.
    let (bytes, wanted, running, next) = match situation(files, haproxy) {
        Ok(now) => {
            let next = lines(&now.plan);
            (now.file.bytes, now.file.wanted, now.running, next)
        }
        Err(error) => {
            let bytes = read_bytes(&files.config).unwrap_or_default();
            let wanted = parse(&files.config, &bytes).unwrap_or_default();
            (bytes, wanted, haproxy.look()?, vec![format!("{error:#}")])
        }
    };
    let stats = match &running {
        Some(_) => stat::parse(&haproxy.worker.ask("show stat")?)?,
        None => BTreeMap::new(),
    };
    let running = running.unwrap_or_default();
    let refused = Refused::new(files.refused());
    Ok(Report {
        pid: running.pid,
        uptime: running.uptime,
        file: files.config.display().to_string(),
        agrees: next.is_empty(),
        next,
        retry_in: refused.left(&hash_of(&bytes)),
        servers: rows(&wanted, &running, &stats),
        haproxy: running.version,
    })
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.to_string().lines().map(str::to_owned).collect()
}

fn rows(wanted: &Wanted, running: &Running, counters: &BTreeMap<String, Stat>) -> Vec<Row> {
    let known: BTreeSet<&String> = wanted
        .backends
        .keys()
        .chain(running.backends.keys())
        .collect();
    let mut rows = Vec::new();
    for backend in known {
        let config = wanted.backends.get(backend);
        let runs = running.backends.get(backend);
        let in_file = config
            .into_iter()
            .flat_map(|config| config.servers.keys().chain(&config.fixed));
        let running = runs.into_iter().flat_map(BTreeMap::keys);
        for name in in_file.chain(running).collect::<BTreeSet<_>>() {
            let id = format!("{backend}/{name}");
            let stat = counters.get(&id).cloned().unwrap_or_default();
            let server = config.and_then(|config| config.servers.get(name));
            let fixed = config.is_some_and(|config| config.is_fixed(name));
            rows.push(row(
                id,
                server,
                fixed,
                runs.and_then(|runs| runs.get(name)),
                stat,
            ));
        }
    }
    rows
}

fn row(id: String, server: Option<&Server>, fixed: bool, state: Option<&State>, stat: Stat) -> Row {
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
        file: match (server, state) {
            (_, Some(_)) if fixed => "same",
            (_, None) => "new",
            (None, _) => "left",
            (Some(server), Some(state)) if agrees(server, state) => "same",
            (Some(_), Some(_)) => "differs",
        },
    }
}

fn table(report: &Report) -> String {
    let cells: Vec<[String; 10]> = report.servers.iter().map(cells).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = summary(report);
    text.push_str(&line(&HEADINGS.map(str::to_owned), &widths));
    for row in &cells {
        text.push_str(&line(row, &widths));
    }
    text
}

fn summary(report: &Report) -> String {
    let Report {
        haproxy,
        pid,
        uptime,
        file,
        agrees,
        next,
        retry_in,
        ..
    } = report;
    let worker = match pid {
        0 => "HAProxy's worker does not answer".to_owned(),
        _ => format!("HAProxy {haproxy}, worker {pid}, up {}", span(*uptime)),
    };
    let verdict = if *agrees {
        "agrees with"
    } else {
        "differs from"
    };
    let mut text = format!("{worker}: {verdict} {file}\n");
    text.extend(next.iter().map(|line| format!("  next: {line}\n")));
    if *retry_in > 0 {
        let line = format!("  HAProxy refused this file; tried again in {retry_in} s\n");
        text.push_str(&line);
    }
    text
}

fn span(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

fn cells(row: &Row) -> [String; 10] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let address = row.address.clone().or_else(|| row.wanted_address.clone());
    let weight = row.weight.or(row.wanted_weight.map(u32::from));
    let text = |text: &str| or_dash((!text.is_empty()).then(|| text.to_owned()));
    let file = match (row.file, &row.wanted_address, row.wanted_weight) {
        ("differs", Some(address), Some(weight)) => format!("{address} weight {weight}"),
        (file, ..) => file.to_owned(),
    };
    [
        row.server.clone(),
        or_dash(address),
        or_dash(weight.map(|weight| weight.to_string())),
        text(&row.state),
        span(row.since),
        text(&row.check),
        row.sessions.to_string(),
        row.requests.to_string(),
        row.errors.to_string(),
        file,
    ]
}

/// A line of the table, with numbers aligned to the right and words to the left.
fn line(cells: &[String; 10], widths: &[usize; 10]) -> String {
    let padded = cells.iter().zip(widths).enumerate();
    let text: String = padded
        .map(|(at, (cell, &width))| match at {
            2 | 6..=8 => format!("{cell:>width$}  "),
            _ => format!("{cell:<width$}  "),
        })
        .collect();
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests;
