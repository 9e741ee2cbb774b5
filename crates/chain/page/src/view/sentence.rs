//! The one sentence at the top: what is most serious is said first.

use journal::{Facts, State};

use super::safe::{list, safe, words};
use super::tiles::{Found, GOES};
use super::time::span;
use super::{Level, NodeState, Sentence};
use crate::facts::Snapshot;

/// The longest sentence, in characters.
const LONGEST: usize = 700;
/// What stands in the words of `serf-nodes` before the command that confirms a loss.
const COMMAND: &str = "for good: ";

pub(super) fn sentence(snapshot: &Snapshot, facts: &Facts, found: &Found) -> Sentence {
    let state = snapshot.chain.as_ref().ok().and_then(Option::as_ref);
    let sentence = chain(snapshot, found)
        .or_else(|| unread(snapshot))
        .or_else(|| held(facts, found))
        .unwrap_or_else(|| nodes(snapshot, state, facts, found));
    Sentence {
        text: safe(&sentence.text, LONGEST),
        ..sentence
    }
}

fn bad(text: String) -> Sentence {
    Sentence {
        level: Level::Bad,
        text,
        command: None,
    }
}

/// Whether the chain makes what is seen here true.
fn chain(snapshot: &Snapshot, found: &Found) -> Option<Sentence> {
    let as_before = as_before(snapshot, found);
    let state = match &snapshot.chain {
        Err(why) => {
            return Some(bad(format!(
                "what the chain does is unknown: {why}; {as_before}"
            )));
        }
        Ok(None) => {
            let text = format!("no run of the chain is recorded; {as_before}");
            let level = Level::Warn;
            return Some(Sentence { level, ..bad(text) });
        }
        Ok(Some(state)) => state,
    };
    if let Some((step, failing)) = state.failed() {
        let since = span(snapshot.now - failing.since);
        let error = words(&failing.error);
        let error = error.trim_end_matches('.');
        let text = format!("the chain fails since {since} at {step}: {error}; {as_before}");
        return Some(bad(text));
    }
    let ended = silence(snapshot)?;
    Some(bad(format!("{ended}; {as_before}")))
}

/// What is said where the chain has not run for too long.
pub(super) fn silence(snapshot: &Snapshot) -> Option<String> {
    let patience = snapshot.patience?;
    match snapshot.age {
        Some(age) if age <= patience => None,
        Some(age) => {
            let age = span(age.as_secs_f64());
            Some(format!("no run of the chain has ended for {age}"))
        }
        None => Some("no run of the chain has ended yet since the machine started".to_owned()),
    }
}

/// What goes on whatever the chain does.
fn as_before(snapshot: &Snapshot, found: &Found) -> String {
    match (&snapshot.haproxy, found.serving) {
        (Err(_), _) => "HAProxy does not answer either".to_owned(),
        (Ok(_), 0) => "HAProxy serves no node".to_owned(),
        (Ok(_), 1) => "HAProxy serves 1 node as before".to_owned(),
        (Ok(_), many) => format!("HAProxy serves {many} nodes as before"),
    }
}

/// What cannot be seen.
fn unread(snapshot: &Snapshot) -> Option<Sentence> {
    let nodes = snapshot.nodes.as_ref().err();
    let nodes = nodes.map(|why| format!("the nodes cannot be read: {why}"));
    nodes
        .or_else(|| snapshot.haproxy.as_ref().err().cloned())
        .map(bad)
}

/// Too many are lost at once, which may be the list's fault.
fn held(facts: &Facts, found: &Found) -> Option<Sentence> {
    let held = facts.held.as_deref()?;
    let all = facts
        .lost
        .values()
        .filter(|lost| lost.until.is_none())
        .count();
    let (said, command) = match held.split_once(COMMAND) {
        Some((said, command)) => (said, Some(words(command))),
        None => (held, None),
    };
    let why = match all {
        // It has words of its own, such as that nobody but the agent is in the list.
        0 => words(said),
        1 => "1 is lost and stays".to_owned(),
        many => format!("{many} lost at once, so none is taken out"),
    };
    let level = if found.serving < found.all {
        Level::Bad
    } else {
        Level::Warn
    };
    let text = format!("{}; {why}", serving(found));
    Some(Sentence {
        level,
        text,
        command,
    })
}

/// What the nodes do, where all is known.
fn nodes(snapshot: &Snapshot, state: Option<&State>, facts: &Facts, found: &Found) -> Sentence {
    let mut remarks = Vec::new();
    for (state, one, many) in PHRASES {
        remarks.extend(group(found, state, false, one, many));
    }
    remarks.extend(refused(facts));
    remarks.extend(no_nodes(snapshot));
    if let Some(state) = state {
        let waits = state.postponed.as_deref();
        remarks.extend(waits.map(|why| format!("a reload waits: {}", words(why))));
        let journal = state.journal.as_deref();
        remarks.extend(journal.map(|why| format!("the journal cannot be written: {}", words(why))));
    }
    let level = match (found.serving, remarks.is_empty()) {
        (0, _) => Level::Bad,
        (_, true) => Level::Well,
        (_, false) => Level::Warn,
    };
    // A weight of 0 is as somebody wants it.
    for (state, one, many) in AT_WILL {
        remarks.extend(group(found, state, true, one, many));
    }
    remarks.insert(0, serving(found));
    Sentence {
        level,
        text: remarks.join("; "),
        command: None,
    }
}

/// What is said of nodes that do not simply serve.
const PHRASES: [(NodeState, &str, &str); 6] = [
    (NodeState::Held, "is lost and stays", "are lost and stay"),
    (NodeState::Lost, "is lost", "are lost"),
    (NodeState::Silent, "does not answer", "do not answer"),
    (
        NodeState::Unknown,
        "is unknown to HAProxy",
        "are unknown to HAProxy",
    ),
    (NodeState::New, "does not serve yet", "do not serve yet"),
    (
        NodeState::Drains,
        "gets no new requests",
        "get no new requests",
    ),
];

/// What is said of nodes with which nothing is wrong.
const AT_WILL: [(NodeState, &str, &str); 2] = [
    (NodeState::Drains, "has weight 0", "have weight 0"),
    (
        NodeState::New,
        "has a service without a server",
        "have services without a server",
    ),
];

/// The nodes of a state with which something is wrong, or nothing.
fn group(found: &Found, state: NodeState, is_quiet: bool, one: &str, many: &str) -> Option<String> {
    let views = found.views.iter().filter(|view| view.state == state);
    let views = views.filter(|view| (view.level == Level::Quiet) == is_quiet);
    // One that goes has no file, and is none of those that are counted.
    let views = views.filter(|view| view.words != GOES);
    let names: Vec<&str> = views.map(|view| view.name.as_str()).collect();
    say(&names, one, many)
}

fn say(names: &[&str], one: &str, many: &str) -> Option<String> {
    let names = match names {
        [] => return None,
        [name] => return Some(format!("{name} {one}")),
        names => list(names.iter().copied()),
    };
    Some(format!("{names} {many}"))
}

fn refused(facts: &Facts) -> Option<String> {
    let first = facts.refused.first();
    match (facts.refused_all, first) {
        (0, _) => None,
        (1, Some(refused)) => {
            let (name, why) = (words(&refused.name), words(&refused.why));
            Some(format!("{name} is refused: {why}"))
        }
        (1, None) => Some("1 member is refused".to_owned()),
        (many, _) => Some(format!("{many} members are refused")),
    }
}

/// Files that hold no node.
fn no_nodes(snapshot: &Snapshot) -> Option<String> {
    match snapshot
        .nodes
        .as_ref()
        .map_or(0, |listing| listing.refused.len())
    {
        0 => None,
        1 => Some("1 file holds no node".to_owned()),
        many => Some(format!("{many} files hold no node")),
    }
}

/// Such as `4 of 5 nodes serve`.
fn serving(found: &Found) -> String {
    match (found.serving, found.all) {
        (_, 0) => "there is no node".to_owned(),
        (1, 1) => "1 of 1 node serves".to_owned(),
        (0, 1) => "the only node does not serve".to_owned(),
        (1, all) => format!("1 of {all} nodes serves"),
        (0, all) => format!("none of {all} nodes serves"),
        (some, all) => format!("{some} of {all} nodes serve"),
    }
}
