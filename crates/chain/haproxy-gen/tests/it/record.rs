//! What a run leaves in the state of the chain and in the journal.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use journal::{Line, State, recent};

use crate::fixture::{Fixture, Run, TEMPLATE};

fn journal(fixture: &Fixture) -> PathBuf {
    fixture.path("muster.jsonl")
}

/// Its own lines: of the steps that are not run here, the next run says that they are missing.
fn lines(fixture: &Fixture) -> Vec<Line> {
    let mut lines = recent(&journal(fixture), 1 << 20);
    lines.retain(|line| line.step == "haproxy-gen");
    lines
}

fn state(fixture: &Fixture) -> Option<State> {
    State::read(&fixture.nodes()).unwrap()
}

/// Runs it as a step of the chain, or by hand.
fn run(fixture: &Fixture, id: Option<&str>, arguments: &[&str]) -> Run {
    let mut command = fixture.command();
    command
        .arg("--haproxy")
        .arg(harness::require("haproxy"))
        .args(arguments)
        .env("MUSTER_JOURNAL", journal(fixture));
    if let Some(id) = id {
        command.env("CHAIN_RUN", id);
    }
    command.output().unwrap().into()
}

#[test]
fn the_files_that_it_replaced_are_a_line_and_nothing_to_do_is_none() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    assert_eq!(run(&fixture, Some("a-1"), &[]).code, Some(0));
    assert_eq!(run(&fixture, Some("a-2"), &[]).code, Some(1));
    let lines = lines(&fixture);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].wrote, [fixture.output().display().to_string()]);
    assert_eq!(lines[0].run.as_deref(), Some("a-1"));
    let state = state(&fixture).unwrap();
    assert_eq!(
        (state.run.as_str(), state.steps["haproxy-gen"].code),
        ("a-2", 1)
    );
}

#[test]
fn by_hand_and_at_haproxys_start_only_the_journal_is_written() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    assert_eq!(run(&fixture, None, &["--diff"]).code, Some(0));
    assert_eq!(lines(&fixture), []);
    assert_eq!(run(&fixture, None, &[]).code, Some(0));
    assert_eq!(lines(&fixture)[0].run, None);
    assert_eq!(state(&fixture), None);
}

#[test]
fn a_template_that_is_broken_is_told_once_with_its_words_and_so_is_its_end() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.template(&TEMPLATE.replace("mode http", "mode gopher"));
    for id in ["a-1", "a-2", "a-3"] {
        assert_eq!(run(&fixture, Some(id), &[]).code, Some(100));
    }
    let found = lines(&fixture);
    assert_eq!(found.len(), 1, "{found:?}");
    let words = found[0].error.as_ref().unwrap();
    assert!(words.contains("unknown proxy mode 'gopher'"), "{words}");
    let state = state(&fixture).unwrap();
    assert_eq!(state.failing["haproxy-gen"].code, 100);
    fixture.template(TEMPLATE);
    assert_eq!(run(&fixture, Some("a-4"), &[]).code, Some(0));
    let last = lines(&fixture).pop().unwrap();
    assert!(last.after.is_some() && last.wrote.len() == 1, "{last:?}");
}

#[test]
fn a_folder_of_nodes_that_is_missing_is_a_failure_that_the_journal_has() {
    let fixture = Fixture::new(TEMPLATE);
    std::fs::remove_dir(fixture.nodes()).unwrap();
    let ran = run(&fixture, Some("a-1"), &[]);
    assert_eq!(ran.code, Some(111), "{ran:?}");
    let lines = lines(&fixture);
    assert_eq!((lines.len(), lines[0].code), (1, 111));
    assert!(!fixture.nodes().exists());
}

#[test]
fn a_journal_and_a_state_that_cannot_be_written_cost_the_run_nothing() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    std::fs::create_dir(fixture.nodes().join(".state")).unwrap();
    std::fs::create_dir(journal(&fixture)).unwrap();
    std::fs::set_permissions(journal(&fixture), Permissions::from_mode(0o500)).unwrap();
    let ran = run(&fixture, Some("a-1"), &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
