//! What is to be said of the chain that brings the cluster into haproxy.cfg.

use std::path::Path;
use std::time::Duration;

use journal::{Failing, STEPS, State};
use serde::Serialize;

use super::span::span;

/// How old the last run may be while all is well.
const FRESH: Duration = Duration::from_secs(30);
/// After how many of the pauses of serf-watch a run is missing.
const PAUSES: u32 = 3;
/// Who runs the chain, and how to look. Without an agent, serf-watch runs nothing.
const WHO_RUNS_IT: &str = "are the Serf agent and serf-watch up? `svstat` of their services, serf and watch, and their \
     logs say why not";

/// How the chain is.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Chain {
    /// Whether its runs are recorded at all.
    pub(crate) recorded: bool,
    /// Seconds since the end of the last run.
    pub(crate) last_run: Option<u64>,
    /// The steps that fail, in running order.
    pub(crate) failing: Vec<Failed>,
    /// All that is wrong with it, a sentence each.
    pub(crate) problems: Vec<String>,
}

/// A step that fails.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Failed {
    step: String,
    /// For how many seconds it has failed.
    since: u64,
    code: u8,
    /// Its own words.
    error: String,
}

/// When the state was looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// In Unix seconds.
    pub(crate) now: f64,
    /// How long ago the last run ended; `None` if none has since the machine started.
    pub(crate) age: Option<Duration>,
    /// The pause of serf-watch between two runs; none if it is zero.
    pub(crate) again: Duration,
}

impl Look {
    /// How many seconds ago that was. Clocks can be set.
    pub(crate) fn since(self, then: f64) -> u64 {
        Duration::try_from_secs_f64(self.now - then).map_or(0, |since| since.as_secs())
    }

    fn is_late(self, age: Duration) -> bool {
        !self.again.is_zero() && age > FRESH.max(self.again.saturating_mul(PAUSES))
    }
}

impl Chain {
    /// A chain of which nothing is known but why.
    pub(crate) fn unknown(error: &anyhow::Error) -> Self {
        Self {
            recorded: true,
            problems: vec![format!("{error:#}")],
            ..Self::default()
        }
    }

    pub(crate) fn of(state: &State, look: Look) -> Self {
        let others = state.failing.keys().map(String::as_str);
        let others = others.filter(|step| !STEPS.contains(step));
        let steps = STEPS.into_iter().chain(others);
        let failing: Vec<Failed> = steps
            .filter_map(|step| Some(failed(step, state.failing.get(step)?, look)))
            .collect();
        let mut problems: Vec<String> = failing.iter().map(Failed::told).collect();
        problems.extend(missing(state, look));
        Self {
            recorded: true,
            last_run: look.age.map(|age| age.as_secs()),
            failing,
            problems,
        }
    }

    /// What is said of it where nothing is wrong with it.
    pub(crate) fn told(&self, nodes: &Path, is_all_well: bool) -> String {
        if !self.recorded {
            return format!("no run is recorded in {}", nodes.display());
        }
        let well = if is_all_well {
            "all well"
        } else {
            "each step works"
        };
        let ago = self.last_run.map(span).unwrap_or_default();
        format!("{well}, last run {ago} ago")
    }
}

fn failed(step: &str, failing: &Failing, look: Look) -> Failed {
    Failed {
        step: step.to_owned(),
        since: look.since(failing.since),
        code: failing.code,
        error: failing.error.clone(),
    }
}

impl Failed {
    fn told(&self) -> String {
        let Self {
            step,
            since,
            code,
            error,
        } = self;
        let what = if step == STEPS[0] {
            "the Serf agent does not answer".to_owned()
        } else {
            format!("{step} fails")
        };
        format!("{what} since {} ({code}): {error}", span(*since))
    }
}

/// What is said where no run has ended in time.
fn missing(state: &State, look: Look) -> Option<String> {
    let is_under_way = state.end.is_none();
    let began = Duration::from_secs(look.since(state.begin));
    match look.age {
        None if is_under_way && !look.is_late(began) => {
            Some("the first run has not ended yet".to_owned())
        }
        None if is_under_way => {
            let began = span(began.as_secs());
            Some(format!(
                "no run has ended: the first one began {began} ago, and hangs or was killed"
            ))
        }
        None => Some(format!("no run since this machine started: {WHO_RUNS_IT}")),
        Some(age) if !look.is_late(age) => None,
        Some(age) if is_under_way => {
            let (age, began) = (span(age.as_secs()), span(began.as_secs()));
            Some(format!(
                "no run has ended for {age}: the last one began {began} ago, and hangs or was killed"
            ))
        }
        Some(age) => Some(format!("no run for {}: {WHO_RUNS_IT}", span(age.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(age: Option<u64>) -> Look {
        Look {
            now: 1000.0,
            age: age.map(Duration::from_secs),
            again: Duration::from_secs(10),
        }
    }

    fn state() -> State {
        State {
            run: "a".to_owned(),
            begin: 900.0,
            end: Some(900.5),
            ..State::default()
        }
    }

    fn failing(step: &str) -> State {
        let failing = Failing {
            since: 973.2,
            code: 100,
            error: "HAProxy refuses it:\nline 3".to_owned(),
        };
        let mut state = state();
        state.failing.insert(step.to_owned(), failing);
        state
    }

    #[test]
    fn one_that_runs_is_well_and_its_last_run_is_told() {
        let chain = Chain::of(&state(), look(Some(3)));
        assert_eq!(chain.problems, [""; 0]);
        let told = chain.told(Path::new("/nodes"), true);
        assert_eq!(told, "all well, last run 3s ago");
        let told = chain.told(Path::new("/nodes"), false);
        assert_eq!(told, "each step works, last run 3s ago");
    }

    #[test]
    fn a_step_that_fails_is_told_with_its_time_its_code_and_its_words() {
        let chain = Chain::of(&failing("haproxy-gen"), look(Some(3)));
        let expected = "haproxy-gen fails since 26s (100): HAProxy refuses it:\nline 3";
        assert_eq!(chain.problems, [expected]);
        let chain = Chain::of(&failing("serf-members"), look(Some(3)));
        let told = &chain.problems[0];
        assert!(
            told.starts_with("the Serf agent does not answer since 26s (100): "),
            "{told}"
        );
    }

    #[test]
    fn the_first_step_that_fails_is_told_first() {
        let mut state = failing("haproxy-reload");
        state.failing.extend(failing("serf-nodes").failing);
        let chain = Chain::of(&state, look(Some(3)));
        let steps: Vec<&str> = chain.failing.iter().map(|it| it.step.as_str()).collect();
        assert_eq!(steps, ["serf-nodes", "haproxy-reload"]);
    }

    #[test]
    fn a_chain_that_does_not_run_is_not_well() {
        let told = |state: &State, look| Chain::of(state, look).problems.join("");
        assert_eq!(told(&state(), look(Some(30))), "");
        let late = told(&state(), look(Some(300)));
        assert!(
            late.starts_with("no run for 5m: are the Serf agent and serf-watch up? "),
            "{late}"
        );
        let rebooted = told(&state(), look(None));
        assert!(
            rebooted.starts_with("no run since this machine started: "),
            "{rebooted}"
        );
        let mut begun = state();
        begun.end = None;
        assert_eq!(told(&begun, look(Some(9))), "");
        let hangs = "no run has ended for 1m 40s: the last one began 1m 40s ago, and hangs or was \
                     killed";
        assert_eq!(told(&begun, look(Some(100))), hangs);
        let hangs = "no run has ended: the first one began 1m 40s ago, and hangs or was killed";
        assert_eq!(told(&begun, look(None)), hangs);
        begun.begin = 990.0;
        assert_eq!(told(&begun, look(None)), "the first run has not ended yet");
    }

    #[test]
    fn a_chain_that_is_to_run_seldom_or_only_at_a_change_may_be_older() {
        let late = |again, age| {
            let again = Duration::from_secs(again);
            let look = Look {
                again,
                ..look(Some(age))
            };
            !Chain::of(&state(), look).problems.is_empty()
        };
        assert!(!late(60, 180) && late(60, 181));
        assert!(!late(0, 100_000));
        assert!(!late(1, 30) && late(1, 31));
    }

    #[test]
    fn times_that_a_clock_makes_impossible_are_no_time() {
        assert_eq!(look(None).since(2000.0), 0);
        assert_eq!(look(None).since(f64::NAN), 0);
    }
}
