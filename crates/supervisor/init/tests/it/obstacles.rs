//! Whatever stands where a file is expected, the supervisor waits for none of it: it says what is wrong, and the
//! services beside it are served.

mod obstacle;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use harness::wait_for;
use nix::libc::O_NONBLOCK;
use nix::sys::signal::Signal;

use crate::releases::Difference;
use crate::world::{
    Container, SOON, Service, World, ours_alone, processes_below, the_real_one_has,
};
use obstacle::Obstacle;

const UP: &str = "up (pid N) N seconds";
const NEIGHBOUR: &str = "z-neighbour";

/// What is read or written in a service directory.
const FILES: [&str; 31] = [
    "run",
    "finish",
    "down",
    "oneshot",
    "essential",
    "notification-fd",
    "lock-fd",
    "down-signal",
    "reload-signal",
    "timeout-kill",
    "timeout-finish",
    "max-death-tally",
    "restart-delay",
    "restart-delay-max",
    "restart-limit",
    "restart-window",
    "kill-mode",
    "output-prefix",
    "output-time",
    "dependencies.d",
    "log",
    "log/run",
    "log/down-signal",
    "event",
    "supervise",
    "supervise/lock",
    "supervise/control",
    "supervise/status",
    "supervise/.status.new",
    "supervise/death_tally",
    "supervise/service-lock",
];

/// Every obstacle takes the place of every file, each in a service of its own, and one more service stands beside them.
fn in_the_place_of_every_file(obstacle: Obstacle) -> String {
    let dir = World::directory(&[Service::sleeper(NEIGHBOUR).file("restart-delay", "0\n")]);
    for file in FILES {
        let service = Service::sleeper(&name_of(file)).file("lock-fd", "7\n");
        // A finish that cannot be started would hide how long it may take.
        let service = match file {
            "timeout-finish" => service.script("finish", "exit 0"),
            _ => service,
        };
        service.install(&dir.path().join("scan"));
        obstacle.take_the_place_of(&dir.path().join("scan").join(name_of(file)).join(file));
    }
    let mut world = World::unattended_at(dir);
    assert_serves(&world);
    for letters in [&b"lkDU"[..], b"r", b"t"] {
        // The death of an essential service would be the end of all.
        for file in FILES.into_iter().filter(|it| *it != "essential") {
            send(&world, &name_of(file), letters);
        }
        assert_serves(&world);
    }
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    assert_eq!(processes_below(world.dir.path()), []);
    world.output()
}

fn name_of(file: &str) -> String {
    file.replace('/', "-")
}

/// Letters for a service that may not be supervised.
fn send(world: &World, service: &str, letters: &[u8]) {
    let mut options = fs::OpenOptions::new();
    let control = world.path(service).join("supervise/control");
    if let Ok(mut control) = options.write(true).custom_flags(O_NONBLOCK).open(control) {
        let _ = control.write(letters);
    }
}

/// The neighbour is up, and obeys.
fn assert_serves(world: &World) {
    world.wait_supervised(NEIGHBOUR);
    world.wait_stat(NEIGHBOUR, UP);
    world.restart("-r", NEIGHBOUR);
}

#[test]
fn a_fifo_in_the_place_of_any_file_is_told_and_keeps_nobody_waiting() {
    let output = in_the_place_of_every_file(Obstacle::Fifo);
    if ours_alone("s6-supervise has words of its own, and keeps some of them to itself") {
        return;
    }
    for file in FILES {
        let name = name_of(file);
        let told = match file {
            "run" | "finish" => format!("start ./{file}: it is a FIFO, no program"),
            "log/run" => "start ./run: it is a FIFO, no program".into(),
            "dependencies.d" => "read dependencies.d: it is a FIFO, not a directory".into(),
            "event" | "supervise" => format!("make {file}: it is a FIFO, not a directory"),
            "supervise/lock" => format!("lock {file}: it is a FIFO, not a file"),
            "supervise/service-lock" => "start ./run: it is a FIFO, not a file".into(),
            "log/down-signal" => "read down-signal: it is a FIFO, not a file".into(),
            // These are not opened, or a file takes their place, or they are FIFOs.
            "down" | "essential" | "log" | "output-time" => continue,
            _ if file.starts_with("supervise/") => continue,
            _ => format!("read {file}: it is a FIFO, not a file"),
        };
        let line = |line: &str| line.contains(&name) && line.ends_with(&told);
        let found = output.lines().any(|it| line(it) || it.contains(&told));
        assert!(found, "{name}: {told}\n{output}");
    }
}

#[test]
fn a_link_to_a_fifo_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::LinkToFifo);
}

#[test]
fn a_socket_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::Socket);
    in_the_place_of_every_file(Obstacle::LinkToSocket);
}

#[test]
fn a_device_that_never_ends_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::Endless);
    in_the_place_of_every_file(Obstacle::LinkToEndless);
}

#[test]
fn a_terminal_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::LinkToTerminal);
}

#[test]
fn a_directory_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::Directory);
    in_the_place_of_every_file(Obstacle::LinkToDirectory);
}

#[test]
fn a_link_to_nowhere_or_to_itself_keeps_nobody_waiting() {
    if the_real_one_has(Difference::EndsScan) {
        return;
    }
    in_the_place_of_every_file(Obstacle::LinkToNowhere);
    in_the_place_of_every_file(Obstacle::LinkToItself);
}

#[test]
fn a_huge_file_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::Huge);
    in_the_place_of_every_file(Obstacle::LinkToHuge);
}

#[test]
fn a_file_that_may_not_be_read_keeps_nobody_waiting() {
    in_the_place_of_every_file(Obstacle::Closed);
}

#[test]
fn what_is_no_script_and_no_service_in_a_scan_directory_counts_for_nothing() {
    let signals = ["SIGHUP", "SIGTERM", "SIGINT", "SIGUSR1"];
    let ends_scan = the_real_one_has(Difference::EndsScan);
    for obstacle in Obstacle::ALL.into_iter().filter(|it| !it.is_a_file()) {
        if ends_scan && [Obstacle::LinkToNowhere, Obstacle::LinkToItself].contains(&obstacle) {
            continue;
        }
        let dir = World::directory(&[Service::sleeper(NEIGHBOUR)]);
        let scandir = dir.path().join("scan");
        for signal in signals {
            obstacle.take_the_place_of(&scandir.join(".s6-svscan").join(signal));
        }
        obstacle.take_the_place_of(&scandir.join("entry"));
        let mut world = World::unattended_at(dir);
        assert_serves(&world);
        Service::sleeper("b").install(&world.path(""));
        world.signal(Signal::SIGHUP);
        world.wait_supervised("b");
        world.signal(Signal::SIGTERM);
        assert_eq!(world.ended_code(), 0, "{obstacle:?}: {}", world.output());
        assert_eq!(processes_below(world.dir.path()), []);
    }
}

#[test]
fn a_supervisor_that_cannot_have_its_own_files_says_so_and_ends() {
    if ours_alone("s6-svscan has other codes for that") {
        return;
    }
    for file in [
        ".s6-svscan",
        ".s6-svscan/lock",
        ".s6-svscan/control",
        ".s6-svscan/finish",
    ] {
        // What is a file is given to a shell as the last resort, which has its own view of it.
        let is_run = |it: &Obstacle| file.ends_with("finish") && it.is_a_file();
        for obstacle in Obstacle::ALL.into_iter().filter(|it| !is_run(it)) {
            let dir = World::directory(&[Service::sleeper(NEIGHBOUR)]);
            let path = dir.path().join("scan").join(file);
            obstacle.take_the_place_of(&path);
            let mut world = World::unattended_at(dir);
            let ended = wait_for("it to end or to supervise", SOON, || {
                let ended = world.has_ended();
                let serves = world.tool("s6-svok", &[], NEIGHBOUR).code == 0;
                (ended || serves).then_some(ended)
            });
            if !ended {
                world.wait_stat(NEIGHBOUR, UP);
                world.signal(Signal::SIGTERM);
            }
            let code = world.ended_code();
            let output = world.output();
            assert!(
                code == 0 && !ended || code == 111 && output.contains(".s6-svscan"),
                "{file} {obstacle:?}: {code} {output}"
            );
            assert_eq!(processes_below(world.dir.path()), []);
        }
    }
}

#[test]
fn a_container_starts_and_ends_whatever_stands_in_its_way() {
    if ours_alone("a container is s6-overlay's, not s6's") {
        return;
    }
    for obstacle in Obstacle::ALL.into_iter().filter(|it| !it.is_a_file()) {
        let neighbour = Service::new(NEIGHBOUR, "echo run >>../../log; exec sleep 1000");
        let container = Container::with(&[
            neighbour,
            Service::sleeper("broken"),
            Service::sleeper("logged").script("log/run", "exec cat"),
        ]);
        for file in [
            "etc/cont-init.d/x",
            "etc/cont-finish.d/x",
            "etc/services.d/broken/run",
            "etc/services.d/logged/log/run",
            "etc/services.d/entry",
            "env-stage3/S6_STAGE2_EXITED",
            "container_environment",
        ] {
            obstacle.take_the_place_of(&container.path(file));
        }
        let mut world = container.start(&[]);
        world.wait_lines(1);
        let written = world.dir.path().join("env-stage3/S6_STAGE2_EXITED");
        obstacle.take_the_place_of(&written);
        world.signal(Signal::SIGTERM);
        assert_eq!(world.ended_code(), 0, "{obstacle:?}: {}", world.output());
        assert_eq!(processes_below(world.dir.path()), []);
        assert_environment_is_kept(world.dir.path());
    }
}

/// Whatever was in its place has given way.
fn assert_environment_is_kept(dir: &Path) {
    let path = fs::read_to_string(dir.join("container_environment/PATH")).unwrap();
    assert_eq!(path, std::env::var("PATH").unwrap());
}

#[test]
fn no_name_and_no_file_of_a_service_reaches_the_terminal_as_a_command() {
    if ours_alone("s6 writes names as they are") {
        return;
    }
    let service = Service::only_files("web\u{1b}[31m\rname")
        .raw("run", "#!/no\u{1b}[31mpe\n", 0o755)
        .file("dependencies.d/db\u{1b}c", "");
    let world = World::unattended(&[service]);
    world.wait_output("its interpreter /no\\u{1b}[31mpe is missing");
    let output = world.output();
    assert!(
        output.contains("web\\u{1b}[31m\\rname: needs db\\u{1b}c"),
        "{output:?}"
    );
    assert!(!output.contains(['\u{1b}', '\r']), "{output:?}");
}
