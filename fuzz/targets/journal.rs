//! What a run of the chain leaves, as those who look read it: the state, up to the first NUL
//! byte, and lines of the journal behind it.

use journal::{Facts, Line, Standing, State, standings};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

fn holds(bytes: &[u8]) {
    let nul = bytes.iter().position(|byte| *byte == 0);
    let (state, lines) = bytes.split_at(nul.unwrap_or(bytes.len()));
    let state = serde_json::from_slice::<State>(state).ok();
    if let Some(state) = &state {
        state_holds(state);
    }
    let lines = lines.split(|byte| *byte == b'\n' || *byte == 0);
    let lines: Vec<Line> = lines.filter_map(Line::parse).collect();
    for line in &lines {
        line_holds(line);
    }
    let facts = state.map(|state| state.facts).unwrap_or_default();
    for now in [0.0, 1e9, f64::MAX] {
        standings_hold(&facts, &lines, now);
    }
}

/// Whoever reads it once more finds the same.
fn state_holds(state: &State) {
    let text = serde_json::to_string(state).expect("all of it can be told");
    let again: State = serde_json::from_str(&text).expect("it was told by us");
    assert!(again.facts.lost.keys().eq(state.facts.lost.keys()));
    assert_eq!(again.facts.refused, state.facts.refused);
    assert_eq!(again.facts.balancers, state.facts.balancers);
    assert_eq!(state.failed().is_some(), !state.failing.is_empty());
    let _ = state.age();
}

fn line_holds(line: &Line) {
    assert!(line.t.is_finite() && line.t > 0.0 && !line.step.is_empty());
    let text = serde_json::to_string(line).expect("all of it can be told");
    assert!(!text.contains('\n'), "{text:?}");
    // Numbers with more digits than ours can be read as their neighbours.
    let again = Line {
        t: line.t,
        ms: line.ms,
        after: line.after,
        ..Line::parse(text.as_bytes()).expect("it was told by us")
    };
    assert_eq!(again, *line);
    let names = line.changes().iter().any(|(_, names)| !names.is_empty());
    assert!(line.says_something() || !names);
}

/// Each node that is lost has its standing, and who left or died is named in a line.
fn standings_hold(facts: &Facts, lines: &[Line], now: f64) {
    for (name, standing) in standings(facts, lines, now) {
        let is_in = |names: fn(&Line) -> &[String]| {
            let mut all = lines.iter().flat_map(names);
            all.any(|other| *other == name)
        };
        match standing {
            Standing::Lost { .. } => assert!(facts.lost[&name].until.is_some()),
            Standing::Held { .. } => assert!(facts.lost[&name].until.is_none()),
            Standing::Left { .. } => assert!(is_in(|line| &line.left)),
            Standing::Died { .. } => assert!(is_in(|line| &line.died)),
            Standing::Refused { .. } => {
                assert!(facts.refused.iter().any(|refused| refused.name == name));
            }
        }
    }
}

#[cfg(test)]
#[test]
fn every_state_and_journal_of_the_corpus_holds() {
    harness::corpus("journal", holds);
}
