//! `init -- COMMAND`, which does what tini and dumb-init are for.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::world::{Answer, Container, Service, World, held_in, is_alive, ours_alone, write_file};

const REASON: &str = "s6-svscan runs no command";

fn start(command: &[&str]) -> World {
    let words: Vec<&str> = ["--"].iter().chain(command).copied().collect();
    Container::with(&[]).start(&words)
}

#[test]
fn its_code_is_the_commands() {
    if ours_alone(REASON) {
        return;
    }
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
    ] {
        assert_eq!(start(&["sh", "-c", script]).ended_code(), code, "{script}");
    }
}

#[test]
fn a_command_that_cannot_be_run_is_told_with_126_or_127() {
    if ours_alone(REASON) {
        return;
    }
    let mut missing = start(&["no-such-command"]);
    assert_eq!(missing.ended_code(), 127);
    assert!(
        missing.output().contains("no-such-command"),
        "{}",
        missing.output()
    );
    let container = Container::with(&[]);
    let file = container.path("file");
    write_file(&file, "#!/bin/sh\n", 0o644);
    let mut forbidden = container.start(&["--", file.to_str().unwrap()]);
    assert_eq!(forbidden.ended_code(), 126, "{}", forbidden.output());
}

#[test]
fn two_dashes_are_not_needed_and_options_of_the_command_are_its_own() {
    if ours_alone(REASON) {
        return;
    }
    let mut world =
        Container::with(&[]).start(&["sh", "-c", "echo \"$@\"; exit 4", "x", "--scan", "-h"]);
    assert_eq!(world.ended_code(), 4);
    assert_eq!(world.output(), "--scan -h\n");
}

#[test]
fn signals_reach_the_command() {
    if ours_alone(REASON) {
        return;
    }
    for (signal, name) in [
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGUSR1, "USR1"),
    ] {
        let script =
            format!("trap 'echo got {name}; exit 5' {name}; echo up; while :; do sleep 0.05; done");
        let mut world = start(&["sh", "-c", &script]);
        world.wait_output("up\n");
        world.signal(signal);
        assert_eq!(world.ended_code(), 5, "{name}");
        assert!(
            world.output().contains(&format!("got {name}")),
            "{}",
            world.output()
        );
    }
}

#[test]
fn a_command_that_dies_of_a_forwarded_signal_gives_128_and_its_number() {
    if ours_alone(REASON) {
        return;
    }
    let mut world = start(&["sh", "-c", "echo up; exec sleep 1000"]);
    world.wait_output("up\n");
    world.signal(Signal::SIGINT);
    assert_eq!(world.ended_code(), 130);
}

/// Runs a script of bash that starts plain inits, as `"$INIT" --services "$NONE" COMMAND`.
fn by_bash(script: &str) -> Answer {
    let none = harness::scratch();
    let script = format!(
        "export INIT={} NONE={}; cd \"$NONE\"; {script}",
        env!("CARGO_BIN_EXE_init"),
        none.path().display()
    );
    crate::world::run("bash".as_ref(), &["-c", &script])
}

#[test]
fn every_exit_code_is_the_commands() {
    if ours_alone(REASON) {
        return;
    }
    let answer = by_bash(
        r#"for code in {0..255}; do
               "$INIT" --services "$NONE" sh -c "exit $code"
               echo "$? $code"
           done"#,
    );
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), 256, "{answer:?}");
    for line in lines {
        let (its, commands) = line.split_once(' ').unwrap();
        assert_eq!(its, commands);
    }
}

#[test]
fn every_deadly_signal_gives_128_and_its_number() {
    if ours_alone(REASON) {
        return;
    }
    // The others continue a process, stop it or do nothing; 32 and 33 are the C library's.
    let answer = by_bash(
        r#"ulimit -c 0
           for signal in {1..16} 24 25 26 27 29 30 31 {34..64}; do
               "$INIT" --services "$NONE" sh -c "kill -$signal \$\$; sleep 10"
               echo "$(($? - 128)) $signal"
           done"#,
    );
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), 54, "{answer:?}");
    for line in lines {
        let (its, sent) = line.split_once(' ').unwrap();
        assert_eq!(its, sent);
    }
}

#[test]
fn the_command_keeps_the_blocked_signals() {
    if ours_alone(REASON) {
        return;
    }
    let shows = "grep SigBlk /proc/self/status";
    let script = format!(
        r#"block() {{ env --block-signal=USR1,PIPE,RTMIN "$@"; }}
           block {shows}; block "$INIT" --services "$NONE" {shows}
           "$INIT" --services "$NONE" {shows}"#
    );
    let answer = by_bash(&script);
    let masks: Vec<&str> = answer.out.lines().collect();
    let none = "SigBlk:\t0000000000000000";
    assert!(masks.len() == 3 && masks[0] != none, "{answer:?}");
    assert_eq!((masks[1], masks[2]), (masks[0], none));
}

#[test]
fn a_thousand_orphans_are_reaped() {
    if ours_alone(REASON) {
        return;
    }
    let script =
        "i=0; while [ $i -lt 1000 ]; do (: & :); i=$((i+1)); done; echo orphaned; sleep 1000";
    let world = start(&["sh", "-c", script]);
    world.wait_output("orphaned\n");
    harness::wait_for("one child alone", crate::world::SOON, || {
        (crate::world::children(world.pid()).len() == 1).then_some(())
    });
}

#[test]
fn what_a_command_has_left_in_the_background_ends_with_it() {
    if ours_alone(REASON) {
        return;
    }
    // Each has a session of its own, and is a child of nobody when the command ends.
    let script = r#"
        setsid sh -c 'trap "echo asked; exit" TERM; echo polite-$$-; while :; do sleep 0.05; done' &
        setsid sh -c 'trap "" TERM; echo deaf-$$-; while :; do sleep 0.05; done' &
        while ! { grep -q polite output && grep -q deaf output; }; do sleep 0.05; done
        exit 7"#;
    let container = Container::with(&[]).env("S6_KILL_GRACETIME", "300");
    let script = format!("cd {}; {script}", container.path("").display());
    let mut world = container.start(&["--", "sh", "-c", &script]);
    assert_eq!(world.ended_code(), 7);
    let output = world.output();
    assert!(output.contains("asked\n"), "{output}");
    for name in ["polite-", "deaf-"] {
        let pid = output.split(name).nth(1).unwrap().split('-').next();
        assert!(!is_alive(pid.unwrap().parse().unwrap()), "{name}");
    }
}

#[test]
fn without_a_terminal_a_stop_of_the_command_is_its_own() {
    if ours_alone(REASON) {
        return;
    }
    let mut world = start(&["sh", "-c", "echo up; exec sleep 1000"]);
    world.wait_output("up\n");
    let state = |pid: i32, state: char| {
        harness::wait_for(&format!("{pid} to be {state}"), crate::world::SOON, || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.contains(&format!(") {state} ")).then_some(())
        });
    };
    let command = crate::world::children(world.pid())[0];
    state(command, 'S');
    world.signal(Signal::SIGTSTP);
    state(command, 'T');
    state(world.pid(), 'S');
    world.signal(Signal::SIGCONT);
    state(command, 'S');
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 143);
}

#[test]
fn it_keeps_no_hold_of_the_directory_it_was_started_in() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[]);
    let place = container.path("place");
    std::fs::create_dir(&place).unwrap();
    let mut init = container.command(&["--", "sh", "-c", "echo up; exec sleep 1000"]);
    init.current_dir(&place);
    let world = World::start(container.dir, init);
    world.wait_output("up\n");
    let command = crate::world::children(world.pid())[0];
    let cwd = |pid: i32| PathBuf::from(format!("/proc/{pid}/cwd"));
    assert_eq!(held_in(&place, command), [cwd(command)]);
    harness::wait_for("init to let go of it", crate::world::SOON, || {
        held_in(&place, world.pid()).is_empty().then_some(())
    });
    assert_eq!(cwd(world.pid()).read_link().unwrap(), Path::new("/"));
}

#[test]
fn a_command_for_which_the_system_has_nothing_left_is_told_with_111() {
    if ours_alone(REASON) {
        return;
    }
    for files in 4..8 {
        let script = format!("ulimit -n {files}; exec \"$INIT\" --services \"$NONE\" echo x");
        let answer = by_bash(&script);
        let told = match answer.code {
            0 => answer.out == "x\n",
            code => code == 111 && answer.err.contains("Too many open files"),
        };
        assert!(told, "{files} descriptors: {answer:?}");
    }
}

#[test]
fn the_command_keeps_the_standard_input() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[]);
    let mut child = container
        .command(&["--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"through\n").unwrap();
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "through\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_command_keeps_the_ignored_signals_and_services_do_not() {
    if ours_alone(REASON) {
        return;
    }
    let shows = "grep SigIgn /proc/$$/status";
    let service = Service::new("s", &format!("{shows} >>../../log; exec sleep 1000"));
    let container = Container::with(&[service]);
    let init = container.command(&[
        "--",
        "sh",
        "-c",
        &format!("while ! [ -s \"$LOG\" ]; do sleep 0.05; done; {shows}"),
    ]);
    let log = container.path("log");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' USR1 INT; exec \"$@\"", "sh"])
        // `env --default-signal`, which stands in front of it, would undo the trap.
        .args(init.get_args().skip(1));
    let mut world = World::start(container.dir, {
        shell.env("LOG", log);
        shell
    });
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    let mask =
        |text: &str| u64::from_str_radix(text.split_whitespace().last().unwrap(), 16).unwrap();
    let both = (1 << (Signal::SIGUSR1 as u64 - 1)) | (1 << (Signal::SIGINT as u64 - 1));
    assert_eq!(mask(&world.output()) & both, both, "{}", world.output());
    assert_eq!(mask(&world.log()) & both, 0, "{}", world.log());
}

#[test]
fn a_command_beside_services_ends_them_with_its_own_code() {
    if ours_alone(REASON) {
        return;
    }
    let service = Service::new("s", "touch ../../runs; exec sleep 1000")
        .script("finish", "echo finished >>../../log");
    let wait = "while ! [ -e runs ]; do sleep 0.05; done; exit 9";
    let container = Container::with(&[service]);
    let script = format!("cd {}; {wait}", container.path("").display());
    let mut world = container.start(&["--", "sh", "-c", &script]);
    assert_eq!(world.ended_code(), 9);
    assert_eq!(world.log(), "finished\n");
}

#[test]
fn wrong_use_is_100() {
    if ours_alone(REASON) {
        return;
    }
    for words in [
        &["--no-such-option"][..],
        &["--scan"],
        &["--scan", "/nonexistent/directory"],
    ] {
        let answer = crate::world::run(env!("CARGO_BIN_EXE_init").as_ref(), words);
        assert!(
            [100, 111].contains(&answer.code) && !answer.err.is_empty(),
            "{words:?}: {answer:?}"
        );
    }
}

#[test]
fn services_that_are_not_there_are_no_empty_set() {
    if ours_alone(REASON) {
        return;
    }
    let dir = harness::scratch();
    let file = dir.path().join("file");
    write_file(&file, "", 0o644);
    let init = |services: &str| {
        let words = ["--services", services, "sh", "-c", "echo ran"];
        crate::world::run(env!("CARGO_BIN_EXE_init").as_ref(), &words)
    };
    for (services, why) in [
        ("/nonexistent/services.d", "no such directory"),
        (file.to_str().unwrap(), "not a directory"),
    ] {
        let answer = init(services);
        assert_eq!((answer.code, answer.out.as_str()), (100, ""), "{answer:?}");
        let want = format!("init: --services {services}: {why}\n");
        assert_eq!(answer.err, want);
    }
    let empty = init(dir.path().to_str().unwrap());
    assert_eq!((empty.code, empty.out.as_str()), (0, "ran\n"), "{empty:?}");
}
