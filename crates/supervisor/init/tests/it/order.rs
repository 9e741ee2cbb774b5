//! Which services start and stop after others, and which of them end everything when they die.

use nix::sys::signal::Signal;

use crate::world::{Container, SOON, Service, World, ours_alone, wait_gone, write_file};

const REASON: &str = "dependencies.d and essential are s6-rc's and ours, not s6's";

/// A service that notes its start and its end. Before it notes the end it runs `pause`.
fn noted(name: &str, pause: &str) -> Service {
    let run = format!("echo start {name} >>../../log; echo >&3; exec 3>&- sleep 1000");
    Service::new(name, &run)
        .file("notification-fd", "3\n")
        .script("finish", &format!("{pause}\necho stop {name} >>../../log"))
}

#[test]
fn a_service_starts_when_what_it_needs_is_ready() {
    if ours_alone(REASON) {
        return;
    }
    let slow = "echo start a >>../../log; sleep 0.5; echo ready a >>../../log; echo >&3; exec 3>&- sleep 1000";
    let first = Service::new("a", slow).file("notification-fd", "3\n");
    let world = World::of(&[noted("z", "").needs("a"), first]);
    assert_eq!(world.wait_lines(3), ["start a", "ready a", "start z"]);
}

#[test]
fn without_readiness_up_is_enough() {
    if ours_alone(REASON) {
        return;
    }
    let world = World::of(&[Service::sleeper("base"), noted("a", "").needs("base")]);
    world.wait_stat("base", "up (pid N) N seconds");
    assert_eq!(world.wait_lines(1), ["start a"]);
}

#[test]
fn the_stop_goes_the_other_way() {
    if ours_alone(REASON) {
        return;
    }
    let chain = [
        noted("a", ""),
        noted("b", "sleep 0.2").needs("a"),
        noted("c", "sleep 0.2").needs("b"),
    ];
    let mut world = World::of(&chain);
    world.wait_lines(3);
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
    assert_eq!(
        world.log().lines().skip(3).collect::<Vec<_>>(),
        ["stop c", "stop b", "stop a"]
    );
}

#[test]
fn a_circle_and_a_missing_name_are_told_and_keep_nobody_down() {
    if ours_alone(REASON) {
        return;
    }
    let world = World::of(&[
        noted("a", "").needs("b"),
        noted("b", "").needs("a"),
        noted("c", "").needs("nobody"),
    ]);
    let mut lines = world.wait_lines(3);
    lines.sort();
    assert_eq!(lines, ["start a", "start b", "start c"]);
    world.wait_output("nobody");
}

#[test]
fn a_service_that_has_failed_for_good_keeps_back_those_that_need_it() {
    if ours_alone(REASON) {
        return;
    }
    let broken = Service::new("a", "echo run a >>../../log; exit 1")
        .file("notification-fd", "3\n")
        .script("finish", "exit 125");
    let world = World::of(&[broken, noted("b", "").needs("a")]);
    world.wait_stat(
        "a",
        "down (exitcode 1) N seconds, normally up, ready N seconds",
    );
    assert_eq!(world.log(), "run a\n");
    world.svc(&["-wu", "-u"], "b");
    assert_eq!(world.wait_lines(2)[1], "start b");
}

#[test]
fn who_waits_for_what_does_not_come_is_told_after_a_while() {
    if ours_alone(REASON) {
        return;
    }
    let crashes = Service::new("db", "echo run >>../../log; exit 1").file("notification-fd", "3\n");
    let world = World::of(&[crashes, noted("web", "").needs("db")]);
    world.wait_output("init: web has waited 10 s for db, which is not ");
    let output = world.output();
    let told = output
        .lines()
        .find(|line| line.contains("has waited"))
        .unwrap();
    assert!(
        told.ends_with(" times): it starts when db is there"),
        "{told}"
    );
    assert!(!world.log().contains("start web"), "{}", world.log());
}

#[test]
fn who_waits_in_vain_is_told_at_once_also_when_that_comes_later() {
    if ours_alone(REASON) {
        return;
    }
    let down = Service::sleeper("down").file("down", "");
    let broken = Service::new("broken", "exit 1")
        .file("notification-fd", "3\n")
        .script("finish", "exit 125");
    let world = World::of(&[
        down,
        broken,
        noted("a", "").needs("down"),
        noted("b", "").needs("broken"),
    ]);
    world.wait_output("init: a waits for down, which is down until somebody starts it\n");
    world.wait_output(
        "init: b waits for broken, which is down until somebody starts it (it has died once)\n",
    );
    assert_eq!(world.output().matches("a waits for").count(), 1);
}

#[test]
fn one_that_comes_back_after_it_was_let_go_waits_for_what_it_needs_by_then() {
    if ours_alone(REASON) {
        return;
    }
    let down = Service::sleeper("down").file("down", "");
    let world = World::of(&[noted("a", ""), down]);
    world.wait_lines(1);
    write_file(&world.path("a/dependencies.d/down"), "", 0o644);
    world.letters(b"dx", "a");
    world.wait_output("a waits for down, which is down until somebody starts it");
    world.letters(b"u", "down");
    assert_eq!(world.wait_lines(3), ["start a", "stop a", "start a"]);
}

#[test]
fn services_that_each_need_all_before_them_start_and_stop() {
    if ours_alone(REASON) {
        return;
    }
    let name = |number| format!("s{number:02}");
    let services: Vec<Service> = (0..36)
        .map(|number| {
            (0..number).fold(noted(&name(number), ""), |it, other| it.needs(&name(other)))
        })
        .collect();
    start_and_stop_one_by_one(&services, name);
}

#[test]
fn a_long_chain_of_services_starts_and_stops() {
    if ours_alone(REASON) {
        return;
    }
    // The last by name comes first, so that nothing is in order by chance.
    let name = |number| format!("s{:03}", 199 - number);
    let services: Vec<Service> = (0..200)
        .map(|number| {
            let service = noted(&name(number), "");
            match number {
                0 => service,
                _ => service.needs(&name(number - 1)),
            }
        })
        .collect();
    start_and_stop_one_by_one(&services, name);
}

/// All services start in the order of their numbers, and stop in the other one.
fn start_and_stop_one_by_one(services: &[Service], name: impl Fn(usize) -> String) {
    let mut world = World::unattended(services);
    let count = services.len();
    let starts: Vec<String> = (0..count).map(|it| format!("start {}", name(it))).collect();
    assert_eq!(world.wait_lines(count), starts);
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    let stops: Vec<String> = (0..count)
        .rev()
        .map(|it| format!("stop {}", name(it)))
        .collect();
    let log = world.log();
    assert_eq!(log.lines().skip(count).collect::<Vec<_>>(), stops);
}

#[test]
fn the_end_of_an_essential_service_is_the_end_with_its_code() {
    if ours_alone(REASON) {
        return;
    }
    for (run, code) in [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)] {
        let waits = format!("while ! [ -e ../../go ]; do sleep 0.05; done; {run}");
        let key = Service::new("key", &waits).file("essential", "");
        let mut world = Container::with(&[key, Service::sleeper("other")]).start(&[]);
        world.wait_supervised("other");
        world.wait_stat("other", "up (pid N) N seconds");
        let other = world.service_pid("other");
        write_file(&world.dir.path().join("go"), "", 0o644);
        assert_eq!(world.ended_code(), code, "{run}");
        wait_gone(other);
    }
}

#[test]
fn the_end_of_any_other_service_is_nobodys_end() {
    if ours_alone(REASON) {
        return;
    }
    let fails = Service::new("fails", "echo run >>../../log; exit 7");
    let world = Container::with(&[fails, Service::sleeper("other")]).start(&[]);
    world.wait_lines(2);
    world.wait_stat("other", "up (pid N) N seconds");
}

#[test]
fn one_that_has_gone_before_does_not_count_twice_for_what_it_needed() {
    if ours_alone(REASON) {
        return;
    }
    let saves = |name: &str, after: &str| {
        let run = format!(
            "trap 'sleep {after}; echo {name} >>../../log; exit' TERM
            echo up >>../../log
            while :; do sleep .05; done"
        );
        Service::new(name, &run)
    };
    let mut world = World::of(&[
        saves("db", "0"),
        saves("app", ".5").needs("db"),
        Service::sleeper("job").file("down", "").needs("db"),
    ]);
    world.wait_lines(2);
    world.svc(&["-x"], "job");
    harness::wait_for("job to be left", SOON, || {
        (world.tool("s6-svok", &[], "job").code == 1).then_some(())
    });
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
    assert_eq!(world.log(), "up\nup\napp\ndb\n", "{}", world.output());
}
