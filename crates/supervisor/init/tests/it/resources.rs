//! Without descriptors, processes, space or rights the supervisor says so, survives, and tries again.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::world::{SOON, Service, World, held_in, is_alive, ours_alone, sleeps_after};

const REASON: &str = "what s6 does then is its own affair";

/// A user that owns no other process on this machine, so that its limits are not used up by others.
const NOBODY: u32 = 61_234;

/// Our `init`, started by this shell script; `$INIT` is its path, `$DIR` the scratch directory.
fn started_by(script: &str, services: &[Service]) -> World {
    let dir = harness::scratch();
    let scandir = dir.path().join("scan");
    std::fs::create_dir(&scandir).unwrap();
    for service in services {
        service.install(&scandir);
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .env("INIT", program_in(dir.path()))
        .env("DIR", dir.path());
    own(dir.path());
    World::start(dir, command)
}

/// A copy of `init` that every user can execute.
fn program_in(dir: &Path) -> PathBuf {
    let copy = dir.join("init");
    let copied = Command::new("install")
        .arg(env!("CARGO_BIN_EXE_init"))
        .arg(&copy)
        .status()
        .unwrap();
    assert!(copied.success());
    copy
}

fn own(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path());
        }
    }
}

#[test]
fn without_descriptors_for_all_services_some_run_and_the_rest_is_told() {
    if ours_alone(REASON) {
        return;
    }
    let services: Vec<Service> = (0..20)
        .map(|number| Service::sleeper(&format!("s{number}")))
        .collect();
    let mut world = started_by(
        "ulimit -n 40; exec \"$INIT\" --scan \"$DIR/scan\"",
        &services,
    );
    world.wait_output("Too many open files");
    let up = || {
        (0..20)
            .filter(|number| world.stat(&format!("s{number}")).starts_with("up"))
            .count()
    };
    wait_for("some services to be up", SOON, || (up() > 0).then_some(()));
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn without_processes_the_start_is_told_and_the_supervisor_lives() {
    if ours_alone(REASON) {
        return;
    }
    let script = "exec setpriv --reuid=61234 --regid=61234 --clear-groups prlimit --nproc=1 \"$INIT\" --scan \"$DIR/scan\"";
    let mut world = started_by(script, &[Service::sleeper("s")]);
    world.wait_supervised("s");
    world.wait_output("Resource temporarily unavailable");
    world.svc(&["-d"], "s");
    world.wait_stat(
        "s",
        "down (exitcode 0) N seconds, normally up, ready N seconds",
    );
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn without_processes_the_command_is_told_with_111() {
    if ours_alone(REASON) {
        return;
    }
    let script = "exec setpriv --reuid=61235 --regid=61235 --clear-groups prlimit --nproc=0 \"$INIT\" --services \"$DIR/scan\" echo x";
    let mut world = started_by(script, &[]);
    assert_eq!(world.ended_code(), 111, "{}", world.output());
    assert_eq!(
        world.output(),
        "init: start echo: Resource temporarily unavailable\n"
    );
}

#[test]
fn a_supervised_directory_is_all_that_it_keeps_hold_of() {
    if ours_alone("where s6-svscan is started is its own affair") {
        return;
    }
    let script = "mkdir \"$DIR/place\"; cd \"$DIR/place\"; exec \"$INIT\" --scan ../scan";
    let world = started_by(script, &[Service::sleeper("s")]);
    world.wait_supervised("s");
    let place = world.dir.path().join("place");
    assert_eq!(held_in(&place, world.pid()), Vec::<PathBuf>::new());
}

#[test]
fn any_user_can_run_it() {
    if ours_alone(REASON) {
        return;
    }
    let script =
        "exec setpriv --reuid=61234 --regid=61234 --clear-groups \"$INIT\" --scan \"$DIR/scan\"";
    let mut world = started_by(
        script,
        &[Service::new("s", "id -u >>../../log; exec sleep 1000")],
    );
    assert_eq!(world.wait_lines(1), [NOBODY.to_string()]);
    world.svc(&["-r"], "s");
    world.wait_lines(2);
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn a_full_disk_is_told_and_the_status_is_right_once_there_is_room() {
    if ours_alone(REASON) {
        return;
    }
    let script = "mkdir \"$DIR/disk\" && mount -t tmpfs -o size=256k tmpfs \"$DIR/disk\" && \
                  cp -a \"$DIR/scan/.\" \"$DIR/disk/\" && exec \"$INIT\" --scan \"$DIR/disk\"";
    let script = format!("exec unshare --mount sh -c '{script}'");
    let world = started_by(&script, &[Service::sleeper("s")]);
    let disk = PathBuf::from(format!(
        "/proc/{}/root{}/disk",
        world.pid(),
        world.dir.path().display()
    ));
    let service = disk.join("s");
    let service = service.to_str().unwrap();
    let status = || {
        crate::world::run(&harness::require("s6-svstat"), &["-o", "pid", service])
            .out
            .trim()
            .parse::<i32>()
    };
    let old = wait_for("it to be up", SOON, || status().ok().filter(|pid| *pid > 1));
    let filled = Command::new("dd")
        .arg("if=/dev/zero")
        .arg(format!("of={}/fill", disk.display()))
        .output()
        .unwrap();
    assert!(!filled.status.success());
    crate::world::kill_hard(old);
    world.wait_output("No space left on device");
    std::fs::remove_file(disk.join("fill")).unwrap();
    let new = wait_for("the status to be right", SOON, || {
        status().ok().filter(|pid| *pid > 1 && *pid != old)
    });
    assert!(is_alive(new));
}

/// Our `init` over a file system that is mounted with these options. The shell command `make` runs in the service `s`.
fn mounted(options: &str, make: &str) -> World {
    let script = format!(
        "mkdir \"$DIR/disk\" && mount -t tmpfs -o {options} tmpfs \"$DIR/disk\" && \
         cp -a \"$DIR/scan/.\" \"$DIR/disk/\" && cd \"$DIR/disk/s\" && {make} && \
         exec \"$INIT\" --scan \"$DIR/disk\""
    );
    let script = format!("exec unshare --mount sh -c '{script}'");
    started_by(&script, &[Service::sleeper("s")])
}

#[test]
fn a_file_system_that_forbids_execution_is_told_with_what_to_do() {
    if ours_alone(REASON) {
        return;
    }
    let mut world = mounted("noexec", "true");
    world.wait_output(
        "init: s: start ./run: it is on a file system mounted noexec: mount it with exec (docker: --tmpfs /run:exec)",
    );
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn a_program_for_another_machine_is_told() {
    if ours_alone(REASON) {
        return;
    }
    // The beginning of an ELF header, where 243, or 363 in octal, is RISC-V.
    let header = r#"printf "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\363\0" >run"#;
    let mut world = mounted("mode=755", header);
    world.wait_output("init: s: start ./run: it is a program for RISC-V; trying again in 10s");
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn a_command_has_the_terminal() {
    if ours_alone("s6-svscan runs no command") {
        return;
    }
    let dir = harness::scratch();
    // Fields 5 and 8 are its own process group and the one in the terminal's foreground.
    let line = format!(
        "{} --scandir {}/scan -- sh -c 'test -t 0 && echo terminal; cut -d\" \" -f5,8 /proc/$$/stat'",
        env!("CARGO_BIN_EXE_init"),
        dir.path().display(),
    );
    let mut command = Command::new("timeout");
    command.args(["60", "script", "-qec", &line, "/dev/null"]);
    let mut world = World::start(dir, command);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    let output = world.output();
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    assert_eq!(lines[0], "terminal", "{output}");
    let groups: Vec<&str> = lines[1].split(' ').collect();
    assert_eq!(groups[0], groups[1], "{output}");
}

#[test]
fn a_directory_that_can_not_be_entered_any_more_keeps_nobody_awake() {
    if ours_alone(REASON) {
        return;
    }
    let script =
        "exec setpriv --reuid=61234 --regid=61234 --clear-groups \"$INIT\" --scan \"$DIR/scan\"";
    let mut world = started_by(script, &[Service::sleeper("s")]);
    world.wait_supervised("s");
    world.wait_stat("s", "up (pid N) N seconds");
    let allow = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(world.path("s"), permissions).unwrap();
    };
    allow(0);
    world.letters(b"p", "s");
    world.wait_output("s: write its status");
    // It is written again after a second.
    assert!(sleeps_after(world.pid(), Duration::from_secs(2)));
    allow(0o755);
    world.wait_stat("s", "up (pid N) N seconds, paused");
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}
