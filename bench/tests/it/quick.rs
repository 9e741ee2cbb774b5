//! `scripts/bench --quick`: its ratios hold for the programs as they are, and it
//! finds one that has become slow.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use harness::{Scratch, root};

use crate::{alone, programs, run, text};

const QUESTIONS: [&str; 9] = [
    "chain", "burst", "members", "size", "init", "memory", "effect", "churn", "faults",
];

fn quick(programs: &Path, questions: &[&str]) -> Output {
    // The state of a cluster that a question starts.
    let folder = harness::scratch();
    let mut command = Command::new(root().join("scripts/bench"));
    command
        .arg("--quick")
        .args(questions)
        .env("MUSTER_NET", harness::address("43"))
        .env("MUSTER_RUN", folder.path().join("cluster"))
        .env("MUSTER_BUILT", "1")
        .env("BENCH_PROGRAMS", programs);
    run(&mut command)
}

/// What `scripts/bench` writes into the repository.
fn answers() -> Vec<Option<Vec<u8>>> {
    let kept = ["results.md", "cost.svg", "latency.svg"];
    kept.map(|name| fs::read(root().join("bench").join(name)).ok())
        .to_vec()
}

/// A folder with all programs, of which one sleeps before it works.
fn with_a_slow(name: &str) -> Scratch {
    let folder = harness::scratch();
    for entry in programs().read_dir().unwrap() {
        let program = entry.unwrap().path();
        let path = folder.path().join(program.file_name().unwrap());
        if path.ends_with(name) {
            let script = format!("#!/bin/sh\nsleep 0.2\nexec {} \"$@\"\n", program.display());
            harness::write_program(&path, &script);
        } else {
            symlink(program, path).unwrap();
        }
    }
    folder
}

#[test]
fn nothing_has_become_ten_times_slower_and_nothing_is_kept() {
    let _alone = alone();
    let before = answers();
    let output = quick(&programs(), &[]);
    let told = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    for what in ["serf-nodes", "haproxy-gen", "haproxy-reload", "init, start"] {
        assert!(told.contains(what), "{told}");
    }
    for question in QUESTIONS {
        assert!(told.contains(&format!("## {question}: ")), "{told}");
    }
    assert_eq!(answers(), before);
}

#[test]
fn a_program_that_has_become_slow_is_found_and_named() {
    let _alone = alone();
    let folder = with_a_slow("svstat");
    let output = quick(folder.path(), &["size"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(111), "{told}");
    assert!(
        told.contains("bench: look for regressions: svstat --version : true\n"),
        "{told}"
    );
}

#[test]
fn a_program_that_does_not_work_is_told_in_its_own_words() {
    let folder = with_a_slow("svstat");
    let broken = folder.path().join("svstat");
    harness::write_program(&broken, "#!/bin/sh\necho no luck >&2\nexit 111\n");
    let output = quick(folder.path(), &["size"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(111), "{told}");
    assert!(told.trim_end().ends_with(": no luck"), "{told}");
}
