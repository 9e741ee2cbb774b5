//! The bounded log, and what becomes of the lines that go there.

use std::fs;
use std::path::{Path, PathBuf};

use harness::wait_for;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::world::{Container, SOON, Service, World, children, ours_alone};

const REASON: &str = "s6-svscan does not touch output";

fn log_of(world: &World) -> PathBuf {
    world.dir.path().join("init.log")
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn wait_for_line(path: &Path, line: &str) {
    wait_for(&format!("{line:?} in the log"), SOON, || {
        read(path).lines().any(|it| it == line).then_some(())
    });
}

/// Our `init` for these services, with its log and these settings.
fn logging(services: &[Service], settings: &[(&str, &str)], command: &[&str]) -> World {
    let mut container = Container::with(services);
    for (name, value) in settings {
        container = container.env(name, value);
    }
    let mut init = container.command(&[]);
    init.arg("--log").arg(container.path("init.log"));
    init.args(command);
    World::start(container.dir, init)
}

#[test]
fn lines_of_services_and_messages_are_in_the_log_and_a_commands_bytes_on_its_output() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        Service::new("a", "echo out; echo err >&2; echo >&3; exec sleep 1000")
            .file("notification-fd", "3\n")
            .file("output-prefix", ""),
        Service::new("b", "echo plain; echo >&3; exec sleep 1000")
            .file("notification-fd", "3\n")
            .script("finish", "echo finished"),
    ];
    let escapes = ["printf", r"\033]0;title\007\377\n"];
    let settings = [("S6_CMD_WAIT_FOR_SERVICES", "1"), ("S6_LOGGING", "1")];
    let mut world = logging(&services, &settings, &escapes);
    assert_eq!(world.ended_code(), 0);
    let log = read(&log_of(&world));
    for line in ["[a] out", "[a] err", "plain", "finished"] {
        assert!(log.lines().any(|it| it == line), "{line:?}: {log}");
    }
    assert!(log.contains("init: S6_LOGGING means"), "{log}");
    let output = fs::read(world.dir.path().join("output")).unwrap();
    assert_eq!(output, b"\x1b]0;title\x07\xff\n");
}

#[test]
fn what_could_steer_a_terminal_is_spelled_out_with_a_label_and_untouched_without() {
    if ours_alone(REASON) {
        return;
    }
    let hostile = r"printf '\033]0;title\007\033[2J\302\233\233\r\tx\n' >&2; exec sleep 1000";
    let raw = b"\x1b]0;title\x07\x1b[2J\xc2\x9b\x9b\r\tx\n";
    let world = World::of(&[
        Service::new("a", hostile).file("output-prefix", ""),
        Service::new("b", hostile),
    ]);
    let shown = r"[a] \u{1b}]0;title\u{7}\u{1b}[2J\u{9b}\x9b\r".to_owned() + "\tx\n";
    wait_for("both", SOON, || {
        let output = fs::read(world.dir.path().join("output")).unwrap();
        let has = |part: &[u8]| output.windows(part.len()).any(|it| it == part);
        (has(shown.as_bytes()) && has(raw)).then_some(())
    });
}

#[test]
fn a_name_in_a_message_makes_no_line_of_its_own() {
    if ours_alone(REASON) {
        return;
    }
    let name = "a\ninit: all is well\x1b[2J";
    let world = World::of(&[Service::only_files(name).file("run", "")]);
    world.wait_output(r"init: a\ninit: all is well\u{1b}[2J: start ./run: ");
    assert!(!world.output().contains("\ninit: all"));
}

type Make = fn(&Path);

#[test]
fn a_log_that_is_no_file_of_ours_is_told_before_anything_is_started() {
    if ours_alone(REASON) {
        return;
    }
    let make: [(&str, Make); 3] = [
        ("a link", |path| {
            std::os::unix::fs::symlink("elsewhere", path).unwrap();
        }),
        ("a FIFO", |path| {
            nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap();
        }),
        ("another user's", |path| {
            fs::File::create(path).unwrap();
            std::os::unix::fs::chown(path, Some(61_234), None).unwrap();
        }),
    ];
    for (what, make) in make {
        let container = Container::with(&[Service::new("s", "echo ran >>../../log")]);
        make(&container.path("init.log"));
        let mut init = container.command(&[]);
        init.arg("--log").arg(container.path("init.log"));
        let mut world = World::start(container.dir, init);
        assert_eq!(world.ended_code(), 100, "{what}");
        let said = world.output();
        let told = format!("init: open the log {}: it is ", log_of(&world).display());
        assert!(said.starts_with(&told), "{what}: {said}");
        assert!(said.contains("name a file of your own"), "{what}: {said}");
        assert!(!world.path("s").exists() && world.log().is_empty());
    }
}

#[test]
fn a_flood_is_left_out_and_told_and_other_lines_of_the_service_are_not() {
    if ours_alone(REASON) {
        return;
    }
    let flood = "i=0; while [ $i -lt 20000 ]; do echo \"$i garbage\"; i=$((i+1)); done; \
                 echo 'what matters'; exec sleep 1000";
    let world = logging(&[Service::new("s", flood)], &[("INIT_PREFIX", "1")], &[]);
    let log = log_of(&world);
    wait_for_line(&log, "[s] what matters");
    let left_out = || -> usize {
        let text = read(&log);
        let told = text
            .lines()
            .filter_map(|it| it.strip_prefix("init: s: left out "));
        let count = |it: &str| it.split(' ').next()?.parse::<usize>().ok();
        told.filter_map(count).sum()
    };
    // Each line is in the log or counted.
    wait_for("all of it to be told", SOON, || {
        let shown = read(&log)
            .lines()
            .filter(|it| it.ends_with(" garbage") && it.starts_with('['))
            .count();
        assert!(shown < 10_000, "{shown}");
        (shown + left_out() == 20_000).then_some(())
    });
    assert!(!world.output().contains("garbage"));
}

#[test]
fn what_a_logger_prints_is_not_left_out() {
    if ours_alone(REASON) {
        return;
    }
    let flood =
        "i=0; while [ $i -lt 5000 ]; do echo \"$i line\"; i=$((i+1)); done; exec sleep 1000";
    let service = Service::new("s", flood).script("log/run", "exec cat");
    let world = logging(&[service], &[("INIT_LOG_RATE", "1")], &[]);
    let log = log_of(&world);
    wait_for_line(&log, "4999 line");
    assert_eq!(
        read(&log)
            .lines()
            .filter(|it| it.ends_with(" line"))
            .count(),
        5000
    );
}

#[test]
fn without_a_limit_of_lines_two_files_have_the_end_of_a_flood() {
    if ours_alone(REASON) {
        return;
    }
    let flood = "yes | head -n 1000000 | cat -n; echo last; exec sleep 1000";
    let settings = [("INIT_LOG_SIZE", "200000"), ("INIT_LOG_RATE", "0")];
    let world = logging(&[Service::new("s", flood)], &settings, &[]);
    let (log, older) = (log_of(&world), world.dir.path().join("init.log.1"));
    wait_for_line(&log, "last");
    let text = read(&older) + &read(&log);
    assert!((100_000..=200_000).contains(&text.len()), "{}", text.len());
    let number = |line: &str| line.split_whitespace().next()?.parse::<u32>().ok();
    let numbers: Vec<u32> = text.lines().filter_map(number).collect();
    assert!(numbers.len() > 1000);
    assert_eq!(numbers, (numbers[0]..=1_000_000).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_stops_nobody_and_what_it_cost_is_told() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[
        Service::new("flood", "while :; do echo garbage; sleep 0.01; done"),
        Service::sleeper("other"),
    ]);
    let init = container.command(&[]);
    let mut shell = std::process::Command::new("unshare");
    let script =
        "mkdir \"$DIR/disk\" && mount -t tmpfs -o size=8k tmpfs \"$DIR/disk\" && exec \"$@\"";
    shell
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(init.get_program())
        .args(init.get_args())
        .env("DIR", container.path(""))
        .env("INIT_LOG", container.path("disk/init.log"))
        .env("INIT_LOG_RATE", "0");
    let mut world = World::start(container.dir, shell);
    for service in ["flood", "other"] {
        world.wait_supervised(service);
    }
    let disk = format!(
        "/proc/{}/root{}/disk",
        world.pid(),
        world.dir.path().display()
    );
    let log = Path::new(&disk).join("init.log");
    wait_for("the disk to be full", SOON, || {
        (read(&log).len() > 8000).then_some(())
    });
    world.restart("-r", "other");
    assert_eq!(children(world.pid()).len(), 2);
    fs::File::options()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(0)
        .unwrap();
    wait_for("the loss to be told", SOON, || {
        let text = read(&log);
        let told = |line: &str| line.ends_with(" lines lost: the log could not be written");
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().any(told).then_some(())
    });
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}

#[test]
fn a_log_that_is_too_small_is_used_wrongly() {
    if ours_alone(REASON) {
        return;
    }
    let settings = [("INIT_LOG_SIZE", "1000")];
    let mut world = logging(&[], &settings, &[]);
    assert_eq!(world.ended_code(), 100);
    assert!(world.output().contains("--log-size"), "{}", world.output());
    assert!(!log_of(&world).exists());
}
