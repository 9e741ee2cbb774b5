//! What a run leaves in the state of the chain and in the journal.

use journal::{Line, State, recent};

use crate::haproxy::{Haproxy, PATIENCE, Run};
use harness::wait_for;

/// Its own lines: of the steps that are not run here, it says that they are missing.
fn lines(haproxy: &Haproxy) -> Vec<Line> {
    let mut lines = recent(&haproxy.path("muster.jsonl"), 1 << 20);
    lines.retain(|line| line.step == "haproxy-reload");
    lines
}

fn last(haproxy: &Haproxy) -> Line {
    lines(haproxy).pop().unwrap_or_default()
}

fn state(haproxy: &Haproxy) -> State {
    State::read(&haproxy.nodes()).unwrap().unwrap()
}

/// Runs it as a step of the chain.
fn run(haproxy: &Haproxy, id: &str, arguments: &[&str]) -> Run {
    haproxy.nodes();
    let mut command = haproxy.command(arguments);
    command
        .env("CHAIN_RUN", id)
        .env("MUSTER_JOURNAL", haproxy.path("muster.jsonl"));
    Run(command.output().unwrap())
}

#[test]
fn what_a_run_does_with_servers_is_in_its_line_and_nothing_to_do_in_none() {
    let haproxy = Haproxy::start(134, &[1, 2]);
    assert_eq!(run(&haproxy, "a-1", &[]).code(), 1);
    assert_eq!(lines(&haproxy), []);
    let mut config = haproxy.config(&[1, 3]);
    config.servers[0].weight = 7;
    haproxy.write(&config);
    assert_eq!(run(&haproxy, "a-2", &[]).code(), 0);
    let line = last(&haproxy);
    assert_eq!(line.run.as_deref(), Some("a-2"));
    assert_eq!(line.added, ["nodes/s3"]);
    assert_eq!(line.retired, ["nodes/s2"]);
    assert_eq!(line.weighted, ["nodes/s1"]);
    assert_eq!((&line.reload, line.set.len()), (&None, 0));
    assert_eq!(run(&haproxy, "a-3", &[]).code(), 1);
    assert_eq!(lines(&haproxy).len(), 1);
    let state = state(&haproxy);
    assert_eq!(
        (state.run.as_str(), state.steps["haproxy-reload"].code),
        ("a-3", 1)
    );
    assert!(state.end.is_some());
}

#[test]
fn a_reload_is_told_with_its_reason_and_its_kind() {
    let haproxy = Haproxy::start(135, &[1]);
    assert_eq!(run(&haproxy, "a-0", &[]).code(), 1);
    let mut config = haproxy.config(&[1]);
    config.variant = Some("2".to_owned());
    haproxy.write(&config);
    assert_eq!(run(&haproxy, "a-1", &[]).code(), 0);
    let line = last(&haproxy);
    let why = line.reload.unwrap_or_default();
    assert!(why.starts_with("line ") && why.ends_with(": ..."), "{why}");
    assert_eq!(line.kind.as_deref(), Some("changed"));
    assert_eq!(run(&haproxy, "a-2", &["--full"]).code(), 0);
    assert_eq!(last(&haproxy).kind.as_deref(), Some("asked"));
    let totals = state(&haproxy).totals;
    assert_eq!((totals.reloads["changed"], totals.reloads["asked"]), (1, 1));
    // One by hand counts for nobody, and is told all the same.
    let mut by_hand = haproxy.command(&["--full"]);
    by_hand.env("MUSTER_JOURNAL", haproxy.path("muster.jsonl"));
    assert_eq!(Run(by_hand.output().unwrap()).code(), 0);
    let line = last(&haproxy);
    assert_eq!((line.run, line.kind.as_deref()), (None, Some("asked")));
    assert_eq!(state(&haproxy).totals, totals);
}

#[test]
fn a_run_that_fails_has_what_it_did_in_its_line() {
    let haproxy = Haproxy::start(136, &[1, 2]);
    assert_eq!(run(&haproxy, "a-1", &[]).code(), 1);
    let mut config = haproxy.config(&[1]);
    config.variant = Some("2".to_owned());
    config.more = "backend other\n    mode gopher\n".to_owned();
    haproxy.write(&config);
    assert_eq!(run(&haproxy, "a-2", &[]).code(), 111);
    let line = last(&haproxy);
    assert_eq!(
        (line.code, line.retired),
        (111, vec!["nodes/s2".to_owned()])
    );
    assert_eq!(line.reload, None);
    let words = line.error.unwrap_or_default();
    assert!(words.contains("unknown proxy mode 'gopher'"), "{words}");
    let failing = &state(&haproxy).failing["haproxy-reload"];
    assert_eq!((failing.code, &failing.error), (111, &words));
}

#[test]
fn a_reload_that_waits_is_in_the_state_and_a_line_when_it_is_made() {
    let haproxy = Haproxy::start(137, &[1]);
    assert_eq!(run(&haproxy, "a-1", &[]).code(), 1);
    let mut config = haproxy.config(&[1]);
    config.variant = Some("2".to_owned());
    haproxy.write(&config);
    let up = haproxy.ask("show info");
    let up = up
        .lines()
        .find_map(|line| line.strip_prefix("Uptime_sec: "));
    let every = up.unwrap().parse::<u64>().unwrap() + 3;
    let every = format!("{every}s");
    assert_eq!(run(&haproxy, "a-2", &["--reload-every", &every]).code(), 0);
    let postponed = state(&haproxy).postponed.unwrap_or_default();
    assert!(
        postponed.starts_with("line ") && postponed.ends_with(": ..."),
        "{postponed}"
    );
    assert_eq!(lines(&haproxy), []);
    wait_for("the line of the reload", PATIENCE, || {
        let line = lines(&haproxy).pop()?;
        (line.run.is_none() && line.kind.as_deref() == Some("changed")).then_some(())
    });
    assert_eq!(run(&haproxy, "a-3", &[]).code(), 1);
    assert_eq!(state(&haproxy).postponed, None);
}
