//! Many runs at once, runs that are killed, and a HAProxy that dies.

use std::process::{Child, Stdio};
use std::time::Duration;

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::haproxy::{Config, Haproxy, PATIENCE};

pub(crate) fn start_runs(haproxy: &Haproxy, count: usize, arguments: &[&str]) -> Vec<Child> {
    let start = |_| {
        haproxy
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("run haproxy-reload")
    };
    (0..count).map(start).collect()
}

pub(crate) fn codes(runs: Vec<Child>) -> Vec<i32> {
    let mut codes: Vec<i32> = runs
        .into_iter()
        .map(|mut run| run.wait().unwrap().code().unwrap_or(-1))
        .collect();
    codes.sort_unstable();
    codes
}

fn changed(haproxy: &Haproxy, fingerprint: &str) -> Config {
    let mut config = haproxy.config(&[1, 2]);
    config.variant = Some(fingerprint.to_owned());
    config
}

#[test]
fn of_two_runs_at_once_one_does_the_work() {
    let haproxy = Haproxy::start(60, &[1]);
    haproxy.write(&haproxy.config(&[1, 2, 3]));
    assert_eq!(codes(start_runs(&haproxy, 2, &[])), [0, 1]);
    haproxy.assert_agrees();
}

#[test]
fn a_hundred_runs_at_once_are_one_reload() {
    let haproxy = Haproxy::start(61, &[1]);
    haproxy.write(&changed(&haproxy, "2"));
    let codes = codes(start_runs(&haproxy, 100, &[]));
    assert_eq!((codes[0], codes[1], codes[99]), (0, 1, 1));
    assert_eq!(haproxy.reloads(), Some(1));
    haproxy.assert_agrees();
}

#[test]
fn a_run_that_is_killed_anywhere_is_finished_by_the_next() {
    let haproxy = Haproxy::start(62, &[1]);
    for turn in 0..20_u64 {
        let numbers: &[u8] = if turn % 2 == 0 {
            &[2, 3, 4]
        } else {
            &[1, 3, 5]
        };
        let mut config = haproxy.config(numbers);
        config.servers[1].weight = u16::try_from(turn).unwrap();
        // The fingerprint changes with every fourth turn, which makes it a reload.
        config.variant = Some((1 + turn / 4).to_string());
        haproxy.write(&config);
        let mut run = start_runs(&haproxy, 1, &[]).remove(0);
        harness::wait::pass(Duration::from_millis(turn * 3 / 2));
        run.kill().unwrap();
        run.wait().unwrap();
        let run = haproxy.run(&[]);
        assert!(
            [0, 1].contains(&run.code()),
            "{}\n{}",
            run.stderr(),
            haproxy.read("log")
        );
        haproxy.assert_agrees();
    }
}

#[test]
fn without_haproxy_it_fails_and_says_so_and_catches_up_later() {
    let mut haproxy = Haproxy::start(63, &[1]);
    haproxy.change(&haproxy.config(&[1, 2]));
    harness::send(haproxy.worker(), Signal::SIGKILL);
    haproxy.wait_for_end();
    haproxy.write(&haproxy.config(&[1, 3]));
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    assert!(
        run.stderr().contains("is HAProxy running?"),
        "{}",
        run.stderr()
    );
    haproxy.start_again();
    haproxy.assert_agrees();
    haproxy.change(&haproxy.config(&[2, 3]));
    haproxy.assert_agrees();
}

#[test]
fn a_worker_that_dies_after_the_reload_is_no_riddle_for_the_next_run() {
    let mut haproxy = Haproxy::start(66, &[1]);
    haproxy.change(&changed(&haproxy, "2"));
    harness::send(haproxy.worker(), Signal::SIGKILL);
    haproxy.wait_for_end();
    assert_eq!(haproxy.run(&[]).code(), 111);
    haproxy.start_again();
    haproxy.assert_agrees();
}

#[test]
fn a_haproxy_that_starts_from_another_file_is_brought_up_to_date() {
    let mut haproxy = Haproxy::start(64, &[1]);
    harness::send(haproxy.master(), Signal::SIGTERM);
    haproxy.wait_for_end();
    haproxy.start_again();
    haproxy.write(&changed(&haproxy, "2"));
    assert_eq!(haproxy.run(&[]).code(), 0);
    haproxy.assert_agrees();
}

#[test]
fn a_reload_by_signal_in_between_does_no_harm() {
    let haproxy = Haproxy::start(65, &[1]);
    haproxy.change(&haproxy.config(&[1, 2]));
    harness::send(haproxy.master(), Signal::SIGUSR2);
    haproxy.write(&haproxy.config(&[2, 3]));
    wait_for("the run to succeed", PATIENCE, || {
        [0, 1].contains(&haproxy.run(&[]).code()).then_some(())
    });
    wait_for("the reload to be over", PATIENCE, || {
        haproxy.reloads().filter(|&count| count == 1)
    });
    wait_for("everything to agree", PATIENCE, || {
        (haproxy.run(&[]).code() == 1).then_some(())
    });
}
