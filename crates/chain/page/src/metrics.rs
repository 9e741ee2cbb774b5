//! The cluster as metrics, in Prometheus' text format.
//!
//! No label is a node's name: a cluster whose nodes come and go would fill a time series
//! database with them.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use journal::{BOUNDS, Facts, Histogram, STEPS, State};

use crate::facts::{Record, Snapshot};
use crate::view::{History, NodeState, view};

#[cfg(test)]
mod tests;

/// The format, for whoever asks over HTTP.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What has a metric from the beginning: a counter that appears with its first count has no rate
/// at the moment that counts.
const CODES: [u8; 2] = [100, 111];
const STATUSES: [&str; 4] = ["alive", "failed", "leaving", "left"];
const RESULTS: [&str; 2] = ["succeeded", "failed"];
const CHANGES: [&str; 8] = [
    "added", "changed", "left", "died", "lost", "back", "held", "refused",
];
const KINDS: [&str; 4] = ["changed", "asked", "again", "silent"];
const STATES: [(NodeState, &str); 10] = [
    (NodeState::Held, "held"),
    (NodeState::Lost, "lost"),
    (NodeState::Silent, "silent"),
    (NodeState::Unknown, "unknown"),
    (NodeState::Refused, "refused"),
    (NodeState::New, "new"),
    (NodeState::Drains, "drains"),
    (NodeState::Died, "died"),
    (NodeState::Left, "left"),
    (NodeState::Serves, "serves"),
];

/// By how many seconds two clocks may differ that have not been set.
const CLOCKS: f64 = 1.0;

/// All metrics.
pub(crate) fn metrics(snapshot: &Snapshot) -> String {
    let state = snapshot.chain.as_ref().ok().and_then(Option::as_ref);
    let none = State::default();
    let mut text = Text::default();
    text.family(
        "muster_build_info",
        "gauge",
        "The version of muster-page, always 1.",
    );
    text.sample(
        "muster_build_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    runs(&mut text, snapshot, state);
    steps(&mut text, state.unwrap_or(&none));
    nodes(&mut text, snapshot, state.unwrap_or(&none));
    haproxy(&mut text, snapshot, state);
    services(&mut text, snapshot.services.as_deref().unwrap_or_default());
    text.0
}

fn runs(text: &mut Text, snapshot: &Snapshot, state: Option<&State>) {
    let successful = state.is_some_and(|state| state.end.is_some() && state.failing.is_empty());
    // While a run is under way the end of the one before is known by its age.
    let before = snapshot.age.map(|age| snapshot.now - age.as_secs_f64());
    let end = match (state.and_then(|state| state.end), before) {
        // The age is right whatever becomes of the clock, and what is written has no jitter.
        (Some(end), Some(before)) if (end - before).abs() < CLOCKS => Some(end),
        (end, before) => before.or(end),
    };
    let going_well = state.is_some_and(|it| it.end.is_none() && it.failing.is_empty());
    text.single(
        "muster_chain_last_run_successful",
        "gauge",
        "Whether no step of the chain fails: 1, else 0, also where no run is recorded.",
        u8::from(successful || (going_well && end.is_some())),
    );
    text.single(
        "muster_chain_last_run_timestamp_seconds",
        "gauge",
        "When the last run of the chain ended; 0 if none is recorded.",
        seconds(end),
    );
    text.single(
        "muster_chain_last_success_timestamp_seconds",
        "gauge",
        "When the last run in which nothing failed ended; 0 if there was none.",
        seconds(state.and_then(|state| state.success)),
    );
}

fn steps(text: &mut Text, state: &State) {
    let totals = &state.totals;
    let name = "muster_chain_runs_total";
    text.family(name, "counter", "Runs of the chain by their result.");
    text.counts(name, "result", &RESULTS, &totals.runs);
    let name = "muster_chain_step_failures_total";
    text.family(
        name,
        "counter",
        "Failures of the chain's steps by their exit codes.",
    );
    for step in STEPS {
        let mut failures: BTreeMap<u8, u64> = CODES.map(|code| (code, 0)).into();
        failures.extend(totals.failures.get(step).into_iter().flatten());
        for (code, many) in failures {
            text.sample(name, &[("step", step), ("code", &code.to_string())], many);
        }
    }
    let name = "muster_chain_step_duration_seconds";
    text.family(name, "histogram", "How long the chain's steps took.");
    for step in STEPS {
        let none = Histogram::default();
        text.histogram(name, step, totals.durations.get(step).unwrap_or(&none));
    }
}

fn nodes(text: &mut Text, snapshot: &Snapshot, state: &State) {
    let facts = &state.facts;
    let counts = view(snapshot, &History::default()).counts;
    let name = "muster_nodes";
    text.family(name, "gauge", "Nodes by their state.");
    for (state, word) in STATES {
        text.sample(name, &[("state", word)], counts.get(&state).unwrap_or(&0));
    }
    text.single(
        "muster_removals_held",
        "gauge",
        "Lost nodes that stay, since too many are lost at once, until somebody confirms it.",
        held(facts),
    );
    let name = "muster_members";
    text.family(name, "gauge", "Members of the cluster by their status.");
    text.counts(name, "status", &STATUSES, &facts.members);
    text.single(
        "muster_members_refused",
        "gauge",
        "Members that want to be nodes and cannot be.",
        facts.refused_all,
    );
    let name = "muster_node_changes_total";
    text.family(name, "counter", "What happened to nodes.");
    text.counts(name, "change", &CHANGES, &state.totals.changes);
}

/// At least one where anything is held back.
fn held(facts: &Facts) -> usize {
    let lost = facts
        .lost
        .values()
        .filter(|lost| lost.until.is_none())
        .count();
    lost.max(usize::from(facts.held.is_some()))
}

fn haproxy(text: &mut Text, snapshot: &Snapshot, state: Option<&State>) {
    let reloader = STEPS[STEPS.len() - 1];
    let agrees = |state: &State| {
        snapshot.haproxy.is_ok()
            && state.postponed.is_none()
            && !state.failing.contains_key(reloader)
    };
    text.single(
        "muster_haproxy_agrees",
        "gauge",
        "Whether HAProxy answers and runs what haproxy.cfg says, as far as is known.",
        u8::from(state.is_some_and(agrees)),
    );
    let none = BTreeMap::new();
    let name = "muster_haproxy_reloads_total";
    text.family(
        name,
        "counter",
        "Reloads of HAProxy by the kind of their reason.",
    );
    let reloads = state.map_or(&none, |state| &state.totals.reloads);
    text.counts(name, "kind", &KINDS, reloads);
    text.single(
        "muster_haproxy_last_reload_timestamp_seconds",
        "gauge",
        "When HAProxy was last reloaded; 0 if it never was.",
        seconds(state.and_then(|state| state.totals.last_reload)),
    );
}

fn services(text: &mut Text, services: &[Record]) {
    if services.is_empty() {
        return;
    }
    let name = "muster_service_up";
    text.family(name, "gauge", "Whether a service of the balancer runs.");
    for service in services {
        let up = service.status.as_ref().is_ok_and(servicedir::Status::is_up);
        text.sample(name, &[("service", &service.name)], u8::from(up));
    }
    let name = "muster_service_restarts_total";
    text.family(
        name,
        "counter",
        "Ends of a service since it is supervised, as its record has them.",
    );
    for service in services {
        text.sample(name, &[("service", &service.name)], service.restarts);
    }
}

/// Rounded to milliseconds, which is what the chain writes.
fn seconds(t: Option<f64>) -> f64 {
    (t.unwrap_or(0.0) * 1e3).round() / 1e3
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(line);
        self.0.push('\n');
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.join(",") {
            labels if labels.is_empty() => labels,
            labels => format!("{{{labels}}}"),
        };
        self.line(format_args!("{name}{labels} {value}"));
    }

    /// What is counted by a label: each value that is known, and what else there is.
    fn counts(&mut self, name: &str, label: &str, known: &[&str], counts: &BTreeMap<String, u64>) {
        let mut all: BTreeMap<&str, u64> = known.iter().map(|value| (*value, 0)).collect();
        all.extend(counts.iter().map(|(value, many)| (value.as_str(), *many)));
        for (value, many) in all {
            self.sample(name, &[(label, value)], many);
        }
    }

    fn histogram(&mut self, name: &str, step: &str, histogram: &Histogram) {
        let mut all = 0_u64;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let bucket = format!("{name}_bucket");
        for (place, bound) in bounds.enumerate() {
            all = all.saturating_add(histogram.counts.get(place).copied().unwrap_or(0));
            self.sample(&bucket, &[("step", step), ("le", &bound)], all);
        }
        self.sample(&format!("{name}_sum"), &[("step", step)], histogram.sum);
        self.sample(&format!("{name}_count"), &[("step", step)], all);
    }
}

fn escaped(value: &str) -> String {
    let value = exit::message(value);
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
