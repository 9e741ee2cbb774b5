//! The four boxes: what there is of Serf, of /nodes, of haproxy.cfg and of HAProxy, and which
//! step between them fails.

use std::collections::HashSet;
use std::ffi::OsStr;

use journal::{Facts, Line, STEPS, State};

use super::safe::words;
use super::sentence::silence;
use super::tiles::Found;
use super::time::span;
use super::{Level, Stage};
use crate::facts::Snapshot;

pub(super) fn chain(snapshot: &Snapshot, facts: &Facts, found: &Found) -> Vec<Stage> {
    let state = snapshot.chain.as_ref().ok().and_then(Option::as_ref);
    let mut stages = vec![
        serf(snapshot, facts),
        folder(snapshot, facts),
        config(snapshot, state, found),
        haproxy(snapshot, state, found),
    ];
    let failing = state.map(|state| &state.failing);
    for (stage, step) in stages.iter_mut().zip(STEPS) {
        if let Some(failing) = failing.and_then(|failing| failing.get(step)) {
            let since = span(snapshot.now - failing.since);
            let error = words(&failing.error);
            stage.note = format!("{step} fails since {since}: {error}");
            stage.level = Level::Bad;
        }
    }
    stages
}

/// What so many are called.
fn one_or(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

fn serf(snapshot: &Snapshot, facts: &Facts) -> Stage {
    let known = matches!(snapshot.chain, Ok(Some(_)));
    let silence = match &snapshot.chain {
        Err(why) => Some(words(why)),
        Ok(None) => Some("no run is recorded".to_owned()),
        Ok(Some(_)) => silence(snapshot),
    };
    let count = |status: &str| facts.members.get(status).copied().unwrap_or(0);
    let others = ["failed", "leaving", "left"].map(|status| (count(status), status));
    let others = others.into_iter().chain([(facts.refused_all, "refused")]);
    let others = others.filter(|(count, _)| *count > 0);
    let others: Vec<String> = others
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let level = match () {
        () if matches!(snapshot.chain, Ok(Some(_))) && silence.is_some() => Level::Bad,
        () if snapshot.chain.is_err() => Level::Bad,
        // Serf keeps those that have failed for a day, long after their nodes are gone.
        () if silence.is_some() || facts.refused_all > 0 => Level::Warn,
        () => Level::Well,
    };
    Stage {
        id: "serf",
        title: "Serf".to_owned(),
        level,
        count: known.then(|| count("alive")),
        unit: one_or(count("alive"), "member alive", "members alive"),
        note: silence.unwrap_or_else(|| others.join(", ")),
    }
}

fn folder(snapshot: &Snapshot, facts: &Facts) -> Stage {
    let stage = Stage {
        id: "nodes",
        title: "/nodes".to_owned(),
        unit: "files",
        ..Stage::default()
    };
    let listing = match &snapshot.nodes {
        Ok(listing) => listing,
        Err(why) => {
            let (note, level) = (words(why), Level::Bad);
            return Stage {
                level,
                note,
                ..stage
            };
        }
    };
    let held = facts
        .lost
        .values()
        .filter(|lost| lost.until.is_none())
        .count();
    // A file that holds no node is lost as well, and said once.
    let names = listing.refused.iter().filter_map(|it| it.path.file_name());
    let names: HashSet<_> = names.filter_map(OsStr::to_str).collect();
    let others = facts.lost.iter().filter(|(_, lost)| lost.until.is_some());
    let others = others.filter(|(name, _)| !names.contains(name.as_str()));
    let counts = [
        (others.count(), "lost"),
        (held, "lost and kept"),
        (listing.refused.len(), "no node's"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut notes: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let last = snapshot.chain.as_ref().ok().and_then(Option::as_ref);
    let journal = last.and_then(|state| state.journal.as_deref());
    notes.extend(journal.map(|why| format!("the journal cannot be written: {}", words(why))));
    notes.extend(snapshot.journal_unread.as_deref().map(words));
    let level = match () {
        () if held > 0 => Level::Bad,
        () if !notes.is_empty() => Level::Warn,
        () => Level::Well,
    };
    Stage {
        level,
        count: Some(listing.nodes.len() as u64),
        unit: one_or(listing.nodes.len() as u64, "file", "files"),
        note: notes.join(", "),
        ..stage
    }
}

fn config(snapshot: &Snapshot, state: Option<&State>, found: &Found) -> Stage {
    // The file itself may hold passwords, and is not read: what HAProxy runs is what it says,
    // once haproxy-reload has seen to that.
    let agrees = state
        .is_some_and(|state| !state.failing.contains_key(STEPS[3]) && state.postponed.is_none());
    let is_known = agrees && snapshot.haproxy.is_ok();
    let count = is_known.then_some(found.servers as u64);
    let wrote = |line: &&Line| line.step == STEPS[2] && !line.wrote.is_empty();
    let written = snapshot.journal.iter().rev().find(wrote);
    let note = written.map(|line| format!("written {} ago", span(snapshot.now - line.t)));
    Stage {
        id: "config",
        title: "haproxy.cfg".to_owned(),
        level: if state.is_some() {
            Level::Well
        } else {
            Level::Quiet
        },
        count,
        unit: one_or(count.unwrap_or_default(), "server", "servers"),
        note: note.unwrap_or_default(),
    }
}

fn haproxy(snapshot: &Snapshot, state: Option<&State>, found: &Found) -> Stage {
    let blank = Stage {
        id: "haproxy",
        title: "HAProxy".to_owned(),
        unit: one_or(found.serving as u64, "serves", "serve"),
        ..Stage::default()
    };
    let haproxy = match &snapshot.haproxy {
        Ok(haproxy) => haproxy,
        Err(why) => {
            // The sentence says the rest.
            let why = why.split("; the template").next().unwrap_or(why);
            let note = words(why.strip_prefix("HAProxy ").unwrap_or(why));
            return Stage {
                level: Level::Bad,
                note,
                ..blank
            };
        }
    };
    let waits = state.and_then(|state| state.postponed.as_deref());
    let reload = state.and_then(|state| state.totals.last_reload);
    let note = match (waits, reload) {
        (Some(why), _) => format!("a reload waits: {}", words(why)),
        (None, Some(t)) => format!("reloaded {} ago", span(snapshot.now - t)),
        #[expect(clippy::cast_precision_loss, reason = "it is shown in days at last")]
        (None, None) => format!("up {}", span(haproxy.uptime as f64)),
    };
    let level = match () {
        () if found.serving == 0 => Level::Bad,
        () if found.is_short() || waits.is_some() => Level::Warn,
        () => Level::Well,
    };
    Stage {
        title: format!("HAProxy {}", words(&haproxy.version)),
        level,
        count: Some(found.serving as u64),
        note,
        ..blank
    }
}
