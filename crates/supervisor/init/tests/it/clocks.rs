//! The wall clock jumps when a machine wakes up or hears the right time, so nothing waits by it.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::world::{Clock, Container, Kind, SOON, Service, World, is_alive, kill_hard, ours_alone};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;
/// A time in ms that is longer than a test.
const LONG: &str = "600000\n";
const UP: &str = "up (pid N) N seconds";

/// A service that dies at once, again and again.
fn again() -> Service {
    Service::new("again", "echo run >>../../log; exit 1")
}

/// A service that ignores its signal, and one whose `finish` does not end. Both write their numbers down.
fn stubborn(timeout: &str) -> [Service; 2] {
    [
        Service::new(
            "stubborn",
            "trap '' TERM; echo $$ >>../../pids; exec sleep 1000",
        )
        .file("timeout-kill", timeout),
        Service::sleeper("slow")
            .script("finish", "echo $$ >>../../pids; exec sleep 1000")
            .file("timeout-finish", timeout),
    ]
}

fn start(clock: &Clock, timeout: &str) -> World {
    let dir = harness::scratch();
    let scandir = dir.path().join("scan");
    std::fs::create_dir(&scandir).unwrap();
    again().install(&scandir);
    for service in stubborn(timeout) {
        service.install(&scandir);
    }
    let mut command = Kind::from_environment().command(&scandir);
    command.envs(clock.environment());
    wait_up(World::start(dir, command))
}

fn wait_up(world: World) -> World {
    for service in ["stubborn", "slow"] {
        world.wait_supervised(service);
        world.wait_stat(service, UP);
    }
    pids(&world, 1);
    world
}

/// The numbers that the stubborn processes have written. They do not end by themselves from then on.
fn pids(world: &World, count: usize) -> Vec<i32> {
    harness::wait_for(&format!("{count} processes"), SOON, || {
        let text = std::fs::read_to_string(world.dir.path().join("pids")).ok()?;
        let pids: Vec<i32> = text.lines().filter_map(|pid| pid.parse().ok()).collect();
        (pids.len() >= count && text.ends_with('\n')).then_some(pids)
    })
}

/// How long a service is up or down by an `s6-svstat` that has the same clock.
fn seconds(clock: &Clock, world: &World, service: &str) -> i64 {
    let output = Command::new(harness::require("s6-svstat"))
        .args(["-o", "updownfor"])
        .arg(world.path(service))
        .envs(clock.environment())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn a_clock_that_is_set_back_delays_nothing() {
    let clock = Clock::new();
    let world = start(&clock, "1000\n");
    clock.set(-HOUR);
    assert_eq!(seconds(&clock, &world, "slow"), 0);
    let runs = world.log().lines().count();
    world.wait_lines(runs + 2);
    for service in ["stubborn", "slow"] {
        world.svc(&["-d"], service);
    }
    clock.set(-2 * HOUR);
    for (service, signal) in [("stubborn", "SIGKILL"), ("slow", "SIGTERM")] {
        let down = format!("down (signal {signal}) N seconds, normally up, ready N seconds");
        world.wait_stat(service, &down);
    }
    world.svc(&["-u"], "slow");
    world.wait_stat("slow", UP);
    assert!(seconds(&clock, &world, "slow") < HOUR / 2);
}

#[test]
fn a_clock_that_is_set_forward_hurries_nothing() {
    let clock = Clock::new();
    let started = Instant::now();
    let world = start(&clock, LONG);
    for service in ["stubborn", "slow"] {
        world.svc(&["-d"], service);
    }
    let pids = pids(&world, 2);
    for run in 1..=4 {
        world.wait_lines(run);
        clock.set(i64::try_from(run).unwrap() * YEAR);
    }
    world.wait_lines(5);
    assert!(
        started.elapsed() >= Duration::from_millis(3900),
        "five runs, a second between them"
    );
    assert!(seconds(&clock, &world, "stubborn") >= 4 * YEAR);
    // A service may have written its line before its start is in the record.
    harness::wait_for("the last start to be known", SOON, || {
        (seconds(&clock, &world, "again") < YEAR).then_some(())
    });
    assert!(pids.iter().all(|pid| is_alive(*pid)), "one was killed");
    pids.into_iter().for_each(kill_hard);
}

#[test]
fn the_grace_time_of_the_stop_is_none_of_the_wall_clocks() {
    if ours_alone("s6-svscan has no grace time") {
        return;
    }
    let clock = Clock::new();
    let stubborn = Service::new(
        "stubborn",
        "trap '' TERM; echo up >>../../log; exec sleep 1000",
    );
    let notes = "trap 'echo asked >>../../log; exit' TERM; echo up >>../../log; while :; do sleep 0.02; done";
    let services = [stubborn, Service::new("quick", notes)];
    let mut container = Container::with(&services).env("S6_SERVICES_GRACETIME", "1000");
    for (name, value) in clock.environment() {
        container = container.env(name, &value);
    }
    let mut world = container.start(&[]);
    world.wait_lines(2);
    let started = Instant::now();
    world.signal(Signal::SIGTERM);
    world.wait_lines(3);
    clock.set(YEAR);
    world.wait_output("does not end: killed");
    assert!(started.elapsed() >= Duration::from_millis(900));
    clock.set(-HOUR);
    assert_eq!(world.ended_code(), 0);
}
