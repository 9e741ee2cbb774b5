//! What a run has done, in words for its line in the journal.
//!
//! More people read the journal than haproxy.cfg, whose lines may have a password. So what a
//! reason quotes of them stays in the log.

use std::fmt::{self, Display};

use anyhow::anyhow;
use journal::Line;

use crate::haproxy::commands::Step;

/// How many of the commands that have no list of their own are named one by one.
const MOST_SET: usize = 50;

/// Why HAProxy is reloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) kind: Kind,
    pub(crate) why: String,
}

/// An error that has the reason of a reload in its text.
#[derive(Debug)]
pub(crate) struct Told {
    text: String,
    why: String,
}

impl Told {
    /// What `text` makes of the reason.
    pub(crate) fn new(why: &str, text: impl FnOnce(&str) -> String) -> Self {
        let text = text(why);
        let why = why.to_owned();
        Self { text, why }
    }
}

impl Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The error for the journal, where it must not be the same: without what its reason quotes.
pub(crate) fn for_the_journal(error: &anyhow::Error) -> Option<anyhow::Error> {
    let why = &error.downcast_ref::<Told>()?.why;
    let text = format!("{error:#}").replace(why, &without_quotation(why));
    Some(anyhow!(text))
}

/// A reason without the lines that it quotes, which may have backquotes themselves.
pub(crate) fn without_quotation(why: &str) -> String {
    match (why.find('`'), why.rfind('`')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}...{}", &why[..first], &why[last + 1..])
        }
        _ => why.to_owned(),
    }
}

/// The kinds of reasons, as the journal names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the file says is more than commands can do.
    Changed,
    /// Somebody asked for it.
    Asked,
    /// Commands have failed, or had no effect.
    Again,
    /// The worker does not answer.
    Silent,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Asked => "asked",
            Self::Again => "again",
            Self::Silent => "silent",
        }
    }

    pub(crate) fn because(self, why: impl Into<String>) -> Reason {
        let why = why.into();
        Reason { kind: self, why }
    }
}

/// Notes the commands that were sent. The text of a step is what is done, the server, and how.
pub(crate) fn sent(line: &mut Line, steps: &[Step]) {
    for step in steps {
        let mut words = step.text.splitn(3, ' ');
        let (what, id) = (words.next(), words.next().unwrap_or_default().to_owned());
        let how = words.next().unwrap_or_default();
        match what {
            Some("add") => line.added.push(id),
            Some("retire") => line.retired.push(id),
            _ => changed(line, &id, how),
        }
    }
}

/// Notes what was changed of a server, such as `address 127.0.0.1:80, weight 5, into use`.
fn changed(line: &mut Line, id: &str, how: &str) {
    for change in how.split(", ") {
        match change.split_once(' ') {
            Some(("address", _)) => line.moved.push(id.to_owned()),
            Some(("weight", _)) => line.weighted.push(id.to_owned()),
            // What moves is taken into use when HAProxy has its new address.
            _ if change == "into use" && line.moved.iter().any(|moved| moved == id) => {}
            _ => set(line, &format!("{id} {change}")),
        }
    }
}

/// Notes something else that HAProxy was told.
pub(crate) fn set(line: &mut Line, what: &str) {
    match line.set.len() {
        ..MOST_SET => line.set.push(what.to_owned()),
        MOST_SET => line.set.push("and more".to_owned()),
        _ => {}
    }
}

/// Notes a reload. Of several, the journal has the reasons of all and the kind of the first.
pub(crate) fn reloaded(line: &mut Line, reason: &Reason) {
    let before = line.reload.take().map(|before| format!("{before}; then: "));
    line.reload = Some(before.unwrap_or_default() + &without_quotation(&reason.why));
    let kind = reason.kind.name();
    line.kind.get_or_insert_with(|| kind.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> Step {
        Step {
            text: text.to_owned(),
            commands: Vec::new(),
        }
    }

    fn noted(texts: &[&str]) -> Line {
        let steps: Vec<Step> = texts.iter().map(|text| step(text)).collect();
        let mut line = Line::default();
        sent(&mut line, &steps);
        line
    }

    #[test]
    fn each_server_is_in_the_list_of_what_was_done_with_it() {
        let line = noted(&[
            "add nodes/s4 127.0.0.4:1 weight 10",
            "retire nodes/s3",
            "set nodes/s2 address 127.0.0.9:1, weight 5",
            "set nodes/s2 into use",
            "set nodes/s1 weight 7",
            "set nodes/s5 agent enabled",
            "set nodes/s6 weight 1, into use",
        ]);
        let expected = Line {
            added: vec!["nodes/s4".to_owned()],
            retired: vec!["nodes/s3".to_owned()],
            moved: vec!["nodes/s2".to_owned()],
            weighted: ["nodes/s2", "nodes/s1", "nodes/s6"]
                .map(str::to_owned)
                .to_vec(),
            set: ["nodes/s5 agent enabled", "nodes/s6 into use"]
                .map(str::to_owned)
                .to_vec(),
            ..Line::default()
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn what_has_no_list_is_bounded() {
        let texts: Vec<String> = (0..500)
            .map(|number| format!("set nodes/s{number} into use"))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let set = noted(&texts).set;
        assert_eq!(set.len(), MOST_SET + 1);
        assert_eq!(set.last().map(String::as_str), Some("and more"));
    }

    #[test]
    fn what_a_reason_quotes_of_the_file_stays_out_of_the_journal() {
        let auth = "stats auth admin:`secret`";
        for (why, expected) in [
            (format!("line 3: `{auth}` is new"), "line 3: ... is new"),
            (format!("line 3: `{auth}` was `{auth}`"), "line 3: ..."),
            (
                format!("the settings of nodes/s1 differ: `{auth}` was ``"),
                "the settings of nodes/s1 differ: ...",
            ),
            ("asked for".to_owned(), "asked for"),
        ] {
            let mut line = Line::default();
            reloaded(&mut line, &Kind::Changed.because(&why));
            assert_eq!(line.reload.as_deref(), Some(expected));
            let told = Told::new(&why, |why| format!("reload HAProxy, since {why}"));
            let error = anyhow!("it answers `no`").context(told).context("outside");
            let shown = format!("{:#}", for_the_journal(&error).unwrap());
            let expected = format!("outside: reload HAProxy, since {expected}: it answers `no`");
            assert_eq!(shown, expected);
            let whole = format!("outside: reload HAProxy, since {why}: it answers `no`");
            assert_eq!(format!("{error:#}"), whole);
        }
        assert!(for_the_journal(&anyhow!("another")).is_none());
    }

    #[test]
    fn several_reloads_have_all_their_reasons_and_the_first_kind() {
        let mut line = Line::default();
        reloaded(&mut line, &Kind::Again.because("one"));
        reloaded(&mut line, &Kind::Changed.because("two"));
        assert_eq!(line.reload.as_deref(), Some("one; then: two"));
        assert_eq!(line.kind.as_deref(), Some("again"));
    }
}
