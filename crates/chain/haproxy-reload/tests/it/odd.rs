//! Answers that no real HAProxy gives, or only one that is dying.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::fake::{Answer, Fake, PROCESSES, STATE};
use crate::haproxy::lengthen_pause;

const LIVING: &[(&str, Answer)] = &[("show env", Answer::Text(STATE))];

#[test]
fn without_a_socket_it_asks_whether_haproxy_runs() {
    Fake::new().assert_fails(&[], "there is no such socket: is HAProxy running?");
}

#[test]
fn a_socket_that_refuses_is_told() {
    let fake = Fake::new();
    drop(UnixListener::bind(fake.path().join("s")).unwrap());
    fake.assert_fails(&[], "nobody listens there: is HAProxy running?");
}

#[test]
fn without_both_sockets_it_tells_what_gives_them_back() {
    let told = "If it is, `svc -r` of its service gives it its sockets back";
    Fake::new().assert_fails(&[], told);
    Fake::new().assert_fails(&["--status"], told);
}

#[test]
fn a_reload_that_does_not_open_the_socket_is_not_repeated_at_once() {
    let answers = &[
        ("show proc", Answer::Text(PROCESSES)),
        ("reload", Answer::Text("")),
    ];
    let fake = Fake::new().answer("m", answers);
    fake.assert_fails(
        &["--timeout", "1s"],
        "reload HAProxy, since nobody answers at",
    );
    lengthen_pause(fake.path());
    fake.assert_fails(&["--timeout", "1s"], "tried before, in vain");
    let reloads = fake.asked().iter().filter(|line| *line == "reload").count();
    assert_eq!(reloads, 1);
}

#[test]
fn a_master_that_resets_a_connection_while_it_restarts_is_asked_again() {
    let answers = &[
        ("show proc", Answer::Reset(PROCESSES)),
        (
            "reload",
            Answer::Text("Another reload is still in progress.\n"),
        ),
    ];
    let fake = Fake::new().answer("m", answers);
    fake.assert_fails(&["--timeout", "1s"], "another reload is still in progress");
    assert_eq!(fake.asked()[..2], ["reset", "show proc"]);
}

#[test]
fn a_worker_that_is_silent_is_no_reason_to_reload() {
    let fake = Fake::new()
        .answer("s", &[("", Answer::Silence)])
        .answer("m", &[("show proc", Answer::Text(PROCESSES))]);
    fake.assert_fails(&[], "nobody answers for 2 s");
    assert!(fake.asked().iter().all(|line| !line.starts_with("reload")));
}

#[test]
fn a_socket_that_nobody_answers_is_given_up() {
    let begin = Instant::now();
    Fake::new()
        .answer("s", &[("", Answer::Silence)])
        .assert_fails(&[], "nobody answers for 2 s");
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_socket_that_nobody_accepts_on_is_given_up() {
    let begin = Instant::now();
    Fake::new()
        .deaf("s")
        .assert_fails(&[], "nobody answers for 2 s");
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn half_an_answer_is_no_answer() {
    let answers = &[(
        "",
        Answer::Text("CONFIG_FINGERPRINT=1\n\n1\n# be_id be_name\n3 nodes 1 s"),
    )];
    let fake = Fake::new().answer("s", answers);
    fake.assert_fails(&[], "HAProxy lists a server as `3 nodes 1 s`");
    let answers = &[("", Answer::Text("CONFIG_FINGERPRINT=1\n\n1\n# be_id be_na"))];
    Fake::new()
        .answer("s", answers)
        .assert_fails(&[], "HAProxy's answer is not whole");
    Fake::new()
        .answer("s", &[("", Answer::Text(""))])
        .assert_fails(&[], "is not whole");
}

#[test]
fn an_answer_without_end_is_given_up() {
    const NOISE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    let fake = Fake::new().answer("s", &[("", Answer::Endless(NOISE))]);
    let run = fake.run(&["--timeout", "20s"]);
    assert_eq!(run.code(), 111);
    let told = run.stderr();
    assert!(
        told.contains("longer than 64 MB") || told.contains("the time for it is over"),
        "{told}"
    );
}

#[test]
fn a_command_that_is_refused_leads_to_a_reload() {
    let answers = &[
        ("show env", Answer::Text(STATE)),
        ("set severity", Answer::Text("[3]: No such backend.\n\n")),
    ];
    let fake = Fake::new().answer("s", answers);
    fake.assert_fails(
        &[],
        "reload HAProxy, since HAProxy answers `No such backend.`",
    );
}

#[test]
fn a_command_without_effect_leads_to_a_reload() {
    let answers = &[
        ("show env", Answer::Text(STATE)),
        ("set severity", Answer::Text("\n\n\n\n\n")),
    ];
    let fake = Fake::new().answer("s", answers);
    fake.assert_fails(&[], "after its command was sent, still: add nodes/s1");
}

#[test]
fn a_worker_that_is_gone_after_the_command_leads_to_a_reload() {
    let answers = &[
        ("show env", Answer::Text(STATE)),
        ("set severity", Answer::Silence),
    ];
    let fake = Fake::new().answer("s", answers);
    fake.assert_fails(&[], "reload HAProxy, since ask");
}

#[test]
fn a_master_that_nobody_answers_is_given_up() {
    let fake = Fake::new()
        .answer("s", LIVING)
        .answer("m", &[("", Answer::Silence)]);
    fake.assert_fails(&["--full"], "nobody answers for 2 s");
}

#[test]
fn a_master_that_refuses_connections_is_given_up() {
    let fake = Fake::new().answer("s", LIVING);
    drop(UnixListener::bind(fake.path().join("m")).unwrap());
    fake.assert_fails(&["--full"], "nobody listens there");
}

#[test]
fn a_master_with_half_a_line_is_not_believed() {
    let fake = Fake::new()
        .answer("s", LIVING)
        .answer("m", &[("", Answer::Text("#<PID> <ty"))]);
    fake.assert_fails(&["--full"], "the answer names no master process");
    assert!(!fake.asked().contains(&"reload".to_owned()));
}

#[test]
fn a_reload_that_never_comes_is_not_taken_for_done() {
    let answers = &[
        ("show proc", Answer::Text(PROCESSES)),
        ("reload", Answer::Text("")),
    ];
    let fake = Fake::new().answer("s", LIVING).answer("m", answers);
    fake.assert_fails(&["--full", "--timeout", "1s"], "confirm the reload");
}

#[test]
fn a_refusal_in_words_is_shown_and_remembered() {
    let answers = &[
        ("show proc", Answer::Text(PROCESSES)),
        (
            "reload",
            Answer::Text("Success=0\n--\n[ALERT] no such thing\n"),
        ),
    ];
    let fake = Fake::new().answer("s", LIVING).answer("m", answers);
    fake.assert_fails(&["--full"], "the old worker goes on: [ALERT] no such thing");
    assert!(fake.path().join(".haproxy.cfg.refused").exists());
    assert!(!fake.path().join("haproxy.cfg.good").exists());
}

#[test]
fn it_waits_while_five_old_workers_are_finishing() {
    const FULL: &str = "6 master 9 [failed: 0] 0d 2.6\n# workers\n7 worker 0 0d 2.6\n# old workers\n\
        1 worker 5 0d 2.6\n2 worker 4 0d 2.6\n3 worker 3 0d 2.6\n4 worker 2 0d 2.6\n5 worker 1 0d 2.6\n";
    let fake = Fake::new()
        .answer("s", LIVING)
        .answer("m", &[("show proc", Answer::Text(FULL))]);
    fake.assert_fails(
        &["--full", "--timeout", "1s"],
        "5 old workers are still finishing",
    );
    assert!(!fake.asked().contains(&"reload".to_owned()));
}

#[test]
fn status_survives_odd_counters() {
    let answers = &[
        ("show env", Answer::Text(STATE)),
        ("show stat", Answer::Text("# pxname,svname\nx\n,,,\n")),
    ];
    let fake = Fake::new().answer("s", answers);
    assert_eq!(fake.run(&["--status"]).code(), 0);
    let answers = &[
        ("show env", Answer::Text(STATE)),
        ("show stat", Answer::Text("\x07")),
    ];
    Fake::new()
        .answer("s", answers)
        .assert_fails(&["--status"], "it has no heading");
}
