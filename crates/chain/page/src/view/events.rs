//! What happened, newest first, from the journal.
//!
//! What one run did is told together: the nodes that joined, and in one line what became of it
//! in HAProxy.

use std::collections::HashMap;

use journal::Line;

use super::safe::{list, name, safe, words};
use super::time::{date, span};
use super::{Event, Level};

/// The most that are shown.
const MOST: usize = 200;
/// How many of the journal's lines are looked at: what a thousand nodes do at once has thirty.
const LINES: usize = 600;
/// Up to so many nodes have a line each.
const SINGLE: usize = 3;
/// The longest line, in characters.
const LONGEST: usize = 500;
/// How many seconds after a failure another one with the same words is the same one: HAProxy's
/// service asks for its file every other second as long as there is none.
const SAME: f64 = 60.0;

pub(super) fn events(lines: &[Line], now: f64) -> Vec<Event> {
    let mut bundles = Bundles::default();
    let from = lines.len().saturating_sub(LINES);
    for (at, line) in lines[from..].iter().enumerate() {
        bundles.take(at, line);
    }
    let mut bundles = bundles.all;
    bundles.sort_by_key(|bundle| std::cmp::Reverse(bundle.at));
    let mut events: Vec<Event> = bundles.iter().flat_map(Bundle::events).take(MOST).collect();
    let (mut before, _) = date(now);
    for event in &mut events {
        let day = event.day.take();
        event.day = day.clone().filter(|day| *day != before);
        before = day.unwrap_or(before);
    }
    events
}

/// What belongs together.
struct Bundle {
    key: String,
    /// The place of its last line.
    at: usize,
    t: f64,
    what: What,
}

enum What {
    /// Nodes, each with its address or the reason.
    Nodes(&'static Kind, Vec<(String, Option<String>)>),
    /// A line of its own.
    Said(&'static str, Level, String),
    Haproxy(Haproxy),
}

/// What became of haproxy.cfg and of HAProxy.
#[derive(Default)]
struct Haproxy {
    wrote: Vec<String>,
    added: usize,
    retired: usize,
    moved: usize,
    weighted: usize,
    set: Vec<String>,
    reload: Option<String>,
    /// Whether a command had failed, or nobody had answered.
    in_need: bool,
}

/// What can happen to a node.
struct Kind {
    name: &'static str,
    level: Level,
    /// What one and what several do.
    words: [&'static str; 2],
    /// What stands before the address or the reason.
    detail: &'static str,
    /// Up to so many have a line each.
    single: usize,
}

const fn kind(
    name: &'static str,
    level: Level,
    words: [&'static str; 2],
    detail: &'static str,
) -> Kind {
    Kind {
        name,
        level,
        words,
        detail,
        single: SINGLE,
    }
}

/// In the order of `Line::changes`.
static KINDS: [Kind; 8] = [
    kind("joined", Level::Well, ["joined", "joined"], ", at "),
    kind("changed", Level::Well, ["changed", "changed"], ", at "),
    kind("left", Level::Quiet, ["left", "left"], ", was at "),
    kind("died", Level::Bad, ["died", "died"], ": "),
    kind("lost", Level::Warn, ["is lost", "are lost"], ": "),
    kind("back", Level::Well, ["is back", "are back"], ", at "),
    Kind {
        // That they are many is the reason.
        single: 1,
        ..kind(
            "held",
            Level::Bad,
            ["is lost, and stays", "are lost, and stay"],
            ": ",
        )
    },
    kind("refused", Level::Warn, ["is refused", "are refused"], ": "),
];

#[derive(Default)]
struct Bundles {
    all: Vec<Bundle>,
    by_key: HashMap<String, usize>,
    /// For each step what it said when it failed last, and when that was.
    failures: HashMap<String, (String, f64)>,
}

impl Bundles {
    fn take(&mut self, at: usize, line: &Line) {
        let run = group(line);
        if line.step == "serf-nodes" {
            // Those that are held are lost: it is said once.
            let lost = line.lost.iter().filter(|name| !line.held.contains(name));
            let lost: Vec<String> = lost.cloned().collect();
            for (kind, (change, names)) in KINDS.iter().zip(line.changes()) {
                let names = if change == "lost" { &lost } else { names };
                self.take_nodes(at, line, &run, kind, names);
            }
        } else if !line.wrote.is_empty() || line.says_something() {
            let bundle = self.bundle(format!("{run}-haproxy"), at, line.t);
            if !matches!(bundle.what, What::Haproxy(_)) {
                bundle.what = What::Haproxy(Haproxy::default());
            }
            if let What::Haproxy(haproxy) = &mut bundle.what {
                haproxy.take(line);
            }
        }
        let step = name(&line.step);
        if line.code > 1 {
            let error = words(line.error.as_deref().unwrap_or("it says nothing"));
            let text = format!("{step} fails ({}): {error}", line.code);
            if self.is_new(line, &text) {
                self.say(at, line, &run, "failed", Level::Bad, text);
            }
            return;
        }
        self.failures.remove(&line.step);
        if let Some(after) = line.after {
            let after = if after < 10.0 {
                format!("{after:.1} s")
            } else {
                span(after)
            };
            let text = format!("{step} works again, after {after}");
            self.say(at, line, &run, "mended", Level::Well, text);
        }
    }

    /// Whether a step has not just failed with these words. The journal has repeated failures of
    /// what runs by itself, which knows nothing of the one before.
    fn is_new(&mut self, line: &Line, text: &str) -> bool {
        let last = (text.to_owned(), line.t);
        let before = self.failures.insert(line.step.clone(), last);
        before.is_none_or(|(said, t)| said != text || !(0.0..SAME).contains(&(line.t - t)))
    }

    fn take_nodes(
        &mut self,
        at: usize,
        line: &Line,
        run: &str,
        kind: &'static Kind,
        names: &[String],
    ) {
        if names.is_empty() {
            return;
        }
        let bundle = self.bundle(format!("{run}-{}", kind.name), at, line.t);
        if !matches!(bundle.what, What::Nodes(..)) {
            bundle.what = What::Nodes(kind, Vec::new());
        }
        let details = if kind.detail == ": " {
            &line.why
        } else {
            &line.at
        };
        if let What::Nodes(_, all) = &mut bundle.what {
            all.extend(
                names
                    .iter()
                    .map(|it| (it.clone(), details.get(it).cloned())),
            );
        }
    }

    fn say(
        &mut self,
        at: usize,
        line: &Line,
        run: &str,
        kind: &'static str,
        level: Level,
        text: String,
    ) {
        let step = plain(&line.step);
        let bundle = self.bundle(format!("{run}-{kind}-{step}"), at, line.t);
        bundle.what = What::Said(kind, level, text);
    }

    fn bundle(&mut self, key: String, at: usize, t: f64) -> &mut Bundle {
        let next = self.all.len();
        let place = *self.by_key.entry(key.clone()).or_insert(next);
        if place == next {
            let what = What::Said("", Level::Quiet, String::new());
            self.all.push(Bundle { key, at, t, what });
        }
        let bundle = &mut self.all[place];
        (bundle.at, bundle.t) = (at, t);
        bundle
    }
}

/// The run, or the moment of what was done by hand.
fn group(line: &Line) -> String {
    let run = line.run.as_deref().map(plain).unwrap_or_default();
    if !run.is_empty() {
        return run;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time has no larger number"
    )]
    let millis = (line.t * 1e3).round() as i64;
    format!("{millis}-{}", plain(&line.step))
}

/// What can be part of a key.
fn plain(text: &str) -> String {
    const LONGEST: usize = 64;
    let plain = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    plain.take(LONGEST).collect()
}

impl Bundle {
    fn events(&self) -> Vec<Event> {
        match &self.what {
            What::Said(kind, level, text) => vec![self.event(None, kind, *level, text)],
            What::Haproxy(haproxy) => {
                let kind = if haproxy.reload.is_some() {
                    "reload"
                } else {
                    "haproxy"
                };
                let level = if haproxy.in_need {
                    Level::Warn
                } else {
                    Level::Quiet
                };
                vec![self.event(None, kind, level, &haproxy.text())]
            }
            What::Nodes(kind, names) if names.len() <= kind.single => {
                let single = |(at, one): (usize, &(String, Option<String>))| {
                    self.event(Some(at), kind.name, kind.level, &kind.one(one))
                };
                names.iter().enumerate().map(single).collect()
            }
            What::Nodes(kind, names) => {
                let all = names.len();
                let listed = list(names.iter().map(|(name, _)| name.as_str()));
                let text = format!("{all} nodes {}: {listed}", kind.words[1]);
                vec![self.event(None, kind.name, kind.level, &text)]
            }
        }
    }

    /// Its day is that of its time, whatever those before have.
    fn event(&self, at: Option<usize>, kind: &'static str, level: Level, text: &str) -> Event {
        let (day, time) = date(self.t);
        Event {
            key: at.map_or(self.key.clone(), |at| format!("{}-{at}", self.key)),
            time,
            day: Some(day),
            kind,
            level,
            text: safe(text, LONGEST),
        }
    }
}

impl Kind {
    fn one(&self, (node, detail): &(String, Option<String>)) -> String {
        let (node, does) = (name(node), self.words[0]);
        match detail.as_deref().map(words).filter(|it| !it.is_empty()) {
            Some(detail) => format!("{node} {does}{}{detail}", self.detail),
            None => format!("{node} {does}"),
        }
    }
}

impl Haproxy {
    fn take(&mut self, line: &Line) {
        let files = line.wrote.iter();
        self.wrote
            .extend(files.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()));
        self.added += line.added.len();
        self.retired += line.retired.len();
        self.moved += line.moved.len();
        self.weighted += line.weighted.len();
        self.set.extend(line.set.iter().cloned());
        if let Some(why) = &line.reload {
            self.reload = Some(why.clone());
            self.in_need = matches!(line.kind.as_deref(), Some("again" | "silent"));
        }
    }

    fn text(&self) -> String {
        let count = |many: usize, what: &str| match many {
            0 => None,
            1 => Some(format!("1 server {what}")),
            many => Some(format!("{many} servers {what}")),
        };
        let mut commands: Vec<String> = [
            count(self.added, "added"),
            count(self.retired, "retired"),
            count(self.moved, "moved"),
            count(self.weighted, "weighted anew"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !self.set.is_empty() {
            commands.push(list(self.set.iter().map(String::as_str)));
        }
        let wrote = (!self.wrote.is_empty()).then(|| {
            let files = list(self.wrote.iter().map(String::as_str));
            format!("{files} written")
        });
        let commands = (!commands.is_empty()).then(|| format!("HAProxy: {}", commands.join(", ")));
        let reload = self.reload.as_deref();
        let reload = reload.map(|why| format!("HAProxy was reloaded: {}", words(why)));
        let parts: Vec<String> = [wrote, commands, reload].into_iter().flatten().collect();
        parts.join("; ")
    }
}
