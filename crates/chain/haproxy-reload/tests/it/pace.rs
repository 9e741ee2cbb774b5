//! `--reload-every`: a reload that is due waits, and nothing and nobody waits for it.

use std::time::{Duration, Instant};

use files::Durability;
use harness::wait_for;
use nix::sys::signal::Signal;

use crate::haproxy::{Config, Haproxy, Run};
use crate::together::{codes, start_runs};

/// How long a reload may take beyond the time that it has to wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// A time that no test lasts.
const LONG: &[&str] = &["--reload-every", "5m"];

fn changed(haproxy: &Haproxy, variant: &str, numbers: &[u8]) -> Config {
    let mut config = haproxy.config(numbers);
    config.variant = Some(variant.to_owned());
    config
}

/// The processes that wait for this HAProxy.
fn waiting(haproxy: &Haproxy) -> Vec<u32> {
    let processes = harness::processes_of(&haproxy.path(""));
    let waits = |pid: &i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains("\0--waiting\0")
    };
    let processes = processes.into_iter().filter(waits);
    processes.map(i32::cast_unsigned).collect()
}

/// The one process that waits.
fn the_waiting(haproxy: &Haproxy) -> u32 {
    let waiting = waiting(haproxy);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    waiting[0]
}

fn kill_the_waiting(haproxy: &Haproxy) -> u32 {
    let waiting = the_waiting(haproxy);
    harness::send(waiting, Signal::SIGKILL);
    wait_for("its end", PATIENCE, || {
        harness::has_ended(waiting).then_some(())
    });
    waiting
}

fn wait_for_the_end_of_waiting(haproxy: &Haproxy) {
    wait_for("who waits to end", PATIENCE, || {
        waiting(haproxy).is_empty().then_some(())
    });
}

/// Runs the program, which must leave the reload to later.
fn postpone(haproxy: &Haproxy, arguments: &[&str]) -> String {
    let run = haproxy.run(arguments);
    let told = run.stderr();
    assert_eq!(run.code(), 0, "{told}");
    let last = told.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("haproxy-reload: a reload is due, since ")
            && last.ends_with(" s, at the earliest --reload-every after the last one"),
        "{told}"
    );
    told
}

/// The option with a time that is over in so many seconds.
fn soon(haproxy: &Haproxy, seconds: u64) -> [String; 2] {
    let told = haproxy.ask("show info");
    let uptime = told
        .lines()
        .find_map(|line| line.strip_prefix("Uptime_sec: "));
    let uptime: u64 = uptime.unwrap().parse().unwrap();
    [
        "--reload-every".to_owned(),
        format!("{}s", uptime + seconds),
    ]
}

fn wait_for_another(haproxy: &Haproxy, worker: u32) {
    wait_for("the reload", PATIENCE, || {
        let answer = harness::haproxy::worker(&haproxy.path("s"));
        answer.is_ok_and(|it| it != worker).then_some(())
    });
}

fn admin(haproxy: &Haproxy, server: &str) -> Option<String> {
    let state = haproxy.ask("show servers state nodes");
    let mut rows = state
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let row = rows.find(|row| row.get(3) == Some(&server))?;
    Some(row[6].to_owned())
}

#[test]
fn three_changes_of_lines_are_one_reload_and_joins_and_leaves_do_not_wait() {
    let begin = Instant::now();
    let haproxy = Haproxy::start(240, &[1, 2]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    let every = soon(&haproxy, 15);
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    haproxy.write(&changed(&haproxy, "2", &[1, 2]));
    let told = postpone(&haproxy, &every);
    assert!(told.contains("since line 6: `setenv TEST 2` was"), "{told}");
    haproxy.write(&changed(&haproxy, "3", &[1, 2, 3]));
    let told = postpone(&haproxy, &every);
    assert!(told.contains("add nodes/s3"), "{told}");
    assert_eq!(admin(&haproxy, "s3").as_deref(), Some("0"));
    haproxy.write(&changed(&haproxy, "4", &[1, 3]));
    postpone(&haproxy, &every);
    assert_ne!(admin(&haproxy, "s2").unwrap_or_default(), "0");
    assert_eq!(haproxy.worker(), worker);
    the_waiting(&haproxy);
    wait_for_another(&haproxy, worker);
    let shortest: u64 = every[1].trim_end_matches('s').parse().unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(shortest));
    wait_for_the_end_of_waiting(&haproxy);
    assert_eq!(haproxy.reloads(), Some(1));
    assert_eq!(haproxy.ask("show env TEST").trim(), "TEST=4");
    let run = haproxy.run(&every);
    let expected = "haproxy-reload: the process that waited says: reload, since ";
    assert_eq!(run.code(), 1, "{}", run.stderr());
    assert!(run.stderr().starts_with(expected), "{}", run.stderr());
    haproxy.assert_agrees();
}

#[test]
fn if_who_waits_is_killed_the_next_run_makes_it_good() {
    let haproxy = Haproxy::start(241, &[1]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    haproxy.write(&changed(&haproxy, "2", &[1]));
    postpone(&haproxy, LONG);
    let status = || {
        let words = [LONG, &["--status"]].concat();
        haproxy.run(&words).stdout()
    };
    let nobody = "nobody waits for the reload that is due";
    assert!(!status().contains(nobody), "{}", status());
    let first = kill_the_waiting(&haproxy);
    assert!(status().contains(nobody), "{}", status());
    postpone(&haproxy, LONG);
    assert_ne!(kill_the_waiting(&haproxy), first);
    let every = soon(&haproxy, 2);
    let run = haproxy.run(&every.each_ref().map(String::as_str));
    assert_eq!(run.code(), 0, "{}", run.stderr());
    wait_for_another(&haproxy, worker);
    wait_for_the_end_of_waiting(&haproxy);
    postpone_nothing(&haproxy);
}

/// Asserts that a run agrees, whatever is left to tell.
fn postpone_nothing(haproxy: &Haproxy) {
    let run = haproxy.run(LONG);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    assert!(waiting(haproxy).is_empty());
}

#[test]
fn a_hundred_runs_leave_one_process_that_waits() {
    let haproxy = Haproxy::start(242, &[1]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    haproxy.write(&changed(&haproxy, "2", &[1]));
    assert_eq!(codes(start_runs(&haproxy, 100, LONG)), [0; 100]);
    the_waiting(&haproxy);
    assert_eq!(haproxy.worker(), worker);
}

#[test]
fn who_waits_does_nothing_when_the_file_is_the_old_one_again() {
    let haproxy = Haproxy::start(243, &[1]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    let every = soon(&haproxy, 5);
    haproxy.write(&changed(&haproxy, "2", &[1]));
    postpone(&haproxy, &every.each_ref().map(String::as_str));
    haproxy.write(&haproxy.config(&[1]));
    wait_for_the_end_of_waiting(&haproxy);
    assert_eq!(haproxy.worker(), worker);
    assert_eq!(haproxy.reloads(), Some(0));
    haproxy.assert_agrees();
}

#[test]
fn who_finds_a_younger_worker_waits_for_its_time() {
    let haproxy = Haproxy::start(244, &[1]);
    haproxy.assert_agrees();
    let every = soon(&haproxy, 8);
    let every = every.each_ref().map(String::as_str);
    haproxy.write(&changed(&haproxy, "2", &[1]));
    postpone(&haproxy, &every);
    let pid = the_waiting(&haproxy);
    // Another worker begins its time.
    wait_for("some of the time to be over", PATIENCE, || {
        let uptime = harness::haproxy::fact(&haproxy.path("s"), "Uptime_sec").ok()?;
        (uptime.parse::<u64>().ok()? >= 4).then_some(())
    });
    assert_eq!(haproxy.run(&["--full"]).code(), 0);
    let worker = haproxy.worker();
    let since = Instant::now();
    haproxy.write(&changed(&haproxy, "3", &[1]));
    postpone(&haproxy, &every);
    assert_eq!(the_waiting(&haproxy), pid);
    wait_for_another(&haproxy, worker);
    let shortest: u64 = every[1].trim_end_matches('s').parse().unwrap();
    // The worker is a little older than what we know of it.
    assert!(since.elapsed() + Duration::from_secs(1) >= Duration::from_secs(shortest));
    wait_for_the_end_of_waiting(&haproxy);
    assert_eq!(haproxy.ask("show env TEST").trim(), "TEST=3");
}

#[test]
fn without_a_time_nobody_waits() {
    let haproxy = Haproxy::start(245, &[1]);
    haproxy.assert_agrees();
    haproxy.change(&changed(&haproxy, "2", &[1]));
    haproxy.change(&changed(&haproxy, "3", &[1]));
    assert_eq!(haproxy.reloads(), Some(2));
    assert!(waiting(&haproxy).is_empty());
    assert!(!haproxy.path(".haproxy.cfg.waiting.lock").exists());
}

#[test]
fn of_much_that_was_said_while_waiting_the_end_is_told_and_then_it_is_gone() {
    let haproxy = Haproxy::start(235, &[1]);
    haproxy.assert_agrees();
    let said = "haproxy-reload: said\n".repeat(10_000) + "haproxy-reload: the last\n";
    let path = haproxy.path(".haproxy.cfg.waiting.lock");
    files::replace(&path, said.as_bytes(), Durability::Unsynced).unwrap();
    let told = haproxy.run(&[]).stderr();
    let first = "haproxy-reload: the process that waited said more than this end of it:\n";
    assert!(told.starts_with(first), "{told}");
    let last = "haproxy-reload: the process that waited says: the last\n";
    assert!(told.ends_with(last), "{told}");
    assert_eq!(path.metadata().unwrap().len(), 0);
    haproxy.assert_agrees();
}

#[test]
fn who_asks_for_a_reload_gets_it_at_once() {
    let haproxy = Haproxy::start(246, &[1]);
    let worker = haproxy.worker();
    let run = haproxy.run(&["--full", "--reload-every", "5m"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert_ne!(haproxy.worker(), worker);
    assert!(waiting(&haproxy).is_empty());
}

#[test]
fn a_worker_that_does_not_answer_is_replaced_at_once() {
    let haproxy = Haproxy::start(247, &[1]);
    let text = changed(&haproxy, "2", &[1]).text();
    haproxy.write_bytes(text.replace("/s mode", "/t mode").as_bytes());
    harness::send(haproxy.master(), Signal::SIGUSR2);
    wait_for("a worker without the socket", PATIENCE, || {
        harness::haproxy::worker(&haproxy.path("t")).ok()
    });
    haproxy.write(&changed(&haproxy, "3", &[1]));
    wait_for("the reload", PATIENCE, || {
        (haproxy.run(LONG).code() == 0).then_some(())
    });
    assert_eq!(haproxy.ask("show env TEST").trim(), "TEST=3");
    assert!(waiting(&haproxy).is_empty());
}

#[test]
fn a_reload_that_waits_is_shown_as_due() {
    let haproxy = Haproxy::start(248, &[1]);
    haproxy.assert_agrees();
    haproxy.write(&changed(&haproxy, "2", &[1]));
    postpone(&haproxy, LONG);
    let end = " s, at the earliest --reload-every after the last one";
    let status = haproxy.run(&["--status", LONG[0], LONG[1]]).stdout();
    assert!(status.contains(": differs from "), "{status}");
    let next = status.lines().find(|line| line.starts_with("  next: "));
    let next = next.unwrap_or_default();
    assert!(
        next.contains("reload, since line 6: ") && next.ends_with(end),
        "{status}"
    );
    let json = haproxy.run(&["--status", "--json", LONG[0], LONG[1]]);
    let json: serde_json::Value = serde_json::from_slice(&json.0.stdout).unwrap();
    assert_eq!(json["agrees"], false);
    assert!(json["reload_in"].as_u64().unwrap() > 60, "{json}");
    // Also what is to be done at once.
    haproxy.write(&changed(&haproxy, "2", &[1, 2]));
    let run = haproxy.run(&["--dry-run", LONG[0], LONG[1]]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let lines = run.stdout();
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[0].starts_with("add nodes/s2 "), "{lines:?}");
    assert!(
        lines[1].starts_with("reload, since ") && lines[1].ends_with(end),
        "{lines:?}"
    );
}

#[test]
fn what_haproxy_refuses_then_is_told_by_the_next_run() {
    let haproxy = Haproxy::start(249, &[1]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    let every = soon(&haproxy, 5);
    let every = every.each_ref().map(String::as_str);
    let mut config = changed(&haproxy, "2", &[1]);
    config.backend.push_str("    balance sideways\n");
    haproxy.write(&config);
    postpone(&haproxy, &every);
    wait_for_the_end_of_waiting(&haproxy);
    assert!(haproxy.path(".haproxy.cfg.refused").exists());
    let run = haproxy.run(&every);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    let told = run.stderr();
    let expected = "the process that waited says: reload HAProxy, since line 6: ";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("balance only supports"), "{told}");
    assert_eq!(haproxy.worker(), worker);
    // A file that is known to be refused does not wait for a time as well.
    crate::haproxy::lengthen_pause(&haproxy.path(""));
    let run = haproxy.run(LONG);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    assert!(
        run.stderr().contains("it is tried again in "),
        "{}",
        run.stderr()
    );
    assert!(waiting(&haproxy).is_empty());
}

#[test]
fn who_waits_keeps_nothing_open_of_the_program_that_ran_it() {
    let haproxy = Haproxy::start(250, &[1]);
    haproxy.assert_agrees();
    haproxy.write(&changed(&haproxy, "2", &[1]));
    let command = haproxy.command(LONG);
    let mut script = std::process::Command::new("sh");
    let lock = haproxy.path("script.lock");
    script
        .args(["-c", "exec 9>>\"$0\"; flock 9; \"$@\""])
        .arg(&lock);
    script.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    // This reads stdout and stderr to their ends, which whoever holds them puts off.
    let run = Run(script.output().unwrap());
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let waiting = the_waiting(&haproxy);
    wait_for("the script's lock", PATIENCE, || {
        files::try_lock(&lock).ok()?
    });
    harness::send(waiting, Signal::SIGKILL);
}
