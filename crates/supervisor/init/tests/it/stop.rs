//! The stop: everybody is asked first, and has a grace time of its own.
//!
//! COMMAND, a dependent and a dependency note what they get. Whoever hangs notes it too,
//! and goes on.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::world::{
    Container, Service, World, is_alive, kill_hard, ours_alone, sleeps_after, write_file,
};

const REASON: &str = "s6-svscan knows no order and waits for ever";

/// How a process behaves when it is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Ends,
    /// It takes four seconds.
    Drains,
    Hangs,
}

/// Grace times: without a limit, over before who is slow has ended, reached by nobody.
const NONE: &str = "0";
const SHORT: &str = "1500";
const LONG: &str = "600000";

/// A script that notes its process, its signal and its end under this name.
fn body(log: &str, name: &str, when: When) -> String {
    let then = match when {
        When::Ends => "exit 0",
        When::Drains => "sleep 4; exit 0",
        When::Hangs => ":",
    };
    format!(
        "trap 'echo {name} asked >>{log}; {then}' TERM\necho {name} is $$ >>{log}\n\
         while :; do sleep 0.02; done"
    )
}

/// `front` needs `db`, each of which does what is said when it is asked.
fn container(grace: &str, front: When, db: When) -> Container {
    let service = |name, when| Service::new(name, &body("../../log", name, when));
    Container::with(&[service("front", front).needs("db"), service("db", db)])
        .env("S6_SERVICES_GRACETIME", grace)
        .env("S6_KILL_GRACETIME", "600000")
}

fn start(grace: &str, command: Option<When>, front: When, db: When) -> World {
    let container = container(grace, front, db);
    let Some(when) = command else {
        return container.start(&[]);
    };
    let script = body(container.path("log").to_str().unwrap(), "command", when);
    container.start(&["--", "bash", "-c", &script])
}

fn pid(world: &World, name: &str) -> i32 {
    let log = world.log();
    let found = log
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} is ")));
    found.unwrap().parse().unwrap()
}

fn was_asked(world: &World, name: &str) -> bool {
    world.log().contains(&format!("{name} asked\n"))
}

/// Ends by hand those who hang, in the order of their turns, as an operator would; before,
/// each has to have been asked and to be alive.
fn end_those_who_hang(world: &World, all: &[(&str, When)]) {
    for (name, when) in all {
        harness::wait_for(&format!("{name} to be asked"), crate::world::SOON, || {
            was_asked(world, name).then_some(())
        });
        if *when == When::Hangs {
            let pid = pid(world, name);
            assert!(is_alive(pid), "{name} was killed\n{}", world.output());
            kill_hard(pid);
        }
    }
}

fn one_stop(grace: &str, command: Option<When>, front: When, db: When) {
    let case = format!("grace {grace}, command {command:?}, front {front:?}, db {db:?}");
    let mut world = start(grace, command, front, db);
    let mut all = vec![("front", front), ("db", db)];
    all.splice(..0, command.map(|when| ("command", when)));
    world.wait_lines(all.len());
    world.signal(Signal::SIGTERM);
    if grace != SHORT {
        end_those_who_hang(&world, &all);
    }
    world.ended();
    for (name, when) in all {
        assert!(was_asked(&world, name), "{name} not asked, {case}");
        let is_slow = when == When::Hangs || when == When::Drains;
        let words = match name {
            "command" => "the command does not end: killed".to_string(),
            name => format!("{name}: does not end: killed"),
        };
        let output = world.output();
        let is_killed = output.contains(&words);
        assert_eq!(
            is_killed,
            grace == SHORT && is_slow,
            "{name}, {case}\n{output}"
        );
    }
}

fn matrix(grace: &str) {
    use When::{Drains, Ends, Hangs};
    std::thread::scope(|scope| {
        for command in [None, Some(Ends), Some(Drains), Some(Hangs)] {
            scope.spawn(move || {
                for (front, db) in [(Ends, Ends), (Hangs, Ends), (Ends, Hangs), (Hangs, Hangs)] {
                    one_stop(grace, command, front, db);
                }
            });
        }
    });
}

#[test]
fn with_no_limit_everybody_is_asked_in_turn_and_nobody_is_killed() {
    if !ours_alone(REASON) {
        matrix(NONE);
    }
}

#[test]
fn with_a_short_grace_everybody_is_asked_and_only_who_is_slow_is_killed() {
    if !ours_alone(REASON) {
        matrix(SHORT);
    }
}

#[test]
fn with_a_long_grace_everybody_is_asked_in_turn_and_nobody_is_killed() {
    if !ours_alone(REASON) {
        matrix(LONG);
    }
}

#[test]
fn what_a_service_says_of_its_own_time_counts_for_it_alone() {
    if ours_alone(REASON) {
        return;
    }
    let hangs = |name, time| {
        Service::new(name, &body("../../log", name, When::Hangs)).file("timeout-kill", time)
    };
    let services = [hangs("short", "100\n"), hangs("never", "0\n")];
    let container = Container::with(&services).env("S6_SERVICES_GRACETIME", "300");
    let mut world = container.start(&[]);
    world.wait_lines(2);
    world.signal(Signal::SIGTERM);
    world.wait_output("short: does not end: killed");
    world.wait_output("the stop has waited 4 s for never, which has no limit");
    let never = pid(&world, "never");
    end_those_who_hang(&world, &[("never", When::Hangs)]);
    world.ended();
    assert!(!world.output().contains("never: does not end"), "{never}");
}

#[test]
fn a_logger_reads_to_the_end_then_gets_its_signal_and_then_its_time() {
    if ours_alone(REASON) {
        return;
    }
    let logger = format!(
        "while read line; do echo $line >>../../../log; done\n{}",
        body("../../../log", "logger", When::Hangs)
    );
    let run = "trap 'echo last words; exit 0' TERM; echo hello; while :; do sleep 0.02; done";
    let service = Service::new("s", run).script("log/run", &logger);
    let container = Container::with(&[service]).env("S6_SERVICES_GRACETIME", SHORT);
    let mut world = container.start(&[]);
    world.wait_lines(1);
    world.signal(Signal::SIGTERM);
    world.ended();
    let log = world.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|it| !it.starts_with("logger is"))
        .collect();
    assert_eq!(lines, ["hello", "last words", "logger asked"]);
    assert!(
        world.output().contains("s/log: does not end: killed"),
        "{}",
        world.output()
    );
}

#[test]
fn a_last_script_that_hangs_is_asked_before_it_is_killed() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[Service::sleeper("s")]);
    let script = body(
        container.path("log").to_str().unwrap(),
        "script",
        When::Hangs,
    );
    let container = container
        .script("etc/cont-finish.d/hangs", &script, 0o755)
        .env("S6_KILL_FINISH_MAXTIME", "300");
    let mut world = container.start(&[]);
    world.wait_supervised("s");
    world.signal(Signal::SIGTERM);
    world.ended();
    assert!(was_asked(&world, "script"), "{}", world.log());
    assert!(world.output().contains("hangs: does not end: killed"));
}

/// A service that notes what it is asked, and ends a second later.
fn slow(name: &str) -> Service {
    let run = "trap 'echo NAME asked >>../../log; sleep 1; echo NAME ends >>../../log; exit' TERM\n\
               echo NAME is $$ >>../../log; while :; do sleep 0.02; done";
    Service::new(name, &run.replace("NAME", name))
}

#[test]
fn who_has_gone_before_the_stop_does_not_shorten_the_wait_of_others() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        slow("db"),
        slow("web").needs("db"),
        Service::sleeper("gone").needs("db"),
    ];
    let container = Container::with(&services).env("S6_SERVICES_GRACETIME", LONG);
    let mut world = container.start(&[]);
    world.wait_lines(2);
    world.wait_stat("gone", "up (pid N) N seconds");
    world.letters(b"dx", "gone");
    harness::wait_for("nobody to listen", crate::world::SOON, || {
        (world.tool("s6-svok", &[], "gone").code == 1).then_some(())
    });
    world.signal(Signal::SIGTERM);
    world.ended();
    let log = world.log();
    let asked: Vec<&str> = log.lines().filter(|it| !it.contains(" is ")).collect();
    assert_eq!(
        asked,
        ["web asked", "web ends", "db asked", "db ends"],
        "{}",
        world.output()
    );
}

#[test]
fn a_directory_that_could_not_be_supervised_keeps_nobody_awake_during_the_stop() {
    if ours_alone(REASON) {
        return;
    }
    let hangs = Service::new("s", &body("../../log", "s", When::Hangs));
    let container = Container::with(&[hangs]).env("S6_SERVICES_GRACETIME", NONE);
    write_file(&container.path("scan/bad/supervise"), "", 0o644);
    let mut world = container.start(&[]);
    world.wait_lines(1);
    world.wait_output("supervise bad");
    world.signal(Signal::SIGTERM);
    harness::wait_for("s to be asked", crate::world::SOON, || {
        was_asked(&world, "s").then_some(())
    });
    // The scan would have been repeated after three seconds.
    assert!(sleeps_after(world.pid(), Duration::from_secs(4)));
    kill_hard(pid(&world, "s"));
    world.ended();
}
