//! A run of the chain, step by step: what the state becomes, and what the journal says.

use serde::{Deserialize, Serialize};

use crate::Line;
use crate::state::{Done, Facts, Failing, STEPS, State};

const MEMBERS: &str = STEPS[0];
const NODES: &str = STEPS[1];
const GEN: &str = STEPS[2];
const RELOAD: &str = STEPS[3];

/// What is said of a step that has recorded nothing.
const NO_WORD: &str = "left no word: it was killed, or could not be started";

/// What a step did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Recorded {
    pub(crate) line: Line,
    /// When it began.
    pub(crate) began_at: f64,
    pub(crate) facts: Option<Facts>,
    pub(crate) postponed: Option<String>,
    /// When it ended, as a moment.
    pub(crate) moment: Option<String>,
    /// Why the journal could not be written.
    pub(crate) journal: Option<String>,
}

impl Recorded {
    /// Whether its run ends with it.
    pub(crate) fn is_last(&self) -> bool {
        self.line.step == RELOAD
    }
}

/// What the journal says of a step that was run by hand.
pub(crate) fn by_hand(line: Line) -> Vec<Line> {
    let is_worth_it = line.code > 1 || line.says_something();
    if is_worth_it { vec![line] } else { Vec::new() }
}

impl State {
    /// Takes over what a step of a run did. Returns the lines of the journal: none where nothing
    /// changed, or where it fails as before.
    pub(crate) fn take(&mut self, step: Recorded) -> Vec<Line> {
        let (is_last, line) = (step.is_last(), step.line);
        let mut lines = Vec::new();
        let run = line.run.clone().unwrap_or_default();
        if self.run != run {
            self.end_what_did_not(&mut lines);
            self.run = run;
            self.begin = step.began_at;
            self.end = None;
            self.steps.clear();
        }
        if line.step == NODES && !self.steps.contains_key(MEMBERS) {
            // It records itself only when it fails; and with its list there are facts.
            if line.code > 1 || step.facts.is_some() {
                self.succeeded(&silent(&line, MEMBERS, 0), &mut lines);
            } else {
                self.note(silent(&line, MEMBERS, 111), &mut lines);
            }
        }
        let t = line.t;
        if is_last {
            self.notice_missing(&line, &mut lines);
        }
        self.note(line, &mut lines);
        self.journal = step.journal;
        self.facts = step
            .facts
            .unwrap_or_else(|| std::mem::take(&mut self.facts));
        if is_last {
            self.postponed = step.postponed;
            self.moment = step.moment;
            self.end = Some(t);
            self.count_run(t);
        }
        lines
    }

    /// A run that another one follows, and that has no end, was killed.
    fn end_what_did_not(&mut self, lines: &mut Vec<Line>) {
        if self.run.is_empty() || self.end.is_some() {
            return;
        }
        let step = [NODES, GEN, RELOAD]
            .into_iter()
            .find(|step| !self.steps.contains_key(*step));
        let line = Line {
            t: self.begin,
            run: Some(self.run.clone()),
            ..Line::default()
        };
        self.note(silent(&line, step.unwrap_or(RELOAD), 111), lines);
        *self.totals.runs.entry("failed".to_owned()).or_default() += 1;
    }

    /// The last step sees which of the others have recorded nothing.
    fn notice_missing(&mut self, last: &Line, lines: &mut Vec<Line>) {
        let is_done = |step| self.steps.contains_key(step);
        let without_list = !is_done(NODES) && !is_done(MEMBERS);
        let missing = [(NODES, without_list), (GEN, !is_done(GEN))];
        for (step, _) in missing.into_iter().filter(|(_, is_missing)| *is_missing) {
            self.note(silent(last, step, 111), lines);
        }
    }

    fn note(&mut self, line: Line, lines: &mut Vec<Line>) {
        let done = Done {
            code: line.code,
            ms: line.ms,
        };
        self.steps.insert(line.step.clone(), done);
        let durations = self.totals.durations.entry(line.step.clone()).or_default();
        durations.observe(line.ms / 1e3);
        for (change, names) in line.changes().into_iter().filter(|_| line.step == NODES) {
            let count = self.totals.changes.entry(change.to_owned()).or_default();
            *count += names.len() as u64;
        }
        if let Some(kind) = &line.kind {
            *self.totals.reloads.entry(kind.clone()).or_default() += 1;
            self.totals.last_reload = Some(line.t);
        }
        if line.code > 1 {
            self.failed_again(line, lines);
        } else {
            self.succeeded(&line, lines);
        }
    }

    /// A failure that repeats is no news.
    fn failed_again(&mut self, line: Line, lines: &mut Vec<Line>) {
        let failures = self.totals.failures.entry(line.step.clone()).or_default();
        *failures.entry(line.code).or_default() += 1;
        let error = line.error.clone().unwrap_or_default();
        let failing = self
            .failing
            .entry(line.step.clone())
            .or_insert_with(|| Failing {
                since: line.t,
                ..Failing::default()
            });
        let is_known = failing.code == line.code && alike(&failing.error, &error);
        failing.code = line.code;
        failing.error = error;
        if !is_known || line.says_something() {
            lines.push(line);
        }
    }

    fn succeeded(&mut self, line: &Line, lines: &mut Vec<Line>) {
        let failing = self.failing.remove(&line.step);
        let after = failing.map(|failing| ((line.t - failing.since) * 1e3).round() / 1e3);
        if after.is_some() || line.says_something() {
            lines.push(Line {
                after,
                ..line.clone()
            });
        }
    }

    fn count_run(&mut self, t: f64) {
        let result = if self.failing.is_empty() {
            self.success = Some(t);
            "succeeded"
        } else {
            "failed"
        };
        *self.totals.runs.entry(result.to_owned()).or_default() += 1;
    }
}

/// The line of a step that has written none.
fn silent(of: &Line, step: &str, code: u8) -> Line {
    Line {
        t: of.t,
        run: of.run.clone(),
        step: step.to_owned(),
        code,
        error: (code > 1).then(|| NO_WORD.to_owned()),
        ..Line::default()
    }
}

/// Whether two messages say the same, but for the times and the numbers of processes in them.
fn alike(one: &str, other: &str) -> bool {
    let words = |text: &str| -> String { text.chars().filter(|it| !it.is_ascii_digit()).collect() };
    one == other || words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(line: Line) -> Recorded {
        Recorded {
            began_at: line.t,
            facts: (line.step == NODES).then(Facts::default),
            line,
            ..Recorded::default()
        }
    }

    /// Runs, each with the steps that recorded themselves and their codes.
    fn play(state: &mut State, run: &str, t: f64, steps: &[(&str, u8)]) -> Vec<Line> {
        let step = |(step, code): &(&str, u8)| {
            let line = Line {
                t,
                run: Some(run.to_owned()),
                step: (*step).to_owned(),
                code: *code,
                ms: 2.0,
                error: (*code > 1).then(|| format!("it takes {t} s")),
                ..Line::default()
            };
            state.take(recorded(line))
        };
        steps.iter().flat_map(step).collect()
    }

    const WELL: [(&str, u8); 3] = [(NODES, 1), (GEN, 1), (RELOAD, 1)];

    #[test]
    fn a_run_with_nothing_to_do_has_no_line_and_is_a_success() {
        let mut state = State::default();
        assert_eq!(play(&mut state, "a", 5.0, &WELL), []);
        assert_eq!((state.end, state.success), (Some(5.0), Some(5.0)));
        assert_eq!(state.totals.runs["succeeded"], 1);
        assert_eq!(state.failed(), None);
    }

    #[test]
    fn a_failure_that_repeats_has_one_line_and_its_end_another() {
        let mut state = State::default();
        let broken = [(NODES, 1), (GEN, 100), (RELOAD, 1)];
        let lines = play(&mut state, "a", 5.0, &broken);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].step.as_str(), lines[0].code), (GEN, 100));
        for (run, t) in [("b", 15.0), ("c", 25.0)] {
            assert_eq!(play(&mut state, run, t, &broken), []);
        }
        let (step, failing) = state.failed().unwrap();
        assert_eq!((step, failing.since), (GEN, 5.0));
        assert_eq!(failing.error, "it takes 25 s");
        assert_eq!(state.success, None);
        let lines = play(&mut state, "d", 35.0, &WELL);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].step.as_str(), lines[0].after), (GEN, Some(30.0)));
        assert_eq!(state.totals.runs["failed"], 3);
        assert_eq!(state.totals.failures[GEN][&100], 3);
        assert_eq!(state.failed(), None);
    }

    #[test]
    fn a_step_that_was_killed_is_noticed_by_the_last_one() {
        let mut state = State::default();
        let lines = play(&mut state, "a", 5.0, &[(NODES, 1), (RELOAD, 1)]);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].step.as_str(), lines[0].code), (GEN, 111));
        assert_eq!(lines[0].error.as_deref(), Some(NO_WORD));
        assert_eq!(state.failed().unwrap().0, GEN);
        play(&mut state, "b", 15.0, &WELL);
        assert_eq!(state.failed(), None);
    }

    #[test]
    fn a_run_that_was_killed_is_noticed_by_the_next_one() {
        let mut state = State::default();
        play(&mut state, "a", 5.0, &[(NODES, 1), (GEN, 0)]);
        assert_eq!(state.end, None);
        let lines = play(&mut state, "b", 15.0, &[(NODES, 1)]);
        assert_eq!(
            (lines[0].step.as_str(), lines[0].run.as_deref()),
            (RELOAD, Some("a"))
        );
        assert_eq!(state.failed().unwrap().0, RELOAD);
        let lines = play(&mut state, "b", 15.0, &[(GEN, 1), (RELOAD, 1)]);
        assert_eq!(lines[0].after, Some(10.0));
        assert_eq!(state.failed(), None);
    }

    #[test]
    fn an_agent_that_does_not_answer_is_a_failure_until_a_list_is_there() {
        let mut state = State::default();
        let silent = [(MEMBERS, 111), (GEN, 1), (RELOAD, 1)];
        assert_eq!(play(&mut state, "a", 5.0, &silent).len(), 1);
        assert_eq!(play(&mut state, "b", 6.0, &silent), []);
        assert_eq!(state.failed().unwrap().0, MEMBERS);
        let lines = play(&mut state, "c", 8.0, &WELL);
        assert_eq!(
            (lines[0].step.as_str(), lines[0].after),
            (MEMBERS, Some(3.0))
        );
        assert_eq!(state.failed(), None);
    }

    #[test]
    fn a_question_for_the_list_that_was_killed_is_a_failure_though_the_event_was_followed() {
        let mut state = State::default();
        let line = Line {
            t: 5.0,
            run: Some("a".to_owned()),
            step: NODES.to_owned(),
            ..Line::default()
        };
        let followed = Recorded {
            facts: None,
            ..recorded(line)
        };
        let lines = state.take(followed);
        assert_eq!((lines[0].step.as_str(), lines[0].code), (MEMBERS, 111));
        assert_eq!(state.failed().unwrap().0, MEMBERS);
        play(&mut state, "b", 15.0, &WELL);
        assert_eq!(state.failed(), None);
    }

    #[test]
    fn what_changed_is_counted_and_said_though_the_step_failed() {
        let mut state = State::default();
        let line = |run: &str| Line {
            t: 5.0,
            run: Some(run.to_owned()),
            step: NODES.to_owned(),
            code: 111,
            error: Some("no space".to_owned()),
            left: vec!["s1".to_owned()],
            ..Line::default()
        };
        assert_eq!(state.take(recorded(line("a"))).len(), 1);
        assert_eq!(state.take(recorded(line("a"))).len(), 1);
        assert_eq!(state.totals.changes["left"], 2);
        assert_eq!(state.totals.changes["died"], 0);
    }

    #[test]
    fn a_reload_is_counted_by_its_kind() {
        let mut state = State::default();
        let line = Line {
            t: 7.0,
            run: Some("a".to_owned()),
            step: RELOAD.to_owned(),
            reload: Some("the file has another global section".to_owned()),
            kind: Some("changed".to_owned()),
            ..Line::default()
        };
        state.take(recorded(line));
        assert_eq!(state.totals.reloads["changed"], 1);
        assert_eq!(state.totals.last_reload, Some(7.0));
    }
}
