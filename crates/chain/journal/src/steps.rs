//! The steps of a run that has not ended: a file to which each appends what it did, and which the
//! last one takes over into the state. To replace the state three times a run takes longer than
//! all else that a join needs for its records.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::run::Recorded;
use crate::{State, writer};

/// The file in the nodes' folder.
const FILE: &str = ".steps";
/// The size in bytes above which a step does not wait for the last one, which may never come.
const MAX_STEPS: u64 = 32 * 1024;
/// The size in bytes above which it is none of ours: the facts of ten thousand lost nodes are a
/// megabyte.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The state, with what the steps did of a run that has not ended.
pub(crate) fn read(nodes: &Path) -> anyhow::Result<Option<State>> {
    let steps = files::read(&path(nodes), MAX_FILE)?.unwrap_or_default();
    let mut state = State::of_last_end(nodes)?;
    let lines = steps.split(|byte| *byte == b'\n');
    let steps = lines.filter_map(|line| serde_json::from_slice(line).ok());
    let steps: Vec<Recorded> = steps
        .filter(|step: &Recorded| step.line.is_sound())
        .collect();
    for step in new(state.as_ref(), &steps) {
        state.get_or_insert_default().take(step.clone());
    }
    Ok(state)
}

/// Those that the state does not have: if its last run ended, and was killed before the steps
/// were removed, it has those up to the last of that run.
fn new<'a>(state: Option<&State>, steps: &'a [Recorded]) -> &'a [Recorded] {
    let Some(state) = state.filter(|state| state.end.is_some()) else {
        return steps;
    };
    let is_its = |step: &Recorded| step.line.run.as_deref() == Some(&state.run);
    let taken = steps.iter().rposition(is_its).map_or(0, |last| last + 1);
    &steps[taken..]
}

/// Keeps what a step did: for the last one, in the state.
pub(crate) fn keep(nodes: &Path, step: Recorded, state: &State) -> anyhow::Result<()> {
    let path = path(nodes);
    if !step.is_last() {
        let text = exit::json(&serde_json::to_string(&step)?) + "\n";
        if writer::append_within(&path, text.as_bytes(), MAX_STEPS)? {
            return Ok(());
        }
    }
    let mut state = state.clone();
    state.journal = step.journal;
    state.write(nodes)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn path(nodes: &Path) -> PathBuf {
    nodes.join(FILE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::Line;

    const RELOAD: &str = crate::STEPS[3];

    fn step(run: &str, step: &str, t: f64) -> Recorded {
        let line = Line {
            t,
            run: Some(run.to_owned()),
            step: step.to_owned(),
            ..Line::default()
        };
        let facts = (line.step == crate::STEPS[1]).then(crate::Facts::default);
        Recorded {
            line,
            began_at: t,
            facts,
            ..Recorded::default()
        }
    }

    /// A step that ends: it takes what is there, and keeps what it did.
    fn end(nodes: &Path, step: Recorded) -> State {
        let mut state = read(nodes).unwrap().unwrap_or_default();
        state.take(step.clone());
        keep(nodes, step, &state).unwrap();
        read(nodes).unwrap().unwrap()
    }

    fn run(nodes: &Path, name: &str, t: f64) -> State {
        end(nodes, step(name, "serf-nodes", t));
        end(nodes, step(name, "haproxy-gen", t));
        end(nodes, step(name, "haproxy-reload", t))
    }

    #[test]
    fn what_the_steps_did_is_seen_before_the_run_ends_and_kept_when_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = folder.path();
        let state = end(nodes, step("a", "serf-nodes", 5.0));
        assert_eq!((state.end, state.steps.len()), (None, 1));
        let state = run(nodes, "a", 5.0);
        assert_eq!((state.end, state.steps.len()), (Some(5.0), 3));
        assert!(!path(nodes).exists());
        assert_eq!(State::of_last_end(nodes).unwrap(), Some(state));
    }

    #[test]
    fn ten_thousand_joins_and_leaves_have_one_line_each() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("muster.jsonl");
        let mut state = State::default();
        for number in 0..10_000 {
            let run = format!("5c9e2f0a-7b1d-4f57-9a53-{number:012}");
            let mut joins = step(&run, "serf-nodes", 5.0);
            let names = [&mut joins.line.added, &mut joins.line.left];
            names
                .into_iter()
                .nth(number % 2)
                .unwrap()
                .push(format!("s{}", number / 2));
            for step in [
                joins,
                step(&run, "haproxy-gen", 5.0),
                step(&run, "haproxy-reload", 5.0),
            ] {
                let lines = state.take(step);
                let lines: Vec<Vec<u8>> = lines.iter().flat_map(Line::encode).collect();
                writer::append(&journal, &lines).unwrap();
            }
        }
        let lines = crate::recent(&journal, u64::MAX);
        assert_eq!(lines.len(), 10_000);
        let added = lines.iter().map(|line| line.added.len()).sum::<usize>();
        assert_eq!((added, state.totals.changes["left"]), (5_000, 5_000));
        assert_eq!(state.totals.runs["succeeded"], 10_000);
    }

    #[test]
    fn steps_that_the_state_has_already_are_not_counted_again() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = folder.path();
        end(nodes, step("a", "serf-nodes", 5.0));
        let steps = std::fs::read(path(nodes)).unwrap();
        let before = run(nodes, "a", 5.0);
        // As if the last one had been killed before it removed them.
        writer::append(&path(nodes), &[steps]).unwrap();
        assert_eq!(read(nodes).unwrap(), Some(before));
        let state = end(nodes, step("b", "serf-nodes", 15.0));
        assert_eq!((state.run.as_str(), state.steps.len()), ("b", 1));
        assert_eq!(run(nodes, "c", 25.0).totals.runs["failed"], 1);
    }

    #[test]
    fn runs_that_never_end_leave_a_bounded_file() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = folder.path();
        for number in 0..300 {
            end(nodes, step(&format!("run-{number}"), "serf-nodes", 5.0));
        }
        assert!(path(nodes).metadata().unwrap().len() < 2 * MAX_STEPS);
        let state = read(nodes).unwrap().unwrap();
        assert_eq!(state.totals.runs["failed"], 299);
    }

    #[test]
    fn what_stands_in_the_place_of_the_files_is_replaced_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = folder.path().join("nodes");
        std::fs::create_dir(&nodes).unwrap();
        let victim = folder.path().join("victim");
        writer::append(&victim, &[b"victim\n".to_vec()]).unwrap();
        let (state, steps) = (State::path(&nodes), path(&nodes));
        let fifo = |path: &Path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let link = |path: &Path| std::os::unix::fs::symlink(&victim, path).unwrap();
        for make in [&link as &dyn Fn(&Path), &fifo] {
            for path in [&state, &steps] {
                let _ = std::fs::remove_file(path);
                make(path);
            }
            keep(&nodes, step("a", RELOAD, 5.0), &State::default()).unwrap();
            let kind = state.symlink_metadata().unwrap();
            assert!(kind.is_file() && kind.permissions().mode() & 0o022 == 0);
            assert!(steps.symlink_metadata().is_err());
            assert_eq!(std::fs::read(&victim).unwrap(), b"victim\n");
        }
    }

    #[test]
    fn what_is_no_step_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = folder.path();
        writer::append(&path(nodes), &[b"{\"cut\n\xff\n[]\n".to_vec()]).unwrap();
        assert_eq!(read(nodes).unwrap(), None);
        assert_eq!(run(nodes, "a", 5.0).totals.runs["succeeded"], 1);
    }
}
