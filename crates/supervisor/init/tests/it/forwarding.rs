//! Which signals reach the command: every one that somebody sends, and none that nobody has sent.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::libc;
use nix::sys::signal::Signal;

use crate::world::{Container, SOON, Service, World, is_alive, ours_alone};

const REASON: &str = "s6-svscan runs no command";

/// These cannot be forwarded: nobody hears of the first two, and the third comes whenever a child ends.
const NEVER: [i32; 3] = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD];

/// A program that prints the number of each signal that it gets; SIGTERM has to come twice.
fn listener(directory: &Path) -> PathBuf {
    let program = directory.join("listener");
    let compiled = Command::new(harness::require("cc"))
        .args(["-O1", "-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/world/signals.c"
        ))
        .status()
        .unwrap();
    assert!(compiled.success());
    program
}

/// Also a signal that has no name.
fn send(number: i32, world: &World) {
    let script = format!("kill -{number} {}", world.pid());
    let sent = Command::new("bash").args(["-c", &script]).status().unwrap();
    assert!(sent.success(), "{script}");
}

/// Each signal of `numbers` arrives once, before the next one is sent, and nothing else does.
fn all_arrive(numbers: impl IntoIterator<Item = i32>, world: &World) {
    let mut want = "up\n".to_owned();
    for number in numbers {
        world.wait_output(&want);
        send(number, world);
        writeln!(want, "{number}").unwrap();
        harness::wait_for(&format!("signal {number}"), SOON, || {
            assert!(is_alive(world.pid()), "signal {number} ended init");
            (world.output() == want).then_some(())
        });
    }
}

fn real_time() -> [i32; 3] {
    [libc::SIGRTMIN(), libc::SIGRTMIN() + 1, libc::SIGRTMAX()]
}

#[test]
fn a_plain_init_forwards_every_signal() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[]);
    let listener = listener(&container.path(""));
    let mut world = container.start(&["--", listener.to_str().unwrap(), "2"]);
    let numbers = (1..=31).filter(|number| !NEVER.contains(number));
    all_arrive(numbers.chain(real_time()), &world);
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn beside_services_the_command_gets_all_that_do_not_stop_everything() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[Service::sleeper("s")]);
    let listener = listener(&container.path(""));
    let mut world = container.start(&["--", listener.to_str().unwrap(), "1"]);
    let stops = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
    let numbers = (1..=31).filter(|number| !NEVER.contains(number) && !stops.contains(number));
    all_arrive(numbers.chain(real_time()), &world);
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn an_output_that_nobody_reads_is_no_signal_for_the_command() {
    if ours_alone(REASON) {
        return;
    }
    let chatter = "while :; do echo hello; echo said >>../../log; sleep 0.01; done";
    let container = Container::with(&[Service::new("s", chatter)]);
    let listener = listener(&container.path(""));
    let listens = "exec \"$0\" 1 >\"$GOT\"";
    let init = container.command(&["--", "sh", "-c", listens, listener.to_str().unwrap()]);
    let got = container.path("got");
    let mut shell = Command::new("sh");
    // The reader goes as soon as it has opened the pipe.
    shell
        .args([
            "-c",
            "mkfifo \"$GOT.pipe\"; : <\"$GOT.pipe\" & exec \"$@\" >\"$GOT.pipe\"",
            "sh",
        ])
        .arg(init.get_program())
        .args(init.get_args())
        .env("GOT", &got)
        .env("INIT_PREFIX", "1");
    let mut world = World::start(container.dir, shell);
    world.wait_lines(20);
    send(libc::SIGUSR1, &world);
    let got = || std::fs::read_to_string(&got).unwrap_or_default();
    harness::wait_for("the signal", SOON, || got().contains("10").then_some(()));
    assert_eq!(got(), "up\n10\n");
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
}
