//! Waiting for services, with `s6-svwait`, `s6-svlisten` and `s6-svc -w`. A tool that misses an event hangs.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use harness::wait_for;

use crate::world::{SOON, Service, World};

/// The exit code of s6's tools when they have waited for too long.
const TIMED_OUT: i32 = 99;

#[test]
fn waiters_return_at_once_when_it_is_so_already() {
    let world = World::of(&[
        Service::ready_sleeper("s"),
        Service::sleeper("t").file("down", ""),
    ]);
    world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
    for (option, service) in [("-u", "s"), ("-U", "s"), ("-d", "t"), ("-D", "t")] {
        assert_eq!(
            world
                .tool("s6-svwait", &["-t", "30000", option], service)
                .code,
            0,
            "{option} {service}"
        );
    }
}

#[test]
fn waiters_give_up_when_their_time_is_over() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", "up (pid N) N seconds");
    assert_eq!(
        world.tool("s6-svwait", &["-t", "2000", "-d"], "s").code,
        TIMED_OUT
    );
    assert_eq!(
        world.tool("s6-svc", &["-T", "2000", "-wD"], "s").code,
        TIMED_OUT
    );
}

#[test]
fn every_kind_of_waiting_ends() {
    let world = World::of(&[Service::ready_sleeper("s")]);
    for (wait, letter) in [("-wd", "-d"), ("-wu", "-u"), ("-wD", "-d"), ("-wU", "-u")] {
        let answer = world.tool("s6-svc", &["-T", "30000", wait, letter], "s");
        assert_eq!(answer.code, 0, "{wait} {letter}: {answer:?}");
    }
}

#[test]
fn waiting_for_a_restart_ends_when_there_was_one() {
    let world = World::of(&[Service::ready_sleeper("s")]);
    world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
    for wait in ["-r", "-R"] {
        // The program that the waiter runs ends at once. The letters are sent as soon as the waiter listens.
        let mut waiter = Command::new(harness::require("s6-svlisten1"))
            .args([wait, "-t", "60000"])
            .arg(world.path("s"))
            .arg("true")
            .spawn()
            .unwrap();
        wait_listening(&world.path("s/event"), 1);
        // Of several events that it reads at once it sees only the last, so the service stays down for a while.
        let status = wait_for("the waiter to end", SOON, || {
            world.svc(&["-wD", "-d"], "s");
            wait_for_a_moment();
            world.svc(&["-wU", "-u"], "s");
            waiter.try_wait().unwrap()
        });
        assert_eq!(status.code(), Some(0), "{wait}");
    }
}

/// Gives a listener the time to read an event. If it was too short, the next round has another.
fn wait_for_a_moment() {
    harness::wait::pass(std::time::Duration::from_millis(100));
}

#[test]
fn a_permanent_failure_is_told_to_those_who_wait_for_up() {
    let world = World::of(&[Service::new("s", "exit 1")
        .script("finish", "exit 125")
        .file("down", "")]);
    let mut waiter = wait_in_background(&world, "-U", "s");
    world.svc(&["-u"], "s");
    let status = wait_for("the waiter to end", SOON, || waiter.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    world.wait_stat("s", "down (exitcode 1) N seconds, ready N seconds");
}

#[test]
fn waiters_for_several_services_see_each() {
    let world = World::of(&[
        Service::ready_sleeper("a"),
        Service::ready_sleeper("b"),
        Service::ready_sleeper("c"),
    ]);
    let paths = ["a", "b", "c"].map(|name| world.path(name).to_str().unwrap().to_string());
    let args: Vec<&str> = ["-U", "-t", "30000"]
        .into_iter()
        .chain(paths.iter().map(String::as_str))
        .collect();
    assert_eq!(
        crate::world::run(&harness::require("s6-svwait"), &args).code,
        0
    );
}

#[test]
fn a_dead_listener_is_in_nobodys_way() {
    let world = World::of(&[Service::sleeper("s")]);
    // Before the start a waiter for down would end at once.
    world.svc(&["-wu", "-u"], "s");
    let mut waiter = wait_in_background(&world, "-d", "s");
    wait_listening(&world.path("s/event"), 1);
    kill_listener(&mut waiter);
    world.restart("-r", "s");
    wait_listening(&world.path("s/event"), 0);
}

#[test]
fn a_listener_of_an_earlier_life_is_cleaned_away() {
    let name = "event/ftrig1:@400000005f000000deadbeef:AAAAAA";
    let service = Service::sleeper("s").file("down", "");
    let world = World::of(&[service]);
    nix::unistd::mkfifo(&world.path("s").join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
    world.svc(&["-wu", "-u"], "s");
    wait_listening(&world.path("s/event"), 0);
}

#[test]
fn a_reader_that_never_reads_does_not_stop_the_service() {
    let world = World::of(&[Service::new("s", "exit 0").file("down", "")]);
    let fifo = world.path("s/event/ftrig1:@400000005f000000deadbeef:BBBBBB");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .unwrap();
    for _run in 0..3 {
        world.run_once("s");
    }
    drop(reader);
}

fn wait_in_background(world: &World, option: &str, service: &str) -> Child {
    let child = Command::new(harness::require("s6-svwait"))
        .args(["-t", "30000", option])
        .arg(world.path(service))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_listening(&world.path(service).join("event"), 1);
    child
}

/// Kills a waiter and its helper, which has the FIFO open.
fn kill_listener(waiter: &mut Child) {
    for helper in crate::world::children(i32::try_from(waiter.id()).unwrap()) {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(helper),
            nix::sys::signal::SIGKILL,
        )
        .unwrap();
    }
    waiter.kill().unwrap();
    waiter.wait().unwrap();
}

fn wait_listening(event: &Path, count: usize) {
    wait_for(&format!("{count} listeners"), SOON, || {
        let listed = std::fs::read_dir(event).ok()?;
        let names = listed
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("ftrig1:@"));
        (names.count() == count).then_some(())
    });
}
