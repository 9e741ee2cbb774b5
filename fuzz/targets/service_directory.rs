//! The files of a service directory: its status, its deaths and its settings. The first byte
//! says which file the rest is.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::SystemTime;

use servicedir::{DEATH_SIZE, Layout, Servicedir, Status, parse_signal};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

const FILES: [&str; 16] = [
    "supervise/status",
    "supervise/death_tally",
    "down-signal",
    "kill-mode",
    "lock-fd",
    "max-death-tally",
    "notification-fd",
    "oneshot",
    "output-prefix",
    "reload-signal",
    "restart-delay",
    "restart-delay-max",
    "restart-limit",
    "restart-window",
    "timeout-finish",
    "timeout-kill",
];

fn holds(bytes: &[u8]) {
    static SCRATCH: OnceLock<tempfile::TempDir> = OnceLock::new();
    let Some((which, content)) = bytes.split_first() else {
        return;
    };
    let scratch = SCRATCH.get_or_init(|| {
        let scratch = tempfile::tempdir().expect("there is room for a folder");
        fs::create_dir(scratch.path().join("supervise")).expect("and for one in it");
        scratch
    });
    let directory = Servicedir::new(scratch.path());
    let path = directory.join(FILES[usize::from(*which) % FILES.len()]);
    let written = File::create(&path).and_then(|mut file| file.write_all(content));
    written.expect("a file can be written");
    records(&directory, content);
    settings(&directory);
    words(content);
    fs::remove_file(&path).expect("it is there");
}

/// What is read as a record is written as one that says the same.
fn records(directory: &Servicedir, content: &[u8]) {
    if let Ok(status) = directory.status() {
        for layout in Layout::ALL {
            let record = status.encode(layout);
            assert_eq!(record.len(), layout.size());
            assert_eq!(Status::decode(&record), Ok(status));
        }
        let _ = status.wait_status.shell_code();
        let _ = status.ready_stamp.seconds_until(SystemTime::UNIX_EPOCH);
        assert!(!(status.is_paused() && status.is_not_started_yet()));
        assert_eq!(status.stamp.hex().len(), 24);
    }
    if let Ok(deaths) = directory.deaths() {
        assert_eq!(deaths.len(), content.len() / DEATH_SIZE);
        for death in deaths {
            let _ = death.stamp.seconds_until(SystemTime::now());
        }
    }
}

/// A setting is within its bounds, or its default holds and it is told in one line.
fn settings(directory: &Servicedir) {
    let mut settings = directory.settings();
    settings.down_signal();
    settings.reload_signal();
    settings.kill_mode();
    settings.oneshot();
    settings.output_prefix();
    settings.restart_delay();
    settings.restart_delay_max();
    settings.restart_limit();
    settings.restart_window();
    settings.timeout_kill();
    assert!(settings.timeout_finish().is_none_or(|time| !time.is_zero()));
    assert!(settings.max_death_tally() <= 4096);
    let descriptors = [settings.notification_fd(), settings.lock_fd()];
    assert!(descriptors.iter().flatten().all(|number| *number > 2));
    for told in settings.complaints() {
        assert!(!told.chars().any(char::is_control), "{told:?}");
    }
}

/// A signal's name and its number mean the same.
fn words(content: &[u8]) {
    if let Some(signal) = str::from_utf8(content).ok().and_then(parse_signal) {
        assert_eq!(parse_signal(signal.as_str()), Some(signal));
        assert_eq!(parse_signal(&(signal as i32).to_string()), Some(signal));
    }
}

#[cfg(test)]
#[test]
fn every_file_of_the_corpus_holds() {
    harness::corpus("service-directory", holds);
}
