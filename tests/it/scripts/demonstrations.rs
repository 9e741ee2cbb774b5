//! `scripts/task`, with an engine and a browser that only play theirs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::{root, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::machine::{Machine, watched};
use super::{stderr, stdout, write};

#[test]
fn what_is_no_task_is_told_before_anything_is_built() {
    let machine = watched();
    for words in [
        &[][..],
        &["7"],
        &["00"],
        &["1", "2"],
        &["all", "0"],
        &["--live"],
        &["1", "--slow"],
    ] {
        let output = machine.script("task", words);
        assert_eq!(output.status.code(), Some(100), "{words:?}: {output:?}");
        assert!(stderr(&output).contains("scripts/task all [--live]"));
        assert_eq!(stdout(&output), "", "{words:?}");
    }
    assert_eq!(machine.ran(), "");
}

#[test]
fn a_demonstration_that_nobody_can_go_on_with_ends_before_anything_is_built() {
    let machine = watched();
    for words in [["0", "--live"], ["--live", "all"]] {
        let output = machine.script("task", &words);
        assert_eq!(output.status.code(), Some(111), "{output:?}");
        let told = stderr(&output);
        assert!(told.starts_with("task: --live waits for Enter"), "{told}");
        assert!(told.contains("run it in a terminal"), "{told}");
        let shown = stdout(&output);
        assert!(
            shown.contains("statistics   http://127.0.0.1:1936/"),
            "{shown}"
        );
        assert!(
            shown.contains("page         http://127.0.0.1:80/"),
            "{shown}"
        );
    }
    assert_eq!(machine.ran(), "");
}

/// A copy of the repository whose engine has ha, s1 and s2, and evidence of an earlier run.
fn lab(machine: &Machine) -> PathBuf {
    let copy = machine.path("clone");
    fs::create_dir_all(copy.join("target/bin")).unwrap();
    fs::create_dir_all(copy.join("logs/task0")).unwrap();
    write(&copy.join("logs/task0/old.txt"), "of an earlier run\n");
    let copied = Command::new("cp")
        .args(["-R", "Cargo.toml", ".env", "scripts"])
        .arg(&copy)
        .current_dir(root())
        .status();
    assert!(copied.unwrap().success());
    for name in ["build", "engine", "base-image", "require"] {
        harness::write_program(&copy.join("scripts").join(name), "#!/bin/sh\n");
    }
    machine.program("docker", "case \"$*\" in *{{.Size}}*) echo 1000000 ;; esac");
    machine.program("curl", "case \"$*\" in *csv*) for s in s1 s2; do echo nodes,$s,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,UP; done ;; esac");
    machine.program(
        "chromium",
        "for word; do case $word in --screenshot=*) echo picture >\"${word#*=}\" ;; esac; done",
    );
    copy
}

/// `scripts/task 0 --live`, to whom so many Enters were given.
fn demonstration(machine: &Machine, copy: &Path, enters: usize) -> Child {
    let path = format!("{}:/usr/bin:/bin", machine.path("bin").display());
    let mut child = machine
        .command("env")
        .env("PATH", path)
        .arg("--default-signal=INT,TERM,HUP")
        .arg(copy.join("scripts/task"))
        .args(["0", "--live"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all("\n".repeat(enters).as_bytes()).unwrap();
    child
}

/// What is left where a task did not reach its end: the old evidence, and no container.
fn assert_nothing_happened(machine: &Machine, copy: &Path) {
    let names = |folder: &str| {
        let entries = fs::read_dir(copy.join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("logs"), ["task0"]);
    assert_eq!(names("logs/task0"), ["old.txt"]);
    let scratch = names("target");
    let scratch = scratch.iter().filter(|name| name.starts_with("task."));
    assert_eq!(scratch.count(), 0);
    let ran = machine.ran();
    let (_, after) = ran.rsplit_once("compose up -d").unwrap();
    assert!(after.contains(" down --volumes --remove-orphans"), "{ran}");
    assert!(after.contains("-p muster-static "), "{ran}");
}

#[test]
fn a_demonstration_says_before_each_step_what_to_look_at_and_leaves_nothing_where_it_ends() {
    let machine = Machine::new();
    let copy = lab(&machine);
    let output = demonstration(&machine, &copy, 2)
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(111), "{output:?}");
    let told = stderr(&output);
    assert!(told.starts_with("task: --live waits for Enter"), "{told}");
    let shown = stdout(&output);
    let (before, after) = shown.split_once("   Enter does it: ").expect(&shown);
    assert!(
        before.contains("Look at: the statistics have s1 and s2"),
        "{before}"
    );
    assert!(
        before.contains("nodes        http://127.0.0.1:4000/ and"),
        "{before}"
    );
    assert!(after.contains("logs/task0/stats.png"), "{after}");
    let (_, next) = after.split_once("-- s1 ends").expect(after);
    assert!(next.contains("Look at: it stays in the list"), "{next}");
    assert_nothing_happened(&machine, &copy);
}

#[test]
fn an_interrupted_task_leaves_the_old_evidence_and_ends_what_it_started() {
    let machine = Machine::new();
    let copy = lab(&machine);
    let mut task = demonstration(&machine, &copy, 2);
    let mut lines = BufReader::new(task.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("-- s1 ends")));
    kill(
        Pid::from_raw(task.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let status = wait_for("its end", Duration::from_secs(60), || {
        task.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(130));
    assert_nothing_happened(&machine, &copy);
}
