//! The first process says that it has a bug, survives it, and loses no service by it. The bug is a clock that fails:
//! the standard library panics wherever it is asked for the time.

use std::process::Command;

use harness::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::{Clock, SOON, Service, World, children, kill_hard, ours_alone, write_file};

const REASON: &str = "its bugs are its own";

/// For one death and one start the clock is asked at least this often.
const QUESTIONS: u32 = 12;

fn start(clock: &Clock, services: &[Service]) -> World {
    let dir = harness::scratch();
    let scandir = dir.path().join("scan");
    std::fs::create_dir(&scandir).unwrap();
    for service in services {
        service.install(&scandir);
    }
    // It is the first process of a namespace, as in a container.
    let mut init = Command::new(harness::require("unshare"));
    init.args(["--pid", "--fork", "--kill-child", "--"])
        .arg(env!("CARGO_BIN_EXE_init"))
        .arg("--scan")
        .arg(&scandir)
        .envs(clock.environment());
    World::start(dir, init)
}

/// The number that the supervisor has outside of its namespace.
fn init(world: &World) -> i32 {
    wait_for("the first process", SOON, || {
        children(world.pid()).first().copied()
    })
}

/// The two services' processes that sleep, when there are no others. A `finish` would be another one, and it runs before
/// the record says that its service is down.
fn both(init: i32) -> Option<Vec<i32>> {
    let all = children(init);
    let sleeps = |pid: &i32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name == "sleep\n")
    };
    (all.len() == 2 && all.iter().all(sleeps)).then_some(all)
}

fn wait_both(init: i32) -> Vec<i32> {
    wait_for("both to be up", SOON, || both(init))
}

fn wait_told(world: &World, count: u32) {
    wait_for(&format!("{count} bugs to be told"), SOON, || {
        // The bug shows only when something happens, whatever that is.
        world.control("-z");
        (world.output().matches("a bug: ").count() == count as usize).then_some(())
    });
}

/// A service that starts again at once.
fn restless(name: &str) -> Service {
    Service::new(name, "exec sleep 1000")
        .script("finish", "echo finished >>../../log")
        .file("restart-delay", "10\n")
}

#[test]
fn wherever_it_strikes_each_service_is_up_again_and_once() {
    if ours_alone(REASON) {
        return;
    }
    let clock = Clock::new();
    let mut world = start(&clock, &[restless("a"), restless("b")]);
    let init = init(&world);
    for question in 1..=QUESTIONS {
        let old = wait_both(init);
        clock.fail_at(question);
        kill_hard(old[0]);
        wait_told(&world, question);
        wait_for("both to be up again", SOON, || {
            let all = both(init)?;
            (!all.contains(&old[0]) && all.contains(&old[1])).then_some(())
        });
        for service in ["a", "b"] {
            world.wait_stat(service, "up (pid N) N seconds");
        }
    }
    kill(Pid::from_raw(init), Signal::SIGTERM).unwrap();
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn a_stop_that_it_interrupts_goes_on() {
    if ours_alone(REASON) {
        return;
    }
    for question in 1..=6 {
        let clock = Clock::new();
        let mut world = start(&clock, &[restless("a"), restless("b")]);
        let init = init(&world);
        for service in ["a", "b"] {
            world.wait_supervised(service);
            world.wait_stat(service, "up (pid N) N seconds");
        }
        clock.fail_at(question);
        kill(Pid::from_raw(init), Signal::SIGTERM).unwrap();
        assert_eq!(world.ended_code(), 0, "question {question}");
        assert_eq!(
            world.output().matches("a bug: ").count(),
            1,
            "question {question}"
        );
        assert_eq!(world.log(), "finished\nfinished\n", "question {question}");
    }
}

/// A supervisor with two services that are up, and its number.
fn start_two(clock: &Clock) -> (World, i32) {
    let world = start(clock, &[restless("a"), restless("b")]);
    let init = init(&world);
    for service in ["a", "b"] {
        world.wait_supervised(service);
        world.wait_stat(service, "up (pid N) N seconds");
    }
    (world, init)
}

fn wait_replaced(init: i32, old: &[i32]) {
    wait_for("one of the two to be another", SOON, || {
        let all = both(init)?;
        (all.iter().filter(|pid| old.contains(pid)).count() == 1).then_some(())
    });
}

/// Sends these letters to a service, after which another process of it has to run,
/// wherever the bug strikes.
fn is_another_after(letters: &str) {
    let clock = Clock::new();
    let (world, init) = start_two(&clock);
    for question in 1..=QUESTIONS {
        let old = wait_both(init);
        clock.fail_at(question);
        world.svc(&[letters], "a");
        wait_told(&world, question);
        wait_replaced(init, &old);
        world.wait_stat("a", "up (pid N) N seconds");
    }
}

#[test]
fn no_letter_is_lost_that_it_interrupts_nor_those_that_came_with_it() {
    if ours_alone(REASON) {
        return;
    }
    // Without the first letter it would not die, without the second it would not start again.
    is_another_after("-du");
}

#[test]
fn a_service_that_is_let_go_comes_back_wherever_it_strikes() {
    if ours_alone(REASON) {
        return;
    }
    is_another_after("-dx");
}

#[test]
fn a_letter_that_brings_it_about_again_is_given_up_and_the_next_one_is_heard() {
    if ours_alone(REASON) {
        return;
    }
    let clock = Clock::new();
    let (world, init) = start_two(&clock);
    let old = wait_both(init);
    // The clock is first asked for the moment at which the letter has come.
    clock.fail_twice_at(1);
    world.svc(&["-dO"], "a");
    wait_told(&world, 2);
    world.wait_stat("a", "up (pid N) N seconds, want down");
    assert_eq!(children(init), old, "the down signal was sent");
    world.svc(&["-du"], "a");
    wait_replaced(init, &old);
}

#[test]
fn readiness_that_it_interrupts_is_known() {
    if ours_alone(REASON) {
        return;
    }
    let clock = Clock::new();
    let run = "mkfifo ../../go 2>&1; read go <../../go; echo >&3; exec sleep 1000";
    let service = Service::new("s", run).file("notification-fd", "3\n");
    let world = start(&clock, &[service.file("restart-delay", "10\n")]);
    let go = world.dir.path().join("go");
    for question in 1..=QUESTIONS {
        wait_for("the service", SOON, || go.exists().then_some(()));
        world.wait_stat("s", "up (pid N) N seconds");
        clock.fail_at(question);
        write_file(&go, "now\n", 0o600);
        wait_told(&world, question);
        world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
        world.restart("-r", "s");
    }
}

#[test]
fn services_come_up_although_it_interrupts_the_start() {
    if ours_alone(REASON) {
        return;
    }
    std::thread::scope(|scope| {
        for question in 1..=QUESTIONS {
            scope.spawn(move || {
                let clock = Clock::new();
                clock.fail_at(question);
                let (_world, init) = start_two(&clock);
                wait_both(init);
            });
        }
    });
}

#[test]
fn a_oneshot_goes_down_and_up_wherever_it_strikes() {
    if ours_alone(REASON) {
        return;
    }
    let clock = Clock::new();
    let oneshot = Service::new("s", "exit 0")
        .script("finish", "exit 0")
        .file("oneshot", "600000\n");
    let world = start(&clock, &[oneshot]);
    for question in 1..=QUESTIONS {
        world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
        clock.fail_at(question);
        world.letters(b"d", "s");
        world.wait_stat(
            "s",
            "down (exitcode 0) N seconds, normally up, ready N seconds",
        );
        world.letters(b"u", "s");
    }
}
