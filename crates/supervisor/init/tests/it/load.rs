//! With many services, fast deaths and nobody who reads the output nothing is lost, nothing stays a zombie, and letters
//! are still obeyed.

use std::io::Read;
use std::process::{Command, Stdio};

use harness::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::{Container, Kind, SOON, Service, World, children, ours_alone};

const UP: &str = "up (pid N) N seconds";

#[test]
fn an_idle_supervisor_makes_no_system_call() {
    if ours_alone("strace would have to be told of each s6-supervise") {
        return;
    }
    let services = [
        Service::sleeper("a").script("log/run", "exec cat"),
        Service::ready_sleeper("b").needs("a"),
        Service::sleeper("c").file("output-prefix", ""),
    ];
    let world = World::of(&services);
    world.wait_stat("b", "up (pid N) N seconds, ready N seconds");
    let trace = world.dir.path().join("trace");
    let status = Command::new("timeout")
        .args(["-s", "INT", "10"])
        .arg(harness::require("strace"))
        .args(["-qq", "-p", &world.pid().to_string(), "-o"])
        .arg(&trace)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.code().is_some());
    // strace shows the call in which the program sleeps when it begins and when it ends.
    let text = std::fs::read_to_string(&trace).unwrap();
    let calls: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("<detached"))
        .collect();
    assert!(
        calls.len() <= 1 && calls.iter().all(|line| line.contains("poll")),
        "{text}"
    );
}

#[test]
fn the_stop_of_an_idle_set_takes_no_grace_time() {
    if ours_alone("s6-svscan has no grace time") {
        return;
    }
    let longer_than_a_test = "600000";
    let mut world = Container::with(&[Service::sleeper("a"), Service::sleeper("b")])
        .env("S6_SERVICES_GRACETIME", longer_than_a_test)
        .env("S6_KILL_GRACETIME", longer_than_a_test)
        .start(&[]);
    for service in ["a", "b"] {
        world.wait_supervised(service);
        world.wait_stat(service, UP);
    }
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn a_thousand_orphans_at_once_leave_no_zombie() {
    if ours_alone("s6-svscan is no subreaper") {
        return;
    }
    let run = "i=0; while [ $i -lt 1000 ]; do (sleep 0.5 &); i=$((i+1)); done; echo done >>../../log; exec sleep 1000";
    let world = World::of(&[Service::new("s", run), Service::sleeper("other")]);
    world.wait_lines(1);
    world.restart("-r", "other");
    wait_for("the orphans to be gone", SOON, || {
        (children(world.pid()).len() == 2).then_some(())
    });
    world.wait_stat("s", UP);
}

#[test]
fn two_hundred_services_start_and_stop() {
    let services: Vec<Service> = (0..200)
        .map(|number| Service::sleeper(&format!("s{number}")))
        .collect();
    let mut world = World::of(&services);
    for number in [0, 99, 199] {
        world.wait_stat(&format!("s{number}"), UP);
    }
    if Kind::from_environment() == Kind::Ours {
        wait_for("all of them", SOON, || {
            (children(world.pid()).len() == 200).then_some(())
        });
    }
    world.control("-t");
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn deaths_and_signals_at_every_moment_lose_nothing() {
    if ours_alone("s6 has its throttle") {
        return;
    }
    let world = World::of(&[Service::new("s", "exit 0").file("restart-delay", "0\n")]);
    for letters in ["-t", "-k", "-u", "-kr", "-h1", "-du", "-ok", "-uu"]
        .iter()
        .cycle()
        .take(80)
    {
        world.svc(&[letters], "s");
    }
    world.svc(&["-u"], "s");
    let before = world.tool("s6-svdt", &[], "s").out;
    wait_for("it to go on", SOON, || {
        (world.tool("s6-svdt", &[], "s").out != before).then_some(())
    });
    world.svc(&["-wD", "-d"], "s");
    wait_for("it to be down", SOON, || {
        (world.field("up,wantedup,pid", "s") == "false false -1").then_some(())
    });
    assert_eq!(children(world.pid()), []);
}

#[test]
fn a_flood_of_output_is_in_nobodys_way() {
    if ours_alone("s6 does not touch output") {
        return;
    }
    let flood = Service::new("flood", "exec yes").file("output-prefix", "");
    let (world, mut reader) = with_pipe(&[flood, Service::sleeper("other")]);
    let mut block = vec![0; 1 << 20];
    for _part in 0..4 {
        reader.read_exact(&mut block).unwrap();
    }
    let text = String::from_utf8_lossy(&block);
    assert!(
        text.lines()
            .skip(1)
            .take(1000)
            .all(|line| line == "[flood] y"),
        "{}",
        &text[..100]
    );
    world.restart("-r", "other");
    drop(reader);
}

#[test]
fn a_full_output_pipe_does_not_stop_the_supervisor() {
    if ours_alone("s6 does not touch output") {
        return;
    }
    let flood = Service::new("flood", "exec yes").file("output-prefix", "");
    let (mut world, reader) = with_pipe(&[flood, Service::sleeper("other")]);
    world.restart("-r", "other");
    world.svc(&["-wD", "-T", "30000", "-d"], "flood");
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
    drop(reader);
}

/// A supervisor whose standard output is a pipe. The shell that starts it gets the pipe as its standard input.
fn with_pipe(services: &[Service]) -> (World, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let container = Container::with(services);
    let init = container.command(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec >&0 2>&0 </dev/null; exec \"$@\"", "sh"])
        .arg(init.get_program())
        .args(init.get_args());
    let world = World::start_with(container.dir, command, writer.into());
    for service in ["flood", "other"] {
        world.wait_supervised(service);
        world.wait_stat(service, UP);
    }
    (world, reader)
}

#[test]
fn a_storm_of_children_that_ends_is_survived() {
    if ours_alone("s6-svscan is no subreaper") {
        return;
    }
    let bomb = "f() { [ $1 -gt 0 ] && { f $(($1-1)) & f $(($1-1)) & }; sleep 0.2; }; f 6; echo done >>../../log; exec sleep 1000";
    let world = World::of(&[Service::new("s", bomb)]);
    world.wait_lines(1);
    wait_for("the storm to be over", SOON, || {
        (children(world.pid()).len() == 1).then_some(())
    });
}

#[test]
fn a_second_signal_to_stop_changes_nothing() {
    if ours_alone("a second SIGTERM in its last moment is the death of s6-svscan") {
        return;
    }
    let mut world =
        World::of(
            &[Service::sleeper("s").script("finish", "sleep 0.3; echo finished >>../../log")],
        );
    world.wait_stat("s", UP);
    for _signal in 0..3 {
        let _ = kill(Pid::from_raw(world.pid()), Signal::SIGTERM);
    }
    assert_eq!(world.ended_code(), 0);
    world.wait_lines(1);
}
