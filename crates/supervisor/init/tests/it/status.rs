//! What can be seen in `supervise/`: by `s6-svstat`, `s6-svok`, `s6-svdt` and `s6-svperms`, and the bytes themselves.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::releases::{self, Difference};
use crate::world::{Kind, SOON, Service, World, not_started, ours_alone, the_real_one_has};

/// TAI64's label of the Unix epoch, with the leap seconds that Debian's s6 adds.
const EPOCH: u64 = (1 << 62) + 37;

/// The length of the records that the installed tools read.
fn record_size() -> usize {
    if releases::has(Difference::LongRecord) {
        43
    } else {
        35
    }
}

/// How the last run ended, and the flags: the last three bytes of every record.
fn end_and_flags(record: &[u8]) -> (&[u8], u8) {
    let at = record_size() - 3;
    (&record[at..at + 2], record[at + 2])
}

#[test]
fn the_record_is_that_of_the_installed_tools_in_tai() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", "up (pid N) N seconds");
    let record = fs::read(world.path("s/supervise/status")).unwrap();
    assert_eq!(record.len(), record_size());
    let seconds = u64::from_be_bytes(record[..8].try_into().unwrap()) - EPOCH;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(seconds <= now && seconds + 60 > now, "{seconds} {now}");
    let service = u64::try_from(world.service_pid("s")).unwrap().to_be_bytes();
    // These are the process and, in a long record, the process group.
    let groups = &record[24..record_size() - 3];
    assert!(
        groups.chunks(8).all(|number| number == service),
        "{record:?}"
    );
    assert_eq!(end_and_flags(&record), (&[0, 0][..], 0b0100));
}

fn record_with_setting(setting: &str) -> (World, Vec<u8>) {
    let dir = harness::scratch();
    Service::sleeper("s").install(&dir.path().join("scan"));
    let mut command = Kind::Ours.command(&dir.path().join("scan"));
    command.env("INIT_S6_RECORD", setting);
    let world = World::start(dir, command);
    world.wait_supervised("s");
    let record = fs::read(world.path("s/supervise/status")).unwrap();
    (world, record)
}

#[test]
fn a_setting_says_which_record_it_is() {
    if ours_alone("INIT_S6_RECORD is ours") {
        return;
    }
    for (setting, size) in [("35", 35), ("43", 43), ("", record_size())] {
        let (world, record) = record_with_setting(setting);
        assert_eq!(record.len(), size, "{setting:?}");
        assert_eq!(world.output(), "");
    }
}

#[test]
fn a_setting_that_is_no_record_is_told_and_what_is_installed_counts() {
    if ours_alone("INIT_S6_RECORD is ours") {
        return;
    }
    let (world, record) = record_with_setting("36");
    assert_eq!(record.len(), record_size());
    let told =
        "init: INIT_S6_RECORD is \"36\", which is neither 35 nor 43: left to what is installed\n";
    assert_eq!(world.output(), told);
}

#[test]
fn ready_is_shown_once_it_is_announced() {
    let waits = "read go <./gate; echo >&3; exec 3>&- sleep 1000";
    let world = World::of(&[Service::new("s", waits)
        .file("notification-fd", "3")
        .file("down", "")]);
    nix::unistd::mkfifo(&world.path("s/gate"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    world.svc(&["-wu", "-U"], "s");
    world.wait_stat("s", "up (pid N) N seconds");
    assert_eq!(world.field("ready", "s"), "false");
    let mut gate = fs::OpenOptions::new()
        .write(true)
        .open(world.path("s/gate"))
        .unwrap();
    std::io::Write::write_all(&mut gate, b"go\n").unwrap();
    world.wait_stat("s", "up (pid N) N seconds, ready N seconds");
}

#[test]
fn while_finish_runs_the_service_is_down_and_not_ready() {
    let world = World::of(&[Service::new("s", "exit 7")
        .script("finish", "exec sleep 1000")
        .file("timeout-finish", "0")]);
    world.wait_stat("s", "down (exitcode 7) N seconds, normally up, want up");
    let record = fs::read(world.path("s/supervise/status")).unwrap();
    assert_eq!(end_and_flags(&record), (&[7, 0][..], 0b0110));
    let finish = u64::from_be_bytes(record[24..32].try_into().unwrap());
    // Its number may be in the record before the child has executed its program.
    harness::wait_for("finish", SOON, || {
        let command = fs::read_to_string(format!("/proc/{finish}/cmdline")).unwrap();
        (command.contains("finish") || command.contains("sleep")).then_some(())
    });
    world.svc(&["-xd"], "s");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(finish.try_into().unwrap()),
        nix::sys::signal::SIGKILL,
    )
    .unwrap();
}

#[test]
fn a_service_that_starts_down_says_so() {
    let world = World::of(&[Service::sleeper("s").file("down", "")]);
    world.wait_stat("s", &not_started(""));
    let fields = "up,wantedup,normallyup,ready,paused,pid,signal,signum,exitcode";
    let code = if the_real_one_has(Difference::NotStartedYet) {
        -1
    } else {
        0
    };
    assert_eq!(
        world.field(fields, "s"),
        format!("false false false false false -1 NA -1 {code}")
    );
}

#[test]
fn kinds_and_modes_are_what_s6_svperms_expects() {
    let world = World::of(&[Service::sleeper("s")]);
    let mode = |path: &str| fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        [
            mode("s/event"),
            mode("s/supervise"),
            mode("s/supervise/control")
        ],
        [0o3730, 0o700, 0o600]
    );
    assert!(
        fs::metadata(world.path("s/supervise/control"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    let answer = world.tool("s6-svperms", &["-v"], "s");
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(
        answer.out.contains("status: owner") && answer.out.contains("control: owner"),
        "{answer:?}"
    );
}

#[test]
fn deaths_are_tallied_with_code_and_signal() {
    let world = World::of(&[
        Service::new("s", "exit 3").file("down", ""),
        Service::sleeper("t").file("down", ""),
    ]);
    world.run_once("s");
    world.svc(&["-wu", "-o"], "t");
    world.svc(&["-wD", "-k"], "t");
    let deaths = |service| world.tool("s6-svdt", &[], service).out;
    assert!(
        deaths("s").trim_end().ends_with("exitcode 3"),
        "{}",
        deaths("s")
    );
    assert!(
        deaths("t").trim_end().ends_with("signal SIGKILL"),
        "{}",
        deaths("t")
    );
    assert_eq!(
        fs::metadata(world.path("s/supervise/death_tally"))
            .unwrap()
            .len(),
        14
    );
}

#[test]
fn a_cleared_tally_stays_cleared() {
    let world = World::of(&[Service::new("s", "exit 3").file("down", "")]);
    world.run_once("s");
    world.run_once("s");
    assert_eq!(world.tool("s6-svdt", &[], "s").out.lines().count(), 2);
    assert_eq!(world.tool("s6-svdt-clear", &[], "s").code, 0);
    world.run_once("s");
    assert_eq!(world.tool("s6-svdt", &[], "s").out.lines().count(), 1);
}

#[test]
fn only_so_many_deaths_are_kept() {
    let world = World::of(&[Service::new("s", "exit 3")
        .file("down", "")
        .file("max-death-tally", "2\n")]);
    for _death in 0..4 {
        world.run_once("s");
    }
    assert_eq!(
        fs::metadata(world.path("s/supervise/death_tally"))
            .unwrap()
            .len(),
        28
    );
}
