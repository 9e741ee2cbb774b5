//! Services with a file `oneshot`: their `run` ends, and they are up.

use nix::sys::signal::Signal;

use crate::world::{Container, Service, World, ours_alone};

const REASON: &str = "s6-svscan knows only services that run";

/// A oneshot that notes its way up, which ends like this, and its way down.
fn oneshot(name: &str, end: &str) -> Service {
    Service::new(name, &format!("echo {name} up >>../../log; {end}"))
        .script("finish", &format!("echo {name} down >>../../log"))
        .file("oneshot", "")
}

/// A service that notes its start and its end.
fn longrun(name: &str) -> Service {
    let run = "trap 'echo NAME down >>../../log; exit' TERM; echo NAME up >>../../log; \
               while :; do sleep 0.02; done";
    Service::new(name, &run.replace("NAME", name))
}

fn stop(mut world: World) -> (i32, String) {
    world.signal(Signal::SIGTERM);
    (world.ended_code(), world.log())
}

#[test]
fn what_needs_it_starts_when_it_has_ended_well_and_stops_before_it() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        oneshot("first", "sleep 0.3; echo first done >>../../log"),
        longrun("web").needs("first"),
        oneshot("last", "exit 0").needs("web"),
    ];
    let world = Container::with(&services).start(&[]);
    world.wait_lines(4);
    for name in ["first", "last"] {
        world.wait_stat(name, "up (pid N) N seconds, ready N seconds");
    }
    let ways = [
        "first up",
        "first done",
        "web up",
        "last up",
        "last down",
        "web down",
        "first down",
    ];
    let (code, log) = stop(world);
    assert_eq!((code, log.lines().collect::<Vec<_>>()), (0, ways.to_vec()));
}

#[test]
fn one_that_fails_is_told_once_and_keeps_back_only_what_needs_it() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        oneshot("fails", "exit 3"),
        longrun("needs-it").needs("fails"),
        longrun("other"),
    ];
    let world = Container::with(&services).start(&[]);
    world.wait_output("fails: its run failed with 3: what needs it does not start");
    world.wait_lines(2);
    world.wait_stat(
        "needs-it",
        "down (exitcode 0) N seconds, normally up, want up, ready N seconds",
    );
    world.wait_stat(
        "fails",
        "down (exitcode 3) N seconds, normally up, ready N seconds",
    );
    assert_eq!(world.output().matches("failed").count(), 1);
    let (code, log) = stop(world);
    assert_eq!(code, 0);
    assert!(!log.contains("fails down"), "it was never up: {log}");
}

#[test]
fn once_it_is_asked_again_and_succeeds_the_others_follow() {
    if ours_alone(REASON) {
        return;
    }
    let fails_first = "[ -e ../../log.again ] || { touch ../../log.again; exit 1; }";
    let services = [oneshot("once", fails_first), longrun("web").needs("once")];
    let world = Container::with(&services).start(&[]);
    world.wait_output("once: its run failed with 1");
    world.letters(b"u", "once");
    world.wait_stat("web", "up (pid N) N seconds");
    world.letters(b"d", "once");
    world.wait_stat(
        "once",
        "down (exitcode 0) N seconds, normally up, ready N seconds",
    );
    assert_eq!(stop(world).0, 0);
}

#[test]
fn one_without_a_run_is_up_when_what_it_needs_is() {
    if ours_alone(REASON) {
        return;
    }
    let mark = Service::only_files("mark").file("oneshot", "").needs("web");
    let services = [
        Service::ready_sleeper("web"),
        mark,
        oneshot("after", "exit 0").needs("mark"),
    ];
    let world = Container::with(&services).start(&[]);
    world.wait_lines(1);
    world.wait_stat("mark", "up (pid N) N seconds, ready N seconds");
    assert_eq!(stop(world), (0, "after up\nafter down\n".into()));
}

#[test]
fn one_that_takes_too_long_is_asked_to_end_and_has_failed() {
    if ours_alone(REASON) {
        return;
    }
    let slow = Service::new("slow", "exec sleep 1000").file("oneshot", "200\n");
    let world = Container::with(&[slow, longrun("web").needs("slow")]).start(&[]);
    world.wait_output("slow: ./run takes too long: asked to end");
    world.wait_stat(
        "slow",
        "down (signal SIGTERM) N seconds, normally up, ready N seconds",
    );
    assert_eq!(stop(world), (0, String::new()));
}

#[test]
fn one_that_is_stopped_on_its_way_up_is_not_taken_down() {
    if ours_alone(REASON) {
        return;
    }
    let world = Container::with(&[oneshot("slow", "exec sleep 1000")]).start(&[]);
    world.wait_lines(1);
    let (code, log) = stop(world);
    assert_eq!((code, log.as_str()), (0, "slow up\n"));
}

#[test]
fn its_failure_stops_the_container_where_that_is_asked_for() {
    if ours_alone(REASON) {
        return;
    }
    for (services, code) in [
        ([oneshot("fails", "exit 3"), longrun("other")], 3),
        (
            [
                Service::new("fails", "")
                    .raw("run", "#!/no/such/shell\n", 0o755)
                    .file("oneshot", ""),
                longrun("other"),
            ],
            127,
        ),
    ] {
        let container = Container::with(&services).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
        let mut world = container.start(&[]);
        assert_eq!(world.ended_code(), code, "{}", world.output());
    }
}

#[test]
fn a_command_that_waits_for_services_does_not_wait_for_what_cannot_come() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        oneshot("fails", "exit 3"),
        longrun("a").needs("fails"),
        longrun("b").needs("a"),
    ];
    let container = Container::with(&services)
        .env("S6_CMD_WAIT_FOR_SERVICES", "1")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0");
    let mut world = container.start(&["--", "sh", "-c", "echo command runs; exit 7"]);
    assert_eq!(world.ended_code(), 7);
    assert!(world.output().contains("command runs"));
}

#[test]
fn the_failure_of_an_essential_one_ends_everything() {
    if ours_alone(REASON) {
        return;
    }
    let cases = [
        (oneshot("fails", "exit 3"), 3),
        (oneshot("fails", "exit 3").file("restart-limit", "5\n"), 3),
        (
            Service::only_files("fails")
                .raw("run", "#!/no/such/shell\n", 0o755)
                .file("oneshot", ""),
            127,
        ),
        (
            Service::new("fails", "exec sleep 1000").file("oneshot", "200\n"),
            124,
        ),
    ];
    for (fails, code) in cases {
        let services = [fails.file("essential", ""), longrun("other")];
        let mut world = Container::with(&services).start(&[]);
        assert_eq!(world.ended_code(), code, "{}", world.output());
        assert!(world.output().contains("fails has ended: so do we"));
    }
}

#[test]
fn one_that_is_restarted_on_its_way_up_has_not_failed() {
    if ours_alone(REASON) {
        return;
    }
    let hangs_first = "[ -e ../../log.again ] || { touch ../../log.again; exec sleep 1000; }";
    let container = Container::with(&[oneshot("s", hangs_first)]);
    let world = container
        .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2")
        .start(&[]);
    world.wait_lines(1);
    world.letters(b"r", "s");
    world.wait_log("s up\ns down\ns up\n");
    world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
    assert_eq!(stop(world).0, 0);
}

#[test]
fn one_that_ends_well_although_it_was_asked_down_goes_down() {
    if ours_alone(REASON) {
        return;
    }
    let ends_well = "trap 'exit 0' TERM; while :; do sleep 0.02; done";
    let world = Container::with(&[oneshot("s", ends_well)]).start(&[]);
    world.wait_lines(1);
    world.letters(b"d", "s");
    world.wait_log("s up\ns down\n");
    world.wait_stat(
        "s",
        "down (exitcode 0) N seconds, normally up, ready N seconds",
    );
    assert_eq!(stop(world).0, 0);
}

#[test]
fn a_run_that_leads_nowhere_has_failed() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[Service::only_files("s").file("oneshot", "")]);
    let run = container.path("etc/services.d/s/run");
    std::os::unix::fs::symlink("/nonexistent/run", run).unwrap();
    let world = container.start(&[]);
    world.wait_output("s: its run failed with 127");
    assert_eq!(stop(world).0, 0);
}

#[test]
fn the_finish_of_one_without_a_run_has_its_label() {
    if ours_alone(REASON) {
        return;
    }
    let mark = Service::only_files("mark")
        .script("finish", "echo bye")
        .file("oneshot", "")
        .file("output-prefix", "");
    let mut world = Container::with(&[mark]).start(&[]);
    world.wait_stat("mark", "up (pid N) N seconds, ready N seconds");
    world.signal(Signal::SIGTERM);
    world.ended();
    assert!(
        world.output().contains("[mark] bye\n"),
        "{}",
        world.output()
    );
}

#[test]
fn at_the_stop_its_grace_time_alone_counts() {
    if ours_alone(REASON) {
        return;
    }
    let hangs = "trap '' TERM; echo up >>../../log; while :; do sleep 0.02; done";
    let slow = Service::new("slow", hangs).file("oneshot", "2000\n");
    let container = Container::with(&[slow]).env("S6_SERVICES_GRACETIME", "3000");
    let mut world = container.start(&[]);
    world.wait_lines(1);
    world.signal(Signal::SIGTERM);
    world.ended();
    let output = world.output();
    assert!(output.contains("slow: does not end: killed"), "{output}");
    assert!(!output.contains("takes too long"), "{output}");
}
