//! What happens before and after the services: `cont-init.d`, `cont-finish.d` and the `S6_*` variables.

use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;

use crate::world::{Container, Service, World, ours_alone, write_file};

const REASON: &str = "stages are s6-overlay's, not s6's";

/// A service that notes its start and its end.
fn noted() -> Service {
    Service::new("s", "echo run >>../../log; exec sleep 1000")
        .script("finish", "echo finish >>../../log")
}

fn note(container: &Container, what: &str) -> String {
    format!("echo {what} >>{}", container.path("log").display())
}

/// A container with a service, two scripts before it and one after it.
fn staged() -> Container {
    let container = Container::with(&[noted()]);
    let [one, two, after] = ["init-1", "init-2", "after"].map(|what| note(&container, what));
    container
        .script("etc/cont-init.d/20-two", &two, 0o755)
        .script("etc/cont-init.d/10-one", &one, 0o644)
        .script("etc/cont-finish.d/after", &after, 0o644)
}

fn stop(mut world: World) -> (i32, String) {
    world.signal(Signal::SIGTERM);
    (world.ended_code(), world.log())
}

#[test]
fn scripts_run_in_order_before_and_after_the_services() {
    if ours_alone(REASON) {
        return;
    }
    let world = staged().start(&[]);
    world.wait_lines(3);
    assert_eq!(
        stop(world),
        (0, "init-1\ninit-2\nrun\nfinish\nafter\n".into())
    );
}

#[test]
fn a_script_that_fails_is_told_and_has_no_consequence_by_default() {
    if ours_alone(REASON) {
        return;
    }
    let world = staged()
        .script("etc/cont-init.d/15-fails", "exit 3", 0o755)
        .start(&[]);
    assert_eq!(world.wait_lines(3), ["init-1", "init-2", "run"]);
    assert!(world.output().contains("15-fails"), "{}", world.output());
    assert_eq!(stop(world).0, 0);
}

#[test]
fn a_script_that_fails_stops_the_container_where_that_is_asked_for() {
    if ours_alone(REASON) {
        return;
    }
    let container = staged().script("etc/cont-init.d/15-fails", "exit 3", 0o755);
    let mut world = container
        .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2")
        .start(&[]);
    assert_eq!(world.ended_code(), 3, "{}", world.output());
    assert_eq!(world.log().lines().next(), Some("init-1"));
    assert!(!world.log().contains("run"), "{}", world.log());
}

#[test]
fn a_script_that_is_missing_behind_its_link_fails() {
    if ours_alone(REASON) {
        return;
    }
    for (behaviour, code) in [("0", 0), ("2", 127)] {
        let container = staged().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", behaviour);
        symlink("gone", container.path("etc/cont-init.d/15-link")).unwrap();
        let mut world = container.start(&["true"]);
        assert_eq!(world.ended_code(), code, "{}", world.output());
        let want = "[cont-init.d] 15-link: it links to gone, which is missing\n";
        assert!(world.output().contains(want), "{}", world.output());
        assert_eq!(world.log().contains("init-2"), code == 0, "{}", world.log());
    }
}

#[test]
fn a_script_that_does_not_end_is_no_reason_to_wait_when_told_to_stop() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[noted()]);
    let hangs = format!("{}; exec sleep 1000", note(&container, "hangs"));
    let world = container
        .script("etc/cont-init.d/hangs", &hangs, 0o755)
        .start(&[]);
    world.wait_lines(1);
    assert!(!stop(world).1.contains("run"));
}

#[test]
fn a_last_script_that_does_not_end_is_killed_when_its_time_is_over() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[noted()]);
    let hangs = format!("{}; exec sleep 1000", note(&container, "hangs"));
    let container = container.script("etc/cont-finish.d/hangs", &hangs, 0o755);
    let world = container.env("S6_KILL_FINISH_MAXTIME", "5000").start(&[]);
    world.wait_lines(1);
    assert_eq!(stop(world), (0, "run\nfinish\nhangs\n".into()));
}

#[test]
fn a_service_that_ignores_its_signal_is_killed_when_the_grace_is_over() {
    if ours_alone(REASON) {
        return;
    }
    let stubborn = Service::new(
        "s",
        "trap '' TERM HUP; echo run >>../../log; while :; do sleep 1000; done",
    );
    let container = Container::with(&[stubborn]);
    let world = container
        .env("S6_SERVICES_GRACETIME", "200")
        .env("S6_KILL_GRACETIME", "200")
        .start(&[]);
    world.wait_lines(1);
    stop(world);
}

#[test]
fn a_service_directory_is_copied_and_the_source_stays_as_it_is() {
    if ours_alone(REASON) {
        return;
    }
    let service = Service::new("s", "").raw(
        "run",
        "#!/bin/sh\necho run >>../../log; exec sleep 1000\n",
        0o644,
    );
    let world = Container::with(&[service]).start(&[]);
    world.wait_lines(1);
    let source = world.dir.path().join("etc/services.d/s");
    assert!(!source.join("supervise").exists());
    assert_eq!(stop(world).0, 0);
}

#[test]
fn a_service_from_a_configmap_runs() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[]);
    let service = container.path("etc/services.d/web");
    let run = "#!/bin/sh\necho run >>../../log; exec sleep 1000\n";
    write_file(&service.join("..2026_11_29/run"), run, 0o644);
    symlink("..2026_11_29", service.join("..data")).unwrap();
    symlink("..data/run", service.join("run")).unwrap();
    let world = container.start(&[]);
    world.wait_lines(1);
    assert_eq!(stop(world).0, 0);
}

#[test]
fn a_stopped_container_starts_again() {
    if ours_alone(REASON) {
        return;
    }
    let mut world = Container::with(&[noted()]).start(&[]);
    world.wait_lines(1);
    world.svc(&["-D"], "s");
    world.signal(Signal::SIGKILL);
    world.ended();
    let dir = std::mem::replace(&mut world.dir, harness::scratch());
    let container = Container::at(dir);
    let again = container.start(&[]);
    harness::wait_for("the service to run again", crate::world::SOON, || {
        (again.log().matches("run\n").count() == 2).then_some(())
    });
    again.wait_stat("s", "up (pid N) N seconds");
}

#[test]
fn a_script_that_fails_leaves_out_the_rest_where_that_is_asked_for() {
    if ours_alone(REASON) {
        return;
    }
    let container = staged().script("etc/cont-init.d/15-fails", "exit 3", 0o755);
    let world = container
        .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "1")
        .start(&[]);
    world.wait_output("15-fails: exited 3");
    let (_, log) = stop(world);
    assert!(
        log.starts_with("init-1\n") && !log.contains("init-2") && !log.contains("run"),
        "{log}"
    );
}

#[test]
fn a_script_may_say_the_containers_code_as_in_s6_overlay() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[noted()]);
    let result = container.path("env-stage3/S6_STAGE2_EXITED");
    let say = format!(
        "mkdir -p {0} && printf 17 >{0}/S6_STAGE2_EXITED",
        result.parent().unwrap().display()
    );
    let world = container
        .script("etc/cont-finish.d/say", &say, 0o755)
        .start(&[]);
    world.wait_lines(1);
    assert_eq!(stop(world).0, 17);
}

#[test]
fn the_command_waits_for_the_services_where_that_is_asked_for() {
    if ours_alone(REASON) {
        return;
    }
    let slow = "sleep 0.5; echo ready >>../../log; echo >&3; exec 3>&- sleep 1000";
    let container = Container::with(&[Service::new("s", slow).file("notification-fd", "3\n")]);
    let command = note(&container, "command");
    let container = container
        .env("S6_CMD_WAIT_FOR_SERVICES", "1")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0");
    let mut world = container.start(&["--", "sh", "-c", &command]);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    assert_eq!(world.log(), "ready\ncommand\n");
}

/// A container whose command waits for a service that never gets ready.
fn in_vain() -> Container {
    let service = noted().file("notification-fd", "3\n");
    Container::with(&[service, Service::sleeper("other")])
        .env("S6_CMD_WAIT_FOR_SERVICES", "1")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "300")
}

const IN_VAIN: &str = "init: waited 300 ms for s, which is not ready";

#[test]
fn a_command_that_has_waited_in_vain_starts_and_says_without_what() {
    if ours_alone(REASON) {
        return;
    }
    for behaviour in ["0", "1"] {
        let container = in_vain().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", behaviour);
        let mut world = container.start(&["sh", "-c", "exit 5"]);
        assert_eq!(world.ended_code(), 5, "{}", world.output());
        let want = format!("{IN_VAIN}: the command starts without it\n");
        assert!(world.output().contains(&want), "{}", world.output());
    }
}

#[test]
fn the_container_stops_where_services_that_are_late_are_a_failure() {
    if ours_alone(REASON) {
        return;
    }
    let container = in_vain().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
    let mut world = container.start(&["sh", "-c", "echo command >>log"]);
    assert_eq!(world.ended_code(), 1, "{}", world.output());
    let want = format!("{IN_VAIN}: we stop\n");
    assert!(world.output().contains(&want), "{}", world.output());
    assert_eq!(world.log(), "run\nfinish\n");
}

#[test]
fn a_command_that_waits_for_long_is_told() {
    if ours_alone(REASON) {
        return;
    }
    let container = in_vain().env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "600000");
    let world = container.start(&["true"]);
    world.wait_output(
        "init: the command has waited 10 s for s, which is not ready: it starts when s is there, or after 10 min\n",
    );
}

#[test]
fn what_means_nothing_here_is_told() {
    if ours_alone(REASON) {
        return;
    }
    let world = Container::with(&[noted()])
        .script("etc/fix-attrs.d/10", "", 0o644)
        .env("S6_LOGGING", "1")
        .env("S6_KILL_GRACETIME", "soon")
        .start(&[]);
    world.wait_output("S6_LOGGING means nothing here");
    world.wait_output("etc/fix-attrs.d is not read: set owners and modes");
    world.wait_output("S6_KILL_GRACETIME is \"soon\"");
    assert_eq!(stop(world).0, 0);
}

#[test]
fn a_new_service_is_found_beside_a_command_which_gets_the_signals() {
    if ours_alone(REASON) {
        return;
    }
    let world = Container::with(&[noted()]).start(&["sleep", "1000"]);
    world.wait_lines(1);
    Service::sleeper("new").install(&world.path(""));
    world.control("-a");
    world.wait_supervised("new");
    world.wait_stat("new", "up (pid N) N seconds");
}
