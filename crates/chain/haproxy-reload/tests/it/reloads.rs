//! When more than servers changes, HAProxy is reloaded, and confirms it or refuses in words.

use std::net::{SocketAddr, TcpListener};

use harness::wait_for;

use crate::haproxy::{Config, Haproxy, PATIENCE, Run, address, front, lengthen_pause};
use crate::node::{self, Node};

fn other(haproxy: &Haproxy) -> Config {
    let mut config = haproxy.config(&[1]);
    config.variant = Some("2".to_owned());
    config.backend.push_str("    balance leastconn\n");
    config
}

/// Something that only a reload can do, and that HAProxy refuses.
fn broken(haproxy: &Haproxy) -> Config {
    let mut config = other(haproxy);
    config.variant = Some("3".to_owned());
    config.backend.push_str("    balance sideways\n");
    config
}

/// Another address of HAProxy of test `test`.
fn beside(test: u8) -> SocketAddr {
    (front(test).ip(), 8081).into()
}

fn frontend(address: SocketAddr) -> String {
    format!("frontend more\n    bind {address}\n    default_backend nodes\n")
}

/// Asserts that the file is refused, and that the message says why.
fn assert_refused(haproxy: &Haproxy, file: &[u8], why: &str) {
    haproxy.write_bytes(file);
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    assert!(run.stderr().contains(why), "{}", run.stderr());
}

#[test]
fn another_template_is_a_reload_that_is_over_when_the_run_is() {
    let haproxy = Haproxy::start(30, &[1]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    let told = haproxy.change(&other(&haproxy));
    let expected = "haproxy-reload: reload, since line 6: `setenv TEST 2` was `setenv TEST 1` (";
    assert!(told.starts_with(expected), "{told}");
    assert_ne!(haproxy.worker(), worker);
    assert_eq!(haproxy.ask("show env TEST").trim(), "TEST=2");
    haproxy.assert_agrees();
}

#[test]
fn a_file_without_a_fingerprint_is_reloaded_once_for_each_content() {
    let haproxy = Haproxy::start(31, &[1]);
    let mut config = haproxy.config(&[1, 2]);
    config.variant = None;
    let told = haproxy.change(&config);
    assert!(told.contains("no fingerprint"), "{told}");
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    haproxy.ask("set server nodes/s1 weight 3");
    assert_eq!(haproxy.run(&[]).code(), 0);
    assert_eq!(
        haproxy.worker(),
        worker,
        "a weight set by hand is no reload"
    );
    haproxy.change(&config.with(&[1]));
    assert_ne!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn the_last_file_that_was_taken_is_kept() {
    let haproxy = Haproxy::start(32, &[1]);
    haproxy.assert_agrees();
    let first = haproxy.config(&[1]).text();
    assert_eq!(haproxy.read("haproxy.cfg.good"), first);
    let joined = haproxy.config(&[1, 2]);
    haproxy.change(&joined);
    assert_eq!(haproxy.read("haproxy.cfg.good"), joined.text());
    haproxy.write(&broken(&haproxy));
    assert_eq!(haproxy.run(&[]).code(), 111);
    assert_eq!(haproxy.read("haproxy.cfg.good"), joined.text());
}

#[test]
fn a_refused_file_leaves_the_old_worker_and_shows_haproxys_words() {
    let _node = Node::start("s1", address(33, 1));
    let haproxy = Haproxy::start(33, &[1]);
    haproxy.wait_for_status("s1", "UP");
    let worker = haproxy.worker();
    haproxy.write(&broken(&haproxy));
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    let told = run.stderr();
    assert!(
        told.contains("HAProxy refused the file, and the old worker goes on"),
        "{told}"
    );
    assert!(
        told.contains("haproxy.cfg:"),
        "the place of the mistake: {told}"
    );
    assert_eq!(haproxy.worker(), worker);
    assert_eq!(node::get(front(33), "/").unwrap(), "s1");
}

#[test]
fn a_refused_file_is_tried_again_later_and_another_one_at_once() {
    let haproxy = Haproxy::start(34, &[1]);
    haproxy.write(&broken(&haproxy));
    assert_eq!(haproxy.run(&[]).code(), 111);
    lengthen_pause(&haproxy.path(""));
    let before = haproxy.ask_master("show proc").unwrap();
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    assert!(
        run.stderr().contains("it is tried again in "),
        "{}",
        run.stderr()
    );
    let line = |text: &str| {
        text.lines()
            .nth(1)
            .unwrap()
            .split("0d")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        line(&haproxy.ask_master("show proc").unwrap()),
        line(&before)
    );
    haproxy.change(&other(&haproxy));
    assert_eq!(haproxy.read(".haproxy.cfg.refused"), "");
    haproxy.assert_agrees();
}

#[test]
fn after_the_pause_the_same_file_is_tried_again_and_the_pause_doubles() {
    let haproxy = Haproxy::start(35, &[1]);
    haproxy.write(&broken(&haproxy));
    let pause = |expected: &str| {
        wait_for("the next try", PATIENCE, || {
            assert_eq!(haproxy.run(&[]).code(), 111);
            haproxy
                .read(".haproxy.cfg.refused")
                .ends_with(expected)
                .then_some(())
        });
    };
    pause(" 1\n");
    pause(" 2\n");
}

#[test]
fn a_busy_port_is_found_before_haproxy_loses_its_own() {
    let _node = Node::start("s1", address(36, 1));
    let haproxy = Haproxy::start(36, &[1]);
    haproxy.wait_for_status("s1", "UP");
    let taken = beside(36);
    let stranger = TcpListener::bind(taken).unwrap();
    let mut config = other(&haproxy);
    config.more.push_str(&frontend(taken));
    haproxy.write(&config);
    let worker = haproxy.worker();
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    let told = run.stderr();
    let expected = format!("bind {taken}: another program listens there");
    assert!(told.contains(&expected), "{told}");
    assert_eq!(haproxy.worker(), worker);
    assert_eq!(node::get(front(36), "/").unwrap(), "s1");
    drop(stranger);
    assert_eq!(
        haproxy.run(&[]).code(),
        0,
        "it is tried again without a pause"
    );
    haproxy.assert_agrees();
}

#[test]
fn an_address_that_haproxy_has_already_is_not_busy() {
    let haproxy = Haproxy::start(37, &[1]);
    haproxy.change(&other(&haproxy));
    let mut config = other(&haproxy);
    config.variant = Some("4".to_owned());
    config.more.push_str(&frontend(beside(37)));
    haproxy.change(&config);
    haproxy.assert_agrees();
}

#[test]
fn a_file_that_is_none_never_reaches_haproxy() {
    let haproxy = Haproxy::start(38, &[1]);
    let worker = haproxy.worker();
    let whole = haproxy.config(&[1]).text();
    let half = &whole.as_bytes()[..whole.len() - 20];
    for bytes in [
        &b""[..],
        b"\n",
        b"\x7fELF\0\x01\n",
        half,
        b"global\n    daemon\n",
    ] {
        assert_refused(&haproxy, bytes, "the running HAProxy stays as it is");
    }
    assert_eq!(haproxy.worker(), worker);
    haproxy.write(&haproxy.config(&[1]));
    haproxy.assert_agrees();
}

#[test]
fn a_file_that_lost_its_end_is_refused_and_the_servers_stay() {
    let haproxy = Haproxy::start(39, &[1]);
    let worker = haproxy.worker();
    let whole = haproxy.config(&[1]).text();
    let front = &whole[..=whole.find("\nbackend nodes").unwrap()];
    let why = "the file has no fingerprint of its own and is not known to run";
    assert_refused(&haproxy, front.as_bytes(), why);
    assert_eq!(haproxy.worker(), worker);
    haproxy.write(&haproxy.config(&[1]));
    haproxy.assert_agrees();
}

#[test]
fn what_commands_cannot_do_is_a_reload() {
    let haproxy = Haproxy::start(40, &[1]);
    let mut config = haproxy.config(&[1]);
    config.variant = Some("5".to_owned());
    config.backend.push_str("    balance source\n");
    haproxy.change(&config);
    let told = haproxy.change(&config.clone().with(&[1, 2]));
    let expected = "nodes/s2 cannot be added at run time: its balance keeps a fixed table";
    assert!(told.contains(expected), "{told}");
    haproxy.assert_agrees();
}

#[test]
fn what_haproxy_objects_to_is_a_reload() {
    let haproxy = Haproxy::start(41, &[1]);
    haproxy.assert_agrees();
    // Only HAProxy knows that this word needs another one before it.
    let mut config = haproxy.config(&[1]);
    config.more = format!(
        "    server s2 {} usesrc 127.0.0.1 weight 1\n",
        address(41, 2)
    );
    haproxy.write(&config);
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    assert!(
        run.stderr().contains("since HAProxy answers `"),
        "{}",
        run.stderr()
    );
}

#[test]
fn full_reloads_even_where_nothing_differs() {
    let haproxy = Haproxy::start(42, &[1]);
    let worker = haproxy.worker();
    let run = haproxy.run(&["--full"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(
        run.stderr().contains("reload, since asked for"),
        "{}",
        run.stderr()
    );
    assert_ne!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn a_dry_run_says_why_it_would_reload() {
    let haproxy = Haproxy::start(43, &[1]);
    haproxy.assert_agrees();
    let worker = haproxy.worker();
    haproxy.write(&other(&haproxy));
    let run = haproxy.run(&["--dry-run"]);
    assert_eq!(run.code(), 0);
    assert!(run.stdout().starts_with("reload, since line 6: "));
    assert_eq!(haproxy.worker(), worker);
}

#[test]
fn a_haproxy_that_reads_another_file_is_not_reloaded_for_ever() {
    let haproxy = Haproxy::start(44, &[1]);
    haproxy.change(&other(&haproxy));
    let mut config = other(&haproxy);
    config.variant = Some("3".to_owned());
    let text = config.text();
    std::fs::create_dir(haproxy.path("elsewhere")).unwrap();
    let elsewhere = haproxy.path("elsewhere").join("haproxy.cfg");
    std::fs::File::create(&elsewhere)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
    let arguments = ["--config", elsewhere.to_str().unwrap()];
    let run = || Run(haproxy.command(&arguments).output().unwrap());
    let first = run();
    assert_eq!(first.code(), 111);
    assert!(
        first.stderr().contains("does it read /tmp/"),
        "{}",
        first.stderr()
    );
    wait_for("a run within the pause", PATIENCE, || {
        let run = run();
        assert_eq!(run.code(), 111);
        run.stderr().contains("it is tried again in ").then_some(())
    });
}
