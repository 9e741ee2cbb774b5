//! What a directory looks like after the supervisor's and the clients' calls.

#![expect(
    clippy::disallowed_methods,
    reason = "fixtures are written before anybody reads them"
)]

use super::*;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

fn directory() -> (tempfile::TempDir, Servicedir) {
    let scratch = tempfile::tempdir().unwrap();
    let directory = Servicedir::new(scratch.path());
    (scratch, directory)
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[test]
fn a_held_directory_has_the_files_and_modes_of_s6() {
    let (_scratch, directory) = directory();
    let held = directory.hold().unwrap().unwrap();
    assert_eq!(mode(&directory.join("event")), 0o3730);
    assert_eq!(mode(&directory.join("supervise")), 0o700);
    assert_eq!(mode(&directory.join("supervise/control")), 0o600);
    assert_eq!(mode(&directory.join("supervise/lock")), 0o644);
    assert!(directory.is_supervised().unwrap());
    assert!(directory.hold().unwrap().is_none());
    drop(held);
    assert!(!directory.is_supervised().unwrap());
}

#[test]
fn links_that_dangle_are_followed() {
    let (scratch, _) = directory();
    let inner = scratch.path().join("sd");
    fs::create_dir(&inner).unwrap();
    for name in ["event", "supervise"] {
        let target = format!("../{name}-elsewhere");
        std::os::unix::fs::symlink(target, inner.join(name)).unwrap();
    }
    let held = Servicedir::new(&inner).hold().unwrap();
    assert!(held.is_some());
    assert!(scratch.path().join("supervise-elsewhere/lock").exists());
}

#[test]
fn letters_arrive_and_nobody_listening_is_told_apart() {
    let (_scratch, directory) = directory();
    let missing = directory.send(b"u").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let mut held = directory.hold().unwrap().unwrap();
    directory.send(b"du").unwrap();
    let mut buffer = [0; 8];
    let length = held.control.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"du");
    drop(held);
    let nobody = directory.send(b"u").unwrap_err();
    assert_eq!(nobody.raw_os_error(), Some(nix::libc::ENXIO));
    assert!(is_nobody_there(&nobody) && !is_nobody_there(&missing));
}

#[test]
fn the_status_is_read_as_it_was_written() {
    let (_scratch, directory) = directory();
    directory.hold().unwrap();
    let status = Status {
        stamp: Stamp::now(),
        pid: 42,
        want_up: true,
        ..Status::default()
    };
    for layout in Layout::ALL {
        directory.write_status(&status, layout).unwrap();
        assert_eq!(directory.status().unwrap(), status);
        let length = directory.join("supervise/status").metadata().unwrap().len();
        assert_eq!(usize::try_from(length).unwrap(), layout.size());
    }
}

#[test]
fn what_is_no_record_is_told_with_its_length() {
    let (_scratch, directory) = directory();
    directory.hold().unwrap();
    fs::write(directory.join("supervise/status"), [0; 40]).unwrap();
    let error = directory.status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("40 bytes"), "{error}");
}

#[test]
fn the_tally_forgets_the_oldest_and_accepts_being_cleared() {
    let (_scratch, directory) = directory();
    directory.hold().unwrap();
    let death = |code| Death {
        stamp: Stamp::now(),
        code,
        signal: 0,
    };
    for code in 1..=4 {
        directory.add_death(&death(code), 3).unwrap();
    }
    let codes = |directory: &Servicedir| -> Vec<u8> {
        let deaths = directory.deaths().unwrap();
        deaths.iter().map(|death| death.code).collect()
    };
    assert_eq!(codes(&directory), [2, 3, 4]);
    fs::write(directory.join("supervise/death_tally"), "").unwrap();
    directory.add_death(&death(5), 3).unwrap();
    directory.add_death(&death(6), 0).unwrap();
    assert_eq!(codes(&directory), [5]);
    fs::write(directory.join("supervise/death_tally"), "torn").unwrap();
    directory.add_death(&death(7), 3).unwrap();
    assert_eq!(codes(&directory), [7]);
}

#[test]
fn a_subscriber_hears_what_is_notified_after_it() {
    let (_scratch, directory) = directory();
    let mut subscription = directory.subscribe().unwrap();
    directory.notify(b"u").unwrap();
    assert_eq!(subscription.wait(Some(soon())).unwrap().unwrap(), b"u");
    let past = Some(Instant::now());
    assert_eq!(subscription.wait(past).unwrap(), None);
    drop(subscription);
    let left = fs::read_dir(directory.join("event")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn fifos_of_dead_listeners_are_removed_and_others_left_alone() {
    let (_scratch, directory) = directory();
    directory.subscribe().unwrap();
    let dead = format!("event/ftrig1:@{}:abcdef", "0".repeat(24));
    make_fifo(&directory.join(&dead), 0o622).unwrap();
    make_fifo(&directory.join("event/another"), 0o622).unwrap();
    directory.notify(b"u").unwrap();
    assert!(!directory.join(&dead).exists());
    assert!(directory.join("event/another").exists());
}

#[test]
fn a_listener_that_does_not_read_stops_nobody() {
    let (_scratch, directory) = directory();
    let _subscription = directory.subscribe().unwrap();
    let flood = [b'u'; 4096];
    for _ in 0..100 {
        directory.notify(&flood).unwrap();
    }
}

#[test]
fn the_down_file_comes_and_goes() {
    let (_scratch, directory) = directory();
    assert!(directory.is_normally_up());
    directory.set_normally_up(true).unwrap();
    directory.set_normally_up(false).unwrap();
    assert!(!directory.is_normally_up());
    directory.set_normally_up(true).unwrap();
    assert!(directory.is_normally_up());
}

#[test]
fn a_directory_without_files_has_the_defaults_of_s6() {
    let (_scratch, directory) = directory();
    let mut settings = directory.settings();
    assert_eq!(settings.down_signal(), Signal::SIGTERM);
    assert_eq!(settings.reload_signal(), Signal::SIGHUP);
    assert_eq!(settings.timeout_kill(), None);
    assert_eq!(settings.timeout_finish(), Some(Duration::from_secs(5)));
    assert_eq!(settings.notification_fd(), None);
    assert_eq!(settings.max_death_tally(), 100);
    assert_eq!(settings.restart_delay(), Duration::from_secs(1));
    assert_eq!(settings.restart_limit(), None);
    assert_eq!(settings.kill_mode(), KillMode::Pid);
    assert_eq!(settings.output_prefix(), None);
    assert!(!settings.is_essential());
    assert!(settings.dependencies().is_empty());
    assert!(settings.complaints().is_empty());
}

#[test]
fn files_set_what_they_are_named_after() {
    let (_scratch, directory) = directory();
    for (name, text) in [
        ("down-signal", "int\nmore"),
        ("reload-signal", "USR1\n"),
        ("timeout-kill", "250\n"),
        ("timeout-finish", "0"),
        ("notification-fd", "3\n"),
        ("max-death-tally", "9999"),
        ("restart-limit", "4"),
        ("kill-mode", "group\n"),
        ("output-prefix", "\n"),
        ("output-time", ""),
        ("essential", ""),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
    fs::create_dir(directory.join("dependencies.d")).unwrap();
    for name in ["b", "a", ".hidden"] {
        fs::write(directory.join("dependencies.d").join(name), "").unwrap();
    }
    let mut settings = directory.settings();
    assert_eq!(settings.down_signal(), Signal::SIGINT);
    assert_eq!(settings.reload_signal(), Signal::SIGUSR1);
    assert_eq!(settings.timeout_kill(), Some(Duration::from_millis(250)));
    assert_eq!(settings.timeout_finish(), None);
    assert_eq!(settings.notification_fd(), Some(3));
    assert_eq!(settings.max_death_tally(), 4096);
    assert_eq!(settings.restart_limit(), Some(4));
    assert_eq!(settings.kill_mode(), KillMode::Group);
    assert_eq!(settings.output_prefix().as_deref(), Some(""));
    assert!(settings.has_output_time() && settings.is_essential());
    assert_eq!(settings.dependencies(), ["a", "b"]);
    assert!(settings.complaints().is_empty());
}

#[test]
fn what_is_wrong_in_a_file_is_told_and_the_default_holds() {
    let (_scratch, directory) = directory();
    for (name, text) in [
        ("down-signal", "SIGFOO"),
        ("timeout-kill", "5s"),
        ("notification-fd", "1"),
        ("max-death-tally", "+7"),
        ("kill-mode", "everything"),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
    let mut settings = directory.settings();
    assert_eq!(settings.down_signal(), Signal::SIGTERM);
    assert_eq!(settings.timeout_kill(), None);
    assert_eq!(settings.notification_fd(), None);
    assert_eq!(settings.max_death_tally(), 100);
    assert_eq!(settings.kill_mode(), KillMode::Pid);
    let complaints = settings.complaints();
    assert_eq!(complaints.len(), 5);
    assert_eq!(complaints[1], "timeout-kill: \"5s\" is no whole number");
}

fn fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

#[test]
fn a_fifo_where_a_setting_is_expected_is_told_and_the_default_holds() {
    let (_scratch, directory) = directory();
    for name in ["down-signal", "timeout-finish", "dependencies.d", "oneshot"] {
        fifo(&directory.join(name));
    }
    let mut settings = directory.settings();
    assert_eq!(settings.down_signal(), Signal::SIGTERM);
    assert_eq!(settings.timeout_finish(), Some(Duration::from_secs(5)));
    assert_eq!(settings.oneshot(), Some(None), "it is there");
    assert!(settings.dependencies().is_empty());
    assert_eq!(
        settings.complaints(),
        [
            "read down-signal: it is a FIFO, not a file",
            "read timeout-finish: it is a FIFO, not a file",
            "read oneshot: it is a FIFO, not a file",
            "read dependencies.d: it is a FIFO, not a directory",
        ]
    );
}

#[test]
fn what_stands_in_the_supervisors_way_is_replaced_or_told() {
    let (_scratch, directory) = directory();
    for name in ["status", "death_tally"] {
        fifo(&directory.join("supervise").join(name));
    }
    let held = directory.hold().unwrap();
    directory
        .write_status(&Status::default(), Layout::Short)
        .unwrap();
    for name in ["supervise/status", "supervise/death_tally"] {
        assert!(directory.join(name).is_file(), "{name}");
    }
    drop(held);
    fs::remove_file(directory.join("supervise/lock")).unwrap();
    fifo(&directory.join("supervise/lock"));
    let error = format!("{:#}", directory.hold().unwrap_err());
    assert_eq!(error, "lock supervise/lock: it is a FIFO, not a file");
    assert!(directory.is_supervised().is_err());
}

#[test]
fn a_link_to_itself_is_no_directory() {
    let (_scratch, directory) = directory();
    std::os::unix::fs::symlink("event", directory.join("event")).unwrap();
    let error = format!("{:#}", directory.hold().unwrap_err());
    assert!(error.starts_with("make event: "), "{error}");
}

#[test]
fn letters_go_into_nothing_but_a_fifo() {
    let (_scratch, directory) = directory();
    fs::create_dir(directory.join("supervise")).unwrap();
    fs::write(directory.join("supervise/control"), "").unwrap();
    let error = directory.send(b"u").unwrap_err();
    assert_eq!(error.to_string(), "it is a file, not a FIFO");
    assert!(!is_nobody_there(&error));
}

#[test]
fn an_event_is_written_into_nothing_but_a_fifo() {
    let (_scratch, directory) = directory();
    let subscription = directory.subscribe().unwrap();
    let listener = fs::read_dir(directory.join("event")).unwrap().next();
    let path = listener.unwrap().unwrap().path();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "kept").unwrap();
    directory.notify(b"u").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"kept");
    drop(subscription);
}

#[test]
fn a_service_is_down_whatever_its_file_down_is() {
    let (_scratch, directory) = directory();
    fifo(&directory.join("down"));
    assert!(!directory.is_normally_up());
    directory.set_normally_up(false).unwrap();
    directory.set_normally_up(true).unwrap();
    assert!(directory.is_normally_up());
}

#[test]
fn signals_have_names_and_numbers() {
    for text in ["HUP", "sighup", "SIGHUP", "1"] {
        assert_eq!(parse_signal(text), Some(Signal::SIGHUP), "{text}");
    }
    assert_eq!(parse_signal("0"), None);
    assert_eq!(parse_signal("SIGSIGHUP"), None);
}

#[test]
fn every_complaint_is_a_sentence() {
    let (_scratch, directory) = directory();
    let complaint = |name: &str, content: &str| {
        fs::write(directory.join(name), content).unwrap();
        let mut settings = directory.settings();
        settings.notification_fd();
        settings.timeout_kill();
        settings.down_signal();
        settings.kill_mode();
        fs::remove_file(directory.join(name)).unwrap();
        settings.complaints().concat()
    };
    for (name, content, want) in [
        (
            "notification-fd",
            "-1",
            "notification-fd: \"-1\" is below 3, and 0 to 2 are its standard streams",
        ),
        (
            "notification-fd",
            "x",
            "notification-fd: \"x\" is no whole number",
        ),
        (
            "notification-fd",
            "",
            "notification-fd: \"\" is no whole number",
        ),
        (
            "timeout-kill",
            "-5",
            "timeout-kill: \"-5\" is no whole number",
        ),
        (
            "timeout-kill",
            "4294967296",
            "timeout-kill: \"4294967296\" is too large a number",
        ),
        ("down-signal", "FOO", "down-signal: \"FOO\" is no signal"),
        (
            "kill-mode",
            "all",
            "kill-mode: \"all\" is neither pid nor group",
        ),
    ] {
        assert_eq!(complaint(name, content), want);
    }
}
