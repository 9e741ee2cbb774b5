//! A step of a run records itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use exit::Exit;
use files::Moment;

use crate::run::{Recorded, by_hand};
use crate::{Facts, Line, State, steps, writer};

/// The longest id of a run.
const MAX_RUN: usize = 64;
/// A step that is being done.
#[derive(Debug)]
pub struct Step {
    nodes: PathBuf,
    journal: Option<PathBuf>,
    before: State,
    began: Instant,
    began_at: f64,
    line: Line,
    facts: Option<Facts>,
    postponed: Option<String>,
}

impl Step {
    /// Begins the step of this program in the run that the environment names.
    ///
    /// Without a run it was started by hand: then the state stays as it is.
    #[must_use]
    pub fn begin(name: &str, nodes: &Path) -> Self {
        let run = std::env::var("CHAIN_RUN").ok().filter(|run| is_id(run));
        Self::new(name, nodes, run)
    }

    /// The step has begun so long ago: it records itself only now that it has failed.
    #[must_use]
    pub fn begun(mut self, ago: Duration) -> Self {
        self.began = self.began.checked_sub(ago).unwrap_or(self.began);
        self.began_at = round(self.began_at - ago.as_secs_f64());
        self
    }

    /// Begins what is done beside the runs, such as a reload that had to wait: it has a line in
    /// the journal, and the state stays as it is.
    #[must_use]
    pub fn aside(name: &str, nodes: &Path) -> Self {
        Self::new(name, nodes, None)
    }

    fn new(name: &str, nodes: &Path, run: Option<String>) -> Self {
        let journal = std::env::var_os("MUSTER_JOURNAL").filter(|path| !path.is_empty());
        Self {
            nodes: nodes.to_owned(),
            journal: journal.map(PathBuf::from),
            // What cannot be read is as good as none, and made anew.
            before: steps::read(nodes).ok().flatten().unwrap_or_default(),
            began: Instant::now(),
            began_at: now(),
            line: Line {
                step: name.to_owned(),
                run,
                ..Line::default()
            },
            facts: None,
            postponed: None,
        }
    }

    /// The state that the steps before have left.
    #[must_use]
    pub fn before(&self) -> &State {
        &self.before
    }

    /// The line of the journal, for what is done.
    pub fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    /// What is so at present.
    pub fn facts(&mut self, facts: Facts) {
        self.facts = Some(facts);
    }

    /// What is left to a later time, and why.
    pub fn postponed(&mut self, why: impl Into<String>) {
        self.postponed = Some(why.into());
    }

    /// Ends the step with its result, and records it.
    pub fn end(mut self, result: &anyhow::Result<Exit>) {
        self.line.t = now();
        self.line.code = exit::code(result);
        // Whole microseconds.
        self.line.ms = (self.began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let words = result.as_ref().err().map(|error| format!("{error:#}"));
        self.line.error = words.map(|words| exit::message(&without_quotes(&words)));
        if self.line.run.is_none() {
            let _ = note(self.journal.as_deref(), &by_hand(self.line));
            return;
        }
        let mut step = Recorded {
            line: self.line,
            began_at: self.began_at,
            facts: self.facts,
            postponed: self.postponed,
            moment: None,
            journal: None,
        };
        if step.is_last() {
            step.moment = Moment::now().map(|moment| moment.to_string());
        }
        let mut state = self.before;
        let was_unwritten = state.journal.is_some();
        let mut lines = state.take(step.clone());
        if lines.is_empty() && was_unwritten {
            // Only a line can tell whether the journal takes lines again.
            lines.push(step.line.clone());
        }
        let noted = note(self.journal.as_deref(), &lines);
        let journal = noted.err().map(|error| format!("{error:#}"));
        // Whoever looks sees by the age of the state that it was not written.
        let _ = steps::keep(&self.nodes, Recorded { journal, ..step }, &state);
    }
}

/// A message without the lines of files that it shows, as `19 | mode gopher`: a line of the
/// configuration may have a password, and more people read the journal than that.
fn without_quotes(words: &str) -> String {
    let is_quote = |line: &&str| {
        let number = line
            .trim_start()
            .trim_start_matches(|it: char| it.is_ascii_digit());
        number.trim_start().starts_with('|')
    };
    let lines: Vec<&str> = words.lines().filter(|line| !is_quote(line)).collect();
    lines.join("\n")
}

fn note(journal: Option<&Path>, lines: &[Line]) -> anyhow::Result<()> {
    let Some(journal) = journal.filter(|_| !lines.is_empty()) else {
        return Ok(());
    };
    let lines: Vec<Vec<u8>> = lines.iter().flat_map(Line::encode).collect();
    writer::append(journal, &lines)
}

/// Whole milliseconds: more digits would say nothing.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    round(since.unwrap_or_default().as_secs_f64())
}

fn round(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// Whether it can be the id of a run. The environment may be anybody's.
fn is_id(run: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=MAX_RUN).contains(&run.len()) && run.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_shows_of_a_file_is_left_out() {
        let words = "check what t renders: HAProxy refuses it:\n  parsing [line 19] : unknown\n\
                     \x20   19 |     stats auth admin:secret\n      |           ^^^^\nthe old one stays";
        assert_eq!(
            without_quotes(words),
            "check what t renders: HAProxy refuses it:\n  parsing [line 19] : unknown\n\
             the old one stays"
        );
    }

    /// A step of a run, which has changed something or nothing, and what it leaves.
    fn step(folder: &Path, run: &str, name: &str, changed: &[&str]) -> State {
        let mut step = Step::new(name, folder, Some(run.to_owned()));
        step.journal = Some(folder.join("muster.jsonl"));
        let changed = changed.iter().map(|path| (*path).to_owned());
        step.line().wrote.extend(changed);
        step.end(&Ok(Exit::Unchanged));
        steps::read(folder).unwrap().unwrap()
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_told_until_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("muster.jsonl");
        std::fs::create_dir(&path).unwrap();
        let is_told = |state: State| state.journal.is_some();
        assert!(is_told(step(folder.path(), "a", "haproxy-gen", &["cfg"])));
        for (run, name) in [
            ("a", "haproxy-reload"),
            ("b", "haproxy-gen"),
            ("b", "haproxy-reload"),
        ] {
            assert!(is_told(step(folder.path(), run, name, &[])), "{run} {name}");
        }
        std::fs::remove_dir(&path).unwrap();
        assert!(!is_told(step(folder.path(), "c", "haproxy-gen", &[])));
        assert!(!is_told(step(folder.path(), "c", "haproxy-reload", &[])));
        let lines = crate::recent(&path, 10_000);
        let steps: Vec<&str> = lines.iter().map(|line| line.step.as_str()).collect();
        assert_eq!(steps, ["haproxy-gen"]);
    }

    #[test]
    fn an_id_of_a_run_is_short_and_plain() {
        assert!(is_id("5c9e2f0a-7b1d-4f57-9a53-0f7c2b1de6aa"));
        for id in ["", "a b", "a\n", "../x", &"a".repeat(65)] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
