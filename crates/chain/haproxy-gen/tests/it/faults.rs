//! A system call that fails costs the run, and never a node or the old file.

use harness::faults::{Fault, Program, READING, UNREADABLE, faults, with_fault};

use crate::fixture::{Fixture, Run, TEMPLATE, write};

/// A file as it was, one node more than it has, and the file with that node.
struct Step {
    fixture: Fixture,
    program: Program,
    before: String,
    after: String,
}

impl Step {
    fn new() -> Self {
        let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1", "s2 10.0.0.2"]);
        assert_eq!(fixture.run(&[]).code, Some(0));
        let before = fixture.config();
        fixture.node("s3 10.0.0.3");
        assert_eq!(fixture.run(&[]).code, Some(0));
        let after = fixture.config();
        assert_eq!(fixture.servers().len(), 3);
        let mut command = fixture.command();
        command
            .arg("--haproxy")
            .arg(harness::require("haproxy"))
            .env("CHAIN_RUN", "a-1")
            .env("MUSTER_JOURNAL", fixture.path("muster.jsonl"));
        Self {
            fixture,
            program: command.into(),
            before,
            after,
        }
    }

    fn faults(&self, calls: &[&str], errors: &[&str]) -> Vec<Fault> {
        self.reset();
        faults(&self.program, &self.fixture.path(""), calls, errors)
    }

    fn reset(&self) {
        write(&self.fixture.output(), &self.before);
    }

    fn run(&self, fault: &Fault) -> Run {
        self.reset();
        with_fault(&self.program, fault).output().unwrap().into()
    }
}

#[test]
fn whatever_cannot_be_read_the_old_file_stays_or_every_node_is_in_the_new_one() {
    let step = Step::new();
    let mut failed = 0;
    for fault in step.faults(&READING, &UNREADABLE) {
        let run = step.run(&fault);
        let config = step.fixture.config();
        match run.code {
            Some(111) => assert_eq!(config, step.before, "{fault}: {}", run.stderr),
            Some(0) => assert_eq!(config, step.after, "{fault}: {}", run.stderr),
            code => panic!("{fault}: {code:?}, {}", run.stderr),
        }
        failed += usize::from(run.code == Some(111));
    }
    assert!(failed > 20, "{failed}");
}

#[test]
fn whatever_cannot_be_written_the_old_file_or_the_new_one_is_there_whole() {
    let step = Step::new();
    let calls = [
        "write",
        "fsync",
        "rename",
        "renameat2",
        "close",
        "fchown",
        "fchmod",
        "unlink",
        "flock",
    ];
    let mut kept = 0;
    for fault in step.faults(&calls, &["ENOSPC", "EIO", "EROFS"]) {
        let run = step.run(&fault);
        let config = step.fixture.config();
        assert!(matches!(run.code, Some(0 | 111)), "{fault}: {}", run.stderr);
        let whole = [&step.before, &step.after];
        assert!(whole.contains(&&config), "{fault}: {config}");
        assert!(
            run.code == Some(111) || config == step.after,
            "{fault}: {}",
            run.stderr
        );
        kept += usize::from(config == step.before);
    }
    assert!(kept > 5, "{kept}");
}

#[test]
fn a_node_that_cannot_be_read_is_told_by_its_path() {
    let step = Step::new();
    for fault in step.faults(&["read"], &["EIO"]) {
        let run = step.run(&fault);
        if run.stderr.contains("/nodes/s1: Input/output error") {
            assert_eq!((run.code, run.stderr.lines().count()), (Some(111), 1));
            return;
        }
    }
    panic!("none of the faults was at a node");
}

/// Only the program itself is traced, not the HAProxy that it runs.
#[test]
fn whatever_fails_around_the_check_it_is_no_panic() {
    let step = Step::new();
    step.reset();
    let mark = step.fixture.path("etc/.haproxy.cfg.checked");
    std::fs::remove_file(&mark).unwrap();
    let calls = ["read", "poll", "pipe2", "wait4", "waitid", "fcntl"];
    for fault in step.faults(&calls, &["EIO", "EMFILE"]) {
        let _ = std::fs::remove_file(&mark);
        let run = step.run(&fault);
        let config = step.fixture.config();
        match run.code {
            Some(111) => assert!([&step.before, &step.after].contains(&&config), "{fault}"),
            Some(0) => assert_eq!(config, step.after, "{fault}: {}", run.stderr),
            code => panic!("{fault}: {code:?}, {}", run.stderr),
        }
    }
}
