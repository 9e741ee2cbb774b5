//! The report as text.

use std::path::Path;

use super::chain::Chain;
use super::cluster::{Counts, serving};
use super::span::span;
use super::{Report, Row};

const HEADINGS: [&str; 11] = [
    "SERVER", "ADDRESS", "WEIGHT", "STATE", "SINCE", "CHECK", "SESSIONS", "REQUESTS", "ERRORS",
    "FILE", "NODE",
];

/// The whole of it, for the chain of this folder of nodes. Where nothing is known of nodes the
/// table has no column for them.
pub(super) fn table(nodes: &Path, report: &Report) -> String {
    let columns = if report.chain.recorded {
        HEADINGS.len()
    } else {
        HEADINGS.len() - 1
    };
    let cells: Vec<[String; 11]> = report.servers.iter().map(cells).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let (chain, counts) = (&report.chain, &report.nodes);
    let mut text = chain_lines(nodes, chain, counts, report.well == Some(true));
    text.push_str(&summary(report));
    text.push_str(&line(&HEADINGS.map(str::to_owned)[..columns], &widths));
    for row in &cells {
        text.push_str(&line(&row[..columns], &widths));
    }
    text
}

/// What is said of the chain and of the nodes: one line where nothing is wrong with them.
pub(super) fn chain_lines(nodes: &Path, chain: &Chain, counts: &Counts, is_well: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    if chain.problems.is_empty() {
        let told = chain.told(nodes, is_well);
        let serve = chain
            .recorded
            .then(|| format!("; {}", serving(counts.serve, counts.all)));
        lines.push(format!("chain: {told}{}", serve.unwrap_or_default()));
    }
    lines.extend(
        chain
            .problems
            .iter()
            .map(|problem| format!("chain: {problem}")),
    );
    lines.extend(
        counts
            .problems
            .iter()
            .map(|problem| format!("nodes: {problem}")),
    );
    let indented = |line: &String| line.trim_end().replace('\n', "\n  ") + "\n";
    lines.iter().map(indented).collect()
}

pub(super) fn summary(report: &Report) -> String {
    let Report {
        haproxy,
        pid,
        uptime,
        file,
        agrees,
        next,
        later,
        retry_in,
        notes,
        uncompared,
        ..
    } = report;
    let worker = match pid {
        0 => "HAProxy's worker does not answer".to_owned(),
        _ => format!("HAProxy {haproxy}, worker {pid}, up {}", span(*uptime)),
    };
    let verdict = match (agrees, uncompared) {
        (true, false) => "agrees with",
        (true, true) => "agrees, as far as they are compared, with",
        (false, _) => "differs from",
    };
    let mut text = format!("{worker}: {verdict} {file}\n");
    text.extend(next.iter().map(|line| format!("  next: {line}\n")));
    text.extend(later.iter().map(|line| format!("  later: {line}\n")));
    if *retry_in > 0 {
        let line = format!("  this file was refused; tried again in {retry_in} s\n");
        text.push_str(&line);
    }
    text.extend(notes.iter().map(|note| format!("  note: {note}\n")));
    text
}

fn cells(row: &Row) -> [String; 11] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let address = row.address.clone().or_else(|| row.wanted_address.clone());
    let weight = row.weight.or(row.wanted_weight.map(u32::from));
    let text = |text: &str| or_dash((!text.is_empty()).then(|| text.to_owned()));
    let file = match (row.file, &row.wanted_address, row.wanted_weight) {
        ("absent", ..) => "-".to_owned(),
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
        or_dash(row.node.as_ref().map(|said| said.words.clone())),
    ]
    .map(|text| one_line(&text))
}

/// A text that fills a cell and no line more: who reads a table takes each line for a row.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// A line of the table, with numbers aligned to the right and words to the left.
fn line(cells: &[String], widths: &[usize; 11]) -> String {
    let padded = cells.iter().zip(widths).enumerate();
    let text: String = padded
        .map(|(at, (cell, &width))| match at {
            2 | 6..=8 => format!("{cell:>width$}  "),
            _ => format!("{cell:<width$}  "),
        })
        .collect();
    format!("{}\n", text.trim_end())
}
