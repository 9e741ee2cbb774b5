//! The scan directory as a whole: `s6-svscanctl`, services that come and go, loggers, and the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::world::{
    Kind, Service, World, kill_hard, nobody_listens, ours_alone, run, wait_gone, write_file,
};

const UP: &str = "up (pid N) N seconds";

#[test]
fn a_new_service_is_found_when_asked_to_look() {
    let world = World::of(&[Service::sleeper("a")]);
    Service::sleeper("b").install(&world.path(""));
    world.control("-a");
    world.wait_supervised("b");
    world.wait_stat("b", UP);
}

#[test]
fn a_hangup_of_the_supervisor_looks_again_too() {
    let world = World::of(&[Service::sleeper("a")]);
    Service::sleeper("b").install(&world.path(""));
    world.signal(Signal::SIGHUP);
    world.wait_supervised("b");
}

#[test]
fn a_service_that_has_gone_is_stopped_when_asked_to() {
    let world = World::of(&[Service::sleeper("a"), Service::sleeper("b")]);
    world.wait_stat("a", UP);
    let pid = world.service_pid("a");
    fs::rename(world.path("a"), world.dir.path().join("gone")).unwrap();
    world.control("-an");
    wait_gone(pid);
    world.wait_stat("b", UP);
}

#[test]
fn a_renamed_service_goes_on_under_its_new_name() {
    let world = World::of(&[Service::sleeper("old")]);
    world.wait_stat("old", UP);
    let pid = world.service_pid("old");
    fs::rename(world.path("old"), world.path("new")).unwrap();
    world.control("-an");
    world.wait_stat("new", UP);
    assert_eq!(world.service_pid("new"), pid);
    world.svc(&["-wD", "-d"], "new");
}

#[test]
fn two_names_for_one_directory_are_one_service() {
    let world = World::of(&[Service::new("a", "echo run >>../../log; exec sleep 1000")]);
    world.wait_lines(1);
    std::os::unix::fs::symlink("a", world.path("b")).unwrap();
    world.control("-a");
    Service::sleeper("c").install(&world.path(""));
    world.control("-a");
    world.wait_supervised("c");
    world.wait_stat("c", UP);
    assert_eq!(world.log(), "run\n");
}

#[test]
fn hidden_directories_and_files_are_no_services() {
    let world = World::of(&[Service::sleeper("a"), Service::sleeper(".hidden")][..1]);
    fs::create_dir(world.path(".hidden")).unwrap();
    fs::File::create(world.path("file")).unwrap();
    world.control("-a");
    Service::sleeper("c").install(&world.path(""));
    world.control("-a");
    world.wait_supervised("c");
    assert!(!world.path(".hidden/supervise").exists());
}

#[test]
fn a_logger_gets_what_the_service_writes_over_the_restarts_of_both() {
    let service = Service::new("s", "echo \"line $$\"; exec sleep 1000").script(
        "log/run",
        "while read -r line; do echo \"$line\" >>../../../log; done",
    );
    let world = World::of(&[service]);
    world.wait_supervised("s/log");
    world.wait_lines(1);
    world.restart("-r", "s");
    world.wait_lines(2);
    world.restart("-k", "s/log");
    world.restart("-r", "s");
    assert!(
        world
            .wait_lines(3)
            .iter()
            .all(|line| line.starts_with("line "))
    );
}

#[test]
fn finish_is_told_the_name_of_a_logger() {
    let service = Service::sleeper("s")
        .script("log/run", "cat")
        .script("log/finish", "echo $3 >>../../../log");
    let world = World::of(&[service]);
    world.wait_supervised("s/log");
    world.wait_stat("s/log", UP);
    world.svc(&["-k"], "s/log");
    assert_eq!(world.wait_lines(1), ["s/log"]);
}

#[test]
fn only_one_supervisor_takes_a_scan_directory() {
    let world = World::of(&[Service::sleeper("a")]);
    let path = world.path("");
    let path = path.to_str().unwrap();
    let answer = match Kind::from_environment() {
        Kind::Ours => run(env!("CARGO_BIN_EXE_init").as_ref(), &["--scan", path]),
        Kind::S6 => run(&harness::require("s6-svscan"), &[path]),
    };
    assert_eq!(answer.code, 100, "{answer:?}");
    world.wait_stat("a", UP);
}

#[test]
fn the_services_are_stopped_by_every_way_to_say_so() {
    for option in ["-t", "-q"] {
        let mut world = World::of(&[Service::sleeper("a"), Service::sleeper("b")]);
        world.wait_stat("a", UP);
        let pid = world.service_pid("a");
        world.control(option);
        assert_eq!(world.ended_code(), 0);
        wait_gone(pid);
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut world = World::of(&[Service::sleeper("a")]);
        world.wait_stat("a", UP);
        world.signal(signal);
        assert_eq!(world.ended_code(), 0, "{signal}");
    }
}

#[test]
fn the_finish_of_the_scan_directory_has_the_last_word() {
    let world = World::of(&[Service::sleeper("a")]);
    write_file(
        &world.path(".s6-svscan/finish"),
        "#!/bin/sh\nexit 42\n",
        0o755,
    );
    let mut world = world;
    world.control("-t");
    assert_eq!(world.ended_code(), 42);
}

#[test]
fn an_unknown_order_is_told_and_ignored() {
    let world = World::of(&[Service::sleeper("a")]);
    let mut control = fs::OpenOptions::new()
        .write(true)
        .open(world.path(".s6-svscan/control"))
        .unwrap();
    std::io::Write::write_all(&mut control, b"X").unwrap();
    world.wait_output("unknown control command");
    world.wait_stat("a", UP);
}

#[test]
fn nobody_listens_after_the_end() {
    let mut world = World::of(&[Service::sleeper("a")]);
    world.control("-t");
    world.ended();
    assert_eq!(world.tool("s6-svscanctl", &["-a"], "").code, 100);
    assert_eq!(world.tool("s6-svok", &[], "a").code, 1);
    assert_eq!(world.tool("s6-svc", &["-u"], "a").code, nobody_listens());
}

#[test]
fn what_is_for_the_supervisor_alone_is_closed_to_others() {
    let world = World::of(&[Service::sleeper("a")]);
    let mode = |name: &str| {
        let found = fs::metadata(world.path(".s6-svscan").join(name)).unwrap();
        found.permissions().mode() & 0o7777
    };
    assert_eq!(["", "lock", "control"].map(mode), [0o700, 0o600, 0o600]);
}

#[test]
fn what_an_earlier_life_left_is_taken_over() {
    if ours_alone("the supervisors of a killed s6-svscan live on and keep their locks") {
        return;
    }
    let mut world = World::of(&[
        Service::sleeper("a"),
        Service::sleeper("b").script("log/run", "exec cat"),
    ]);
    let services = ["a", "b", "b/log"];
    for service in services {
        world.wait_stat(service, UP);
    }
    let old = services.map(|service| world.service_pid(service));
    world.signal(Signal::SIGKILL);
    world.ended();
    let again = world.again();
    for service in services {
        again.wait_stat(service, UP);
    }
    assert_ne!(again.service_pid("a"), old[0]);
    for pid in old {
        kill_hard(pid);
    }
}

#[test]
fn an_immortal_service_does_not_keep_the_supervisor_for_ever() {
    if ours_alone(
        "s6-svscan waits for ever for a service that ignores its signal and has no timeout-kill",
    ) {
        return;
    }
    let immortal = "trap '' TERM; echo up >>../../log; while :; do sleep 1000; done";
    let grace = ("S6_SERVICES_GRACETIME", "1000");
    let mut world = World::with_variables(Kind::Ours, &[grace], &[Service::new("s", immortal)]);
    world.wait_log("up\n");
    world.signal(Signal::SIGTERM);
    world.ended();
}

#[test]
fn a_script_stands_in_for_the_meaning_of_a_signal() {
    let world = World::of(&[Service::sleeper("a")]);
    for signal in ["SIGUSR1", "SIGHUP"] {
        let script = format!("#!/bin/sh\necho {signal} >>../log\n");
        write_file(&world.path(".s6-svscan").join(signal), &script, 0o755);
    }
    Service::sleeper("b").install(&world.path(""));
    world.signal(Signal::SIGUSR1);
    world.wait_log("SIGUSR1\n");
    world.signal(Signal::SIGHUP);
    world.wait_log("SIGUSR1\nSIGHUP\n");
    assert!(!world.path("b/supervise").exists());
}

#[test]
fn an_abort_waits_for_nobody() {
    if ours_alone("the supervisors of an aborted s6-svscan live on") {
        return;
    }
    let mut world = World::of(&[Service::new("a", "trap '' TERM; exec sleep 1000")]);
    world.wait_stat("a", UP);
    let pid = world.service_pid("a");
    world.control("-b");
    world.ended();
    kill_hard(pid);
}
