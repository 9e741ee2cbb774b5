//! `event-handler`: what becomes of a handler's words, its code, and what it leaves running.
//! Serf starts a handler by its shell, whose error output is the agent's log here.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use harness::{root, wait_for};

/// Runs `command` as the agent's handler of `event`: what Serf reads of it, and the log.
fn handled(folder: &Path, event: &str, command: &str) -> (Output, String) {
    let log = folder.join("log");
    // In place of the agent: the parent of event-handler, with the log as its error output.
    let agent = r#"exec 2>"$1"; "$2" "$3""#;
    let output = Command::new("sh")
        .args(["-c", agent, "agent"])
        .arg(&log)
        .arg(root().join("ha/scripts/event-handler"))
        .arg(command)
        .env("SERF_EVENT", event)
        .output()
        .unwrap();
    let end = format!("{event} handled, exit code ");
    let log = wait_for("the last line of the log", Duration::from_secs(60), || {
        let text = fs::read_to_string(&log).ok()?;
        text.contains(&end).then_some(text)
    });
    (output, log)
}

#[test]
fn every_line_of_a_handler_and_its_code_are_in_the_log_with_its_name() {
    let scratch = harness::scratch();
    let script = scratch.path().join("join.sh");
    harness::write_program(
        &script,
        "#!/bin/sh\nprintf 'a\\tb\\033[2J\\n'\necho $1 >&2\nexit 7\n",
    );
    let command = format!("{} 'two words'", script.display());
    // A quote makes the whole command its name.
    let (output, log) = handled(scratch.path(), "member-join", &command);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"");
    let name = &command;
    assert_eq!(
        log,
        format!("{name}: a b?[2J\n{name}: two words\n{name}: member-join handled, exit code 7\n")
    );
    let (_, log) = handled(scratch.path(), "member-join", &script.display().to_string());
    assert!(log.starts_with("join.sh: a b?[2J\n"), "{log}");
}

#[test]
fn what_a_handler_leaves_running_keeps_nobody_waiting() {
    let scratch = harness::scratch();
    let began = Instant::now();
    let command = "sleep 300 & echo $!";
    let (output, log) = handled(scratch.path(), "member-leave", command);
    assert!(began.elapsed() < Duration::from_secs(100), "{output:?}");
    let first = log.lines().next().unwrap();
    let (_, left) = first.rsplit_once(": ").unwrap();
    harness::send(left.parse().unwrap(), nix::sys::signal::Signal::SIGKILL);
}

#[test]
fn what_the_handler_of_a_query_prints_is_its_answer() {
    let scratch = harness::scratch();
    let (output, log) = handled(scratch.path(), "query", "echo answer; echo why >&2");
    assert_eq!(output.stdout, b"answer\n");
    assert!(
        log.contains(": why\n") && !log.contains(": answer"),
        "{log}"
    );
}

#[test]
fn a_handler_that_was_saved_on_windows_is_told() {
    let scratch = harness::scratch();
    let script = scratch.path().join("join.sh");
    harness::write_program(&script, "#!/bin/sh\r\necho hello\r\n");
    let (output, log) = handled(scratch.path(), "member-join", &script.display().to_string());
    assert_eq!(output.status.code(), Some(127));
    assert!(log.contains("join.sh ends with a carriage return"), "{log}");
}
