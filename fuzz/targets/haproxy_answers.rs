//! What a running HAProxy answers, and what is to be done then. Behind a NUL byte stands the
//! file that is compared with it.

use haproxy_config::Config;

use crate::file::wanted::{Identity, Wanted};
use crate::haproxy::certificates::{self, Seen};
use crate::haproxy::commands::{Step, accepted, told};
use crate::haproxy::made::Made;
use crate::haproxy::master::{self, Processes};
use crate::haproxy::running::Running;
use crate::haproxy::{pairs, patterns};
use crate::plan::plan;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

/// The longest text that is kept in HAProxy, in bytes.
const LONGEST_KEPT: usize = 8 << 10;

fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (answer, file) = text.split_once('\0').unwrap_or((&text, ""));
    kept(answer);
    lists(answer);
    if let Ok(running) = Running::parse(answer) {
        let text = file.to_owned() + "\n";
        planned(running, &text);
    }
}

/// What this program keeps in HAProxy is read as it was written.
fn kept(answer: &str) {
    let made = Made::parse(answer);
    if answer.len() < LONGEST_KEPT {
        assert_eq!(Made::parse(&made.to_string()), made);
    }
    if let Some(seen) = Seen::parse(answer) {
        assert_eq!(Seen::parse(&seen.to_string()), Some(seen));
    }
}

/// What is told of an answer is one line.
fn lists(answer: &str) {
    assert_one_line(&told(answer));
    let errors = [
        accepted(answer).err(),
        Processes::parse(answer).err(),
        Running::parse(answer).err(),
        haproxy_socket::stat::parse(answer).err(),
        master::answer(answer).err(),
    ];
    for error in errors.iter().flatten() {
        assert_one_line(&format!("{error:#}"));
    }
    let lines = answer.lines().count();
    assert!(pairs(answer.lines()).len() <= lines);
    assert!(patterns::parse(answer).len() <= lines);
    assert!(certificates::parse(answer).len() <= lines);
    if let Some(of) = certificates::transaction(answer) {
        assert!(answer.contains(of));
    }
    if let Ok(processes) = Processes::parse(answer) {
        assert!(!processes.is_after(&processes));
        assert_eq!(processes.successor(&processes), None);
    }
}

/// Nothing in a name ends a command or begins another one. As the worker runs the lines of
/// the file, servers are what the plan is about.
fn planned(mut running: Running, text: &str) {
    let config = Config::parse(text);
    let print = haproxy_config::fingerprint(&config, None);
    let text = config.with_fingerprint(&print.to_string());
    let wanted = Wanted::parse(text.as_bytes());
    if let Identity::Fingerprint(print) = &wanted.identity {
        running.fingerprint = Some(print.clone());
    }
    let plan = plan(&wanted, Some(&wanted), &running, &[]);
    for Step { commands, .. } in plan.steps.iter().chain(&plan.leaves) {
        for command in commands {
            assert_one_line(command);
            assert!(!command.contains(';'), "{command:?}");
        }
    }
    for id in plan.draining.iter().chain(&plan.purge) {
        assert_one_line(id);
        assert!(!id.contains([';', ' ']), "{id:?}");
    }
}

/// A log or a terminal takes it for one line, and nothing in it for a command.
fn assert_one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[cfg(test)]
#[test]
fn every_answer_of_the_corpus_holds() {
    harness::corpus("haproxy-answers", holds);
}
