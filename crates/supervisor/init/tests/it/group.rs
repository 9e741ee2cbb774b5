//! Services with `kill-mode` group: whoever `run` has left in its process group has its time too.

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::world::{SOON, Service, World, ours_alone, wait_gone};

const REASON: &str = "s6 signals run alone";

/// A `run` that ends at once, and beside it a database that needs a moment to save.
fn with_database(after_start: &str) -> Service {
    let database = r"trap 'sleep .3; echo saved >>../../log; exit' TERM
        echo up >>../../log
        while :; do sleep .05; done";
    let run = format!("sh ./database & {after_start}");
    Service::new("s", &run)
        .file("database", database)
        .file("kill-mode", "group\n")
}

/// How often the database was started, and how often it has saved since.
fn counts(world: &World) -> (usize, usize) {
    let log = world.log();
    (log.matches("up").count(), log.matches("saved").count())
}

#[test]
fn the_rest_of_a_group_has_its_time_at_the_stop_when_its_leader_has_gone_first() {
    if ours_alone(REASON) {
        return;
    }
    let mut world = World::of(&[with_database("wait")]);
    world.wait_lines(1);
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
    assert_eq!(counts(&world), (1, 1), "{}", world.output());
}

#[test]
fn a_service_is_not_down_before_the_rest_of_its_group_has_ended() {
    if ours_alone(REASON) {
        return;
    }
    let world = World::of(&[with_database("wait")]);
    world.wait_lines(1);
    world.svc(&["-wD", "-d"], "s");
    assert_eq!(counts(&world), (1, 1), "{}", world.output());
    world.svc(&["-wu", "-u"], "s");
}

#[test]
fn a_service_whose_leader_dies_is_started_again_when_the_rest_of_its_group_has_ended() {
    if ours_alone(REASON) {
        return;
    }
    let dies_once = "[ -e died ] || { sleep .3; : >died; exit 1; }; wait";
    let world = World::of(&[with_database(dies_once).file("timeout-kill", "20000\n")]);
    wait_for("the database to be started again", SOON, || {
        (counts(&world).0 == 2).then_some(())
    });
    let log = world.log();
    let order: Vec<&str> = log.lines().map(|line| &line[..2]).collect();
    assert_eq!(order, ["up", "sa", "up"], "{}", world.output());
}

#[test]
fn the_rest_of_a_group_that_does_not_heed_the_signal_is_killed() {
    if ours_alone(REASON) {
        return;
    }
    let run = "sh -c 'trap \"\" TERM; echo $$ >>../../log; exec sleep 1000' & wait";
    let world = World::of(&[Service::new("s", run)
        .file("kill-mode", "group\n")
        .file("timeout-kill", "300\n")]);
    let pid = world.wait_lines(1)[0].parse().unwrap();
    world.svc(&["-wD", "-d"], "s");
    wait_gone(pid);
    assert!(world.output().contains("s: does not end: killed"));
}
