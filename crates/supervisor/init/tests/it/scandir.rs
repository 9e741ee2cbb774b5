//! The scan directory as a whole: `s6-svscanctl`, services that come and go, loggers, and the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::world::{
    Kind, Scan, Service, kill_hard, nobody_listens, ours_alone, run, wait_gone, write_file,
};

const UP: &str = "up (pid N) N seconds";

#[test]
fn a_new_service_is_found_when_asked_to_look() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    Service::sleeper("b").install(&scan.path(""));
    scan.control("-a");
    scan.wait_supervised("b");
    scan.wait_stat("b", UP);
}

#[test]
fn a_hangup_of_the_supervisor_looks_again_too() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    Service::sleeper("b").install(&scan.path(""));
    scan.signal(Signal::SIGHUP);
    scan.wait_supervised("b");
}

#[test]
fn a_service_that_has_gone_is_stopped_when_asked_to() {
    let scan = Scan::of(&[Service::sleeper("a"), Service::sleeper("b")]);
    scan.wait_stat("a", UP);
    let pid = scan.service_pid("a");
    fs::rename(scan.path("a"), scan.dir.path().join("gone")).unwrap();
    scan.control("-an");
    wait_gone(pid);
    scan.wait_stat("b", UP);
}

#[test]
fn a_renamed_service_goes_on_under_its_new_name() {
    let scan = Scan::of(&[Service::sleeper("old")]);
    scan.wait_stat("old", UP);
    let pid = scan.service_pid("old");
    fs::rename(scan.path("old"), scan.path("new")).unwrap();
    scan.control("-an");
    scan.wait_stat("new", UP);
    assert_eq!(scan.service_pid("new"), pid);
    scan.svc(&["-wD", "-d"], "new");
}

#[test]
fn two_names_for_one_directory_are_one_service() {
    let scan = Scan::of(&[Service::new("a", "echo run >>../../log; exec sleep 1000")]);
    scan.wait_lines(1);
    std::os::unix::fs::symlink("a", scan.path("b")).unwrap();
    scan.control("-a");
    Service::sleeper("c").install(&scan.path(""));
    scan.control("-a");
    scan.wait_supervised("c");
    scan.wait_stat("c", UP);
    assert_eq!(scan.log(), "run\n");
}

#[test]
fn hidden_directories_and_files_are_no_services() {
    let scan = Scan::of(&[Service::sleeper("a"), Service::sleeper(".hidden")][..1]);
    fs::create_dir(scan.path(".hidden")).unwrap();
    fs::File::create(scan.path("file")).unwrap();
    scan.control("-a");
    Service::sleeper("c").install(&scan.path(""));
    scan.control("-a");
    scan.wait_supervised("c");
    assert!(!scan.path(".hidden/supervise").exists());
}

#[test]
fn a_logger_gets_what_the_service_writes_over_the_restarts_of_both() {
    let service = Service::new("s", "echo \"line $$\"; exec sleep 1000").script(
        "log/run",
        "while read -r line; do echo \"$line\" >>../../../log; done",
    );
    let scan = Scan::of(&[service]);
    scan.wait_supervised("s/log");
    scan.wait_lines(1);
    scan.restart("-r", "s");
    scan.wait_lines(2);
    scan.restart("-k", "s/log");
    scan.restart("-r", "s");
    assert!(
        scan.wait_lines(3)
            .iter()
            .all(|line| line.starts_with("line "))
    );
}

#[test]
fn finish_is_told_the_name_of_a_logger() {
    let service = Service::sleeper("s")
        .script("log/run", "cat")
        .script("log/finish", "echo $3 >>../../../log");
    let scan = Scan::of(&[service]);
    scan.wait_supervised("s/log");
    scan.wait_stat("s/log", UP);
    scan.svc(&["-k"], "s/log");
    assert_eq!(scan.wait_lines(1), ["s/log"]);
}

#[test]
fn only_one_supervisor_takes_a_scan_directory() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    let path = scan.path("");
    let path = path.to_str().unwrap();
    let answer = match Kind::from_environment() {
        Kind::Ours => run(env!("CARGO_BIN_EXE_init").as_ref(), &["--scan", path]),
        Kind::S6 => run(&harness::require("s6-svscan"), &[path]),
    };
    assert_eq!(answer.code, 100, "{answer:?}");
    scan.wait_stat("a", UP);
}

#[test]
fn the_services_are_stopped_by_every_way_to_say_so() {
    for option in ["-t", "-q"] {
        let mut scan = Scan::of(&[Service::sleeper("a"), Service::sleeper("b")]);
        scan.wait_stat("a", UP);
        let pid = scan.service_pid("a");
        scan.control(option);
        assert_eq!(scan.ended_code(), 0);
        wait_gone(pid);
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut scan = Scan::of(&[Service::sleeper("a")]);
        scan.wait_stat("a", UP);
        scan.signal(signal);
        assert_eq!(scan.ended_code(), 0, "{signal}");
    }
}

#[test]
fn the_finish_of_the_scan_directory_has_the_last_word() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    write_file(
        &scan.path(".s6-svscan/finish"),
        "#!/bin/sh\nexit 42\n",
        0o755,
    );
    let mut scan = scan;
    scan.control("-t");
    assert_eq!(scan.ended_code(), 42);
}

#[test]
fn an_unknown_order_is_told_and_ignored() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    let mut control = fs::OpenOptions::new()
        .write(true)
        .open(scan.path(".s6-svscan/control"))
        .unwrap();
    std::io::Write::write_all(&mut control, b"X").unwrap();
    scan.wait_output("unknown control command");
    scan.wait_stat("a", UP);
}

#[test]
fn nobody_listens_after_the_end() {
    let mut scan = Scan::of(&[Service::sleeper("a")]);
    scan.control("-t");
    scan.ended();
    assert_eq!(scan.tool("s6-svscanctl", &["-a"], "").code, 100);
    assert_eq!(scan.tool("s6-svok", &[], "a").code, 1);
    assert_eq!(scan.tool("s6-svc", &["-u"], "a").code, nobody_listens());
}

#[test]
fn what_is_for_the_supervisor_alone_is_closed_to_others() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    let mode = |name: &str| {
        let found = fs::metadata(scan.path(".s6-svscan").join(name)).unwrap();
        found.permissions().mode() & 0o7777
    };
    assert_eq!(["", "lock", "control"].map(mode), [0o700, 0o600, 0o600]);
}

#[test]
fn what_an_earlier_life_left_is_taken_over() {
    if ours_alone("the supervisors of a killed s6-svscan live on and keep their locks") {
        return;
    }
    let mut scan = Scan::of(&[
        Service::sleeper("a"),
        Service::sleeper("b").script("log/run", "exec cat"),
    ]);
    let services = ["a", "b", "b/log"];
    for service in services {
        scan.wait_stat(service, UP);
    }
    let old = services.map(|service| scan.service_pid(service));
    scan.signal(Signal::SIGKILL);
    scan.ended();
    let again = scan.again();
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
    let mut scan = Scan::with_variables(Kind::Ours, &[grace], &[Service::new("s", immortal)]);
    scan.wait_log("up\n");
    scan.signal(Signal::SIGTERM);
    scan.ended();
}

#[test]
fn a_script_stands_in_for_the_meaning_of_a_signal() {
    let scan = Scan::of(&[Service::sleeper("a")]);
    for signal in ["SIGUSR1", "SIGHUP"] {
        let script = format!("#!/bin/sh\necho {signal} >>../log\n");
        write_file(&scan.path(".s6-svscan").join(signal), &script, 0o755);
    }
    Service::sleeper("b").install(&scan.path(""));
    scan.signal(Signal::SIGUSR1);
    scan.wait_log("SIGUSR1\n");
    scan.signal(Signal::SIGHUP);
    scan.wait_log("SIGUSR1\nSIGHUP\n");
    assert!(!scan.path("b/supervise").exists());
}

#[test]
fn an_abort_waits_for_nobody() {
    if ours_alone("the supervisors of an aborted s6-svscan live on") {
        return;
    }
    let mut scan = Scan::of(&[Service::new("a", "trap '' TERM; exec sleep 1000")]);
    scan.wait_stat("a", UP);
    let pid = scan.service_pid("a");
    scan.control("-b");
    scan.ended();
    kill_hard(pid);
}
