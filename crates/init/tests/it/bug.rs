//! A bug in the first process: told, survived, and no service is lost by it. The bug is a clock that fails, for
//! which the standard library panics wherever it is asked.

use std::process::Command;

use harness::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::{Clock, SOON, Scan, Service, children, kill_hard, ours_alone};

const REASON: &str = "its bugs are its own";

/// So often is the clock asked for one death and one start, at least.
const QUESTIONS: u32 = 12;

fn start(clock: &Clock, services: &[Service]) -> Scan {
    let dir = harness::scratch();
    let scandir = dir.path().join("scan");
    std::fs::create_dir(&scandir).unwrap();
    for service in services {
        service.install(&scandir);
    }
    // As the first process, as in a container.
    let mut init = Command::new(harness::require("unshare"));
    init.args(["--pid", "--fork", "--kill-child", "--"])
        .arg(env!("CARGO_BIN_EXE_init"))
        .arg("--scan")
        .arg(&scandir)
        .envs(clock.environment());
    Scan::start(dir, init)
}

/// The supervisor's own number, seen from here.
fn init(scan: &Scan) -> i32 {
    wait_for("the first process", SOON, || {
        children(scan.pid()).first().copied()
    })
}

fn wait_told(scan: &Scan, count: u32) {
    wait_for(&format!("{count} bugs to be told"), SOON, || {
        // Whatever it is, something has to happen for it.
        scan.control("-z");
        (scan.output().matches("a bug: ").count() == count as usize).then_some(())
    });
}

/// Comes back at once.
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
    let mut scan = start(&clock, &[restless("a"), restless("b")]);
    let init = init(&scan);
    for question in 1..=QUESTIONS {
        let old = wait_for("both to be up", SOON, || {
            let all = children(init);
            (all.len() == 2).then_some(all)
        });
        clock.fail_at(question);
        kill_hard(old[0]);
        wait_told(&scan, question);
        wait_for("both to be up again", SOON, || {
            let all = children(init);
            let is_new = !all.contains(&old[0]) && all.contains(&old[1]);
            (is_new && all.len() == 2).then_some(())
        });
        for service in ["a", "b"] {
            scan.wait_stat(service, "up (pid N) N seconds");
        }
    }
    kill(Pid::from_raw(init), Signal::SIGTERM).unwrap();
    assert_eq!(scan.ended_code(), 0);
}

#[test]
fn a_stop_that_it_interrupts_goes_on() {
    if ours_alone(REASON) {
        return;
    }
    for question in 1..=6 {
        let clock = Clock::new();
        let mut scan = start(&clock, &[restless("a"), restless("b")]);
        let init = init(&scan);
        for service in ["a", "b"] {
            scan.wait_supervised(service);
            scan.wait_stat(service, "up (pid N) N seconds");
        }
        clock.fail_at(question);
        kill(Pid::from_raw(init), Signal::SIGTERM).unwrap();
        assert_eq!(scan.ended_code(), 0, "question {question}");
        assert_eq!(
            scan.output().matches("a bug: ").count(),
            1,
            "question {question}"
        );
        assert_eq!(scan.log(), "finished\nfinished\n", "question {question}");
    }
}
