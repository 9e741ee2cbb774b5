//! The files of a service directory that change how it runs.

use std::time::{Duration, Instant};

use crate::releases::Difference;
use crate::world::{Service, World, does_what_it_does_since, not_started};

#[test]
fn the_down_signal_is_the_one_that_the_file_names() {
    for (content, name) in [("USR1\n", "USR1"), ("SIGINT\n", "INT"), ("12\n", "USR2")] {
        let run = format!(
            "trap 'echo got {name} >>../../log; exit 0' {name}; echo up >>../../log; {WAIT}"
        );
        let world = World::of(&[Service::new("s", &run).file("down-signal", content)]);
        world.wait_log("up\n");
        world.svc(&["-wD", "-d"], "s");
        world.wait_log(&format!("up\ngot {name}\n"));
    }
}

/// A trap interrupts this at once, since the shell waits and a child sleeps, which ends with the shell.
const WAIT: &str = "sleep 1000 & trap \"kill $!\" EXIT; wait";

#[test]
fn a_service_that_ignores_its_signal_is_killed_when_its_time_is_over() {
    let run = "trap '' TERM; echo up >>../../log; exec sleep 1000";
    let world = World::of(&[Service::new("s", run).file("timeout-kill", "200\n")]);
    world.wait_log("up\n");
    world.svc(&["-wD", "-d"], "s");
    world.wait_stat(
        "s",
        "down (signal SIGKILL) N seconds, normally up, ready N seconds",
    );
}

#[test]
fn finish_is_killed_when_its_time_is_over() {
    let world = World::of(&[Service::new("s", "exit 0")
        .script("finish", "exec sleep 1000")
        .file("timeout-finish", "200\n")
        .file("down", "")]);
    world.run_once("s");
    world.wait_stat("s", "down (exitcode 0) N seconds, ready N seconds");
}

#[test]
fn finish_gets_code_signal_name_and_process_group() {
    let finish = "echo $# $1 $2 $3 $4 $(cat pid) >>../../log";
    let exits = Service::new("exits", "echo $$ >pid; exit 7")
        .script("finish", finish)
        .file("down", "");
    let dies = Service::new("dies", "echo $$ >pid; kill -9 $$")
        .script("finish", finish)
        .file("down", "");
    let world = World::of(&[exits, dies]);
    world.run_once("exits");
    world.run_once("dies");
    let has_group = does_what_it_does_since(Difference::GroupForFinish);
    for (line, how) in world.wait_lines(2).iter().zip(["7 0 exits", "256 9 dies"]) {
        let (told, pid) = line.rsplit_once(' ').unwrap();
        let want = if has_group {
            format!("4 {how} {pid}")
        } else {
            format!("3 {how}")
        };
        assert_eq!(told, want);
    }
}

#[test]
fn finish_that_exits_125_is_a_permanent_failure() {
    let world =
        World::of(
            &[Service::new("s", "echo run >>../../log; exit 1").script("finish", "exit 125")],
        );
    world.wait_stat(
        "s",
        "down (exitcode 1) N seconds, normally up, ready N seconds",
    );
    assert_eq!(world.field("wantedup", "s"), "false");
    assert_eq!(world.log(), "run\n");
}

#[test]
fn other_codes_of_finish_mean_nothing() {
    let world =
        World::of(
            &[Service::new("s", "echo run >>../../log; exit 1").script("finish", "exit 100")],
        );
    assert_eq!(world.wait_lines(2), ["run", "run"]);
}

#[test]
fn the_service_starts_again_a_second_after_its_death() {
    let world = World::of(&[Service::new("s", "date +%s%N >>../../log; exit 1")]);
    let lines = world.wait_lines(3);
    let times: Vec<u64> = lines.iter().map(|line| line.parse().unwrap()).collect();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= 1_000_000_000, "{times:?}");
    }
}

#[test]
fn one_that_was_ready_for_a_second_starts_again_at_once() {
    let world = World::of(&[Service::ready_sleeper("s")]);
    world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
    harness::wait_for("a second of readiness", crate::world::SOON, || {
        (world.field("readyfor", "s").parse::<u64>().ok()? >= 2).then_some(())
    });
    let old = world.service_pid("s");
    let started = Instant::now();
    // -wR would not do here: sometimes s6-svc misses one of two events that come close together.
    world.svc(&["-r"], "s");
    harness::wait_for("it to be ready again", crate::world::SOON, || {
        let is_new = ![-1, old].contains(&world.service_pid("s"));
        (is_new && world.field("ready", "s") == "true").then_some(())
    });
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn no_notification_is_no_readiness() {
    let world =
        World::of(
            &[Service::new("s", "exec 3>&-; exec sleep 1000").file("notification-fd", "3\n")],
        );
    world.wait_stat("s", "up (pid N) N seconds");
    assert_eq!(world.field("ready", "s"), "false");
}

#[test]
fn the_lock_is_handed_on_under_the_number_that_the_file_names() {
    let run = "readlink /proc/$$/fd/9 >>../../log; exec sleep 1000";
    // Debian's s6-supervise needs the file, and does not make it.
    let service = Service::new("s", run)
        .file("lock-fd", "9\n")
        .file("supervise/service-lock", "");
    let world = World::of(&[service]);
    assert!(
        world.wait_lines(1)[0].ends_with("/s/supervise/service-lock"),
        "{}",
        world.log()
    );
}

#[test]
fn a_run_that_cannot_be_executed_is_told_and_the_rest_goes_on() {
    let broken = Service::new("a", "").raw("run", "#!/bin/sh\n", 0o644);
    let world = World::of(&[broken, Service::sleeper("b")]);
    world.wait_stat("b", "up (pid N) N seconds");
    world.wait_output("./run");
    world.wait_stat("a", &not_started(", normally up, want up"));
}

#[test]
fn a_service_runs_in_its_directory_and_in_its_own_session() {
    let world = World::of(&[Service::new(
        "s",
        "pwd >../../log; cut -d' ' -f6 /proc/$$/stat >>../../log; exec sleep 1000",
    )]);
    let lines = world.wait_lines(2);
    assert_eq!(lines[0], world.path("s").to_str().unwrap());
    world.wait_stat("s", "up (pid N) N seconds");
    assert_eq!(lines[1], world.service_pid("s").to_string());
}
