//! `svscanctl` beside the real `s6-svscanctl`: exit codes, the bytes that reach the supervisor, and what a real
//! `s6-svscan` does with them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use harness::wait_for;

use crate::releases::{self, Difference};
use crate::world::{Answer, SOON, World, service};

fn ours(world: &World, words: &str) -> Answer {
    world.run(Path::new(env!("CARGO_BIN_EXE_svscanctl")), words)
}

fn theirs(world: &World, words: &str) -> Answer {
    world.run(&harness::require("s6-svscanctl"), words)
}

/// Newer releases have codes of their own for what is 100 in the older ones.
fn same_code(world: &World, words: &str) -> Answer {
    let (ours, theirs) = (ours(world, words), theirs(world, words));
    let want = match theirs.code {
        102 | 1 if releases::has(Difference::NobodyListens) => 100,
        code => code,
    };
    assert_eq!(ours.code, want, "{words}: {ours:?} {theirs:?}");
    ours
}

#[test]
fn it_ends_with_the_codes_of_s6_svscanctl() {
    let world = World::new();
    for directory in ["nobody", "broken/.s6-svscan", "left/.s6-svscan", "odd"] {
        fs::create_dir_all(world.path(directory)).unwrap();
    }
    drop(fifo(&world.path("left/.s6-svscan/control")));
    File::create(world.path("file")).unwrap();
    File::create(world.path("odd/.s6-svscan")).unwrap();
    let too_many = format!("-{} .", "z".repeat(65));
    let wrong = [
        "",
        "-z",
        "-f .",
        "-p .",
        "-a nobody",
        "-a left",
        "nobody",
        "-a broken",
        "-a odd",
        &too_many,
        "-a nonexistent",
        "-a file",
        "-a up",
    ];
    for words in wrong {
        assert_ne!(same_code(&world, words).code, 0, "{words}");
    }
    let most = format!("-{} .", "z".repeat(64));
    for words in [".", "-z .", "-- .", "-az -a .", ". -z", &most] {
        assert_eq!(same_code(&world, words).code, 0, "{words}");
    }
}

/// A FIFO that is read as a supervisor does it.
fn fifo(path: &Path) -> File {
    servicedir::open_control(path).unwrap()
}

#[test]
fn a_supervisor_reads_the_same_bytes_from_both() {
    let world = World::new();
    fs::create_dir_all(world.path("fake/.s6-svscan")).unwrap();
    let mut control = fifo(&world.path("fake/.s6-svscan/control"));
    for words in ["-a fake", "-zabhitqnN fake", "-an -t -a fake", "fake"] {
        let mut heard = Vec::new();
        for tool in [ours, theirs] {
            let answer = tool(&world, words);
            assert_eq!(answer.code, 0, "{words}: {answer:?}");
            let mut bytes = [0; 100];
            let length = control.read(&mut bytes).unwrap_or(0);
            heard.push(bytes[..length].to_vec());
        }
        assert_eq!(heard[0], heard[1], "{words}");
        let letters = words.strip_suffix("fake").unwrap().replace(['-', ' '], "");
        assert_eq!(heard[0], letters.as_bytes());
    }
}

#[test]
fn a_new_service_is_found_and_one_that_is_gone_is_let_go() {
    let world = World::new();
    service(&world.path("new"), "exec sleep 1000", &[]);
    assert_eq!(ours(&world, "-a .").code, 0);
    world.wait_line("new", "up (");
    fs::rename(world.path("new"), world.path(".gone")).unwrap();
    assert_eq!(ours(&world, "-an .").code, 0);
    wait_for("nobody to supervise it", SOON, || {
        (world.svstat(".gone").code == 1).then_some(())
    });
}

#[test]
fn who_supervises_nothing_is_told_what_would() {
    let world = World::new();
    fs::create_dir(world.path("nobody")).unwrap();
    let answer = ours(&world, "-a nobody");
    assert_eq!(
        answer.err,
        "svscanctl: unable to control nobody: supervisor not listening (init --scan nobody would supervise it)\n"
    );
    let answer = ours(&world, "-a up");
    let want = "supervisor not listening (it is one service: svc controls it, ";
    assert!(answer.err.contains(want), "{answer:?}");
    let answer = ours(&world, "-a nonexistent");
    assert_eq!(
        answer.err,
        "svscanctl: unable to control nonexistent: No such file or directory\n"
    );
}

#[test]
fn what_is_no_fifo_is_told() {
    let world = World::new();
    fs::create_dir_all(world.path("fake/.s6-svscan/control")).unwrap();
    let answer = same_code(&world, "-a fake");
    let want =
        "something is wrong with the fake/.s6-svscan directory: it is a directory, not a FIFO";
    assert!(answer.err.contains(want), "{answer:?}");
}
