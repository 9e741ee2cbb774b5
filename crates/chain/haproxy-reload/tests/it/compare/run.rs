//! Runs a case, step by step.

use std::time::Duration;

use super::case::{Case, State};
use super::counts::Counts;
use super::pair::Pair;
use super::sites::Sites;

/// Why a case failed, and at which step.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) step: usize,
    pub(crate) why: String,
}

/// How thoroughly a case is run.
#[derive(Clone, Copy)]
pub(crate) struct Care {
    /// How long the two may need to become equal.
    pub(crate) patience: Duration,
    /// Whether they are compared after the last step alone.
    pub(crate) last_only: bool,
}

/// Runs a whole case.
pub(crate) fn run(
    sites: &Sites,
    case: &Case,
    counts: &mut Counts,
    with: Care,
) -> Result<(), Failed> {
    let at = |step: usize| move |why: String| Fault { step, why };
    let mut pair = Pair::start(sites, &case.states[0])
        .map_err(at(0))
        .map_err(Failed::bare)?;
    pair.patience = with.patience;
    let mut result = Ok(());
    for (step, state) in case.states.iter().enumerate() {
        let is_looked_at = !with.last_only || step + 1 == case.states.len();
        result = turn(&mut pair, step, state, is_looked_at, counts).map_err(at(step));
        if result.is_err() {
            break;
        }
    }
    let has_ended = !pair.lives();
    if has_ended && result.as_ref().is_err_and(|fault| fault.step == 0) {
        // It had got no command yet.
        counts.own_crashes += 1;
        return Ok(());
    }
    result.map_err(|mut fault| {
        if has_ended {
            fault.why = format!("HAProxy has ended\n{}", fault.why);
        }
        Failed {
            fault,
            evidence: pair.evidence(),
        }
    })
}

/// A case that failed, with what is kept of it.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    pub(crate) evidence: Vec<(String, String)>,
}

impl Failed {
    fn bare(fault: Fault) -> Self {
        Self {
            fault,
            evidence: Vec::new(),
        }
    }
}

/// Does a step and looks at what became of it.
fn turn(
    pair: &mut Pair,
    step: usize,
    state: &State,
    is_looked_at: bool,
    counts: &mut Counts,
) -> Result<(), String> {
    let told = match step {
        0 => None,
        _ => Some(pair.step(state)?),
    };
    if let Some(told) = &told {
        counts.take(state.act, &told.err);
    }
    if !is_looked_at {
        return Ok(());
    }
    pair.compare()
        .map_err(|why| format!("{why}\nhaproxy-reload said: {told:?}"))
}
