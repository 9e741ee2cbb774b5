//! A file without HAProxy's command socket is refused, and a HAProxy that runs such a file is
//! reloaded through its master.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use harness::wait_for;

use crate::haproxy::{Config, Haproxy, PATIENCE, lengthen_pause};

/// A file with its socket elsewhere, which HAProxy takes.
fn elsewhere(haproxy: &Haproxy) -> String {
    let mut config = haproxy.config(&[1]);
    config.variant = Some("2".to_owned());
    config.text().replace("/s mode", "/t mode")
}

fn other(haproxy: &Haproxy) -> Config {
    let mut config = haproxy.config(&[1]);
    config.variant = Some("3".to_owned());
    config
}

#[test]
fn a_file_that_would_take_haproxy_its_socket_is_refused() {
    let haproxy = Haproxy::start(50, &[1]);
    let worker = haproxy.worker();
    haproxy.write_bytes(elsewhere(&haproxy).as_bytes());
    let run = haproxy.run(&[]);
    let socket = haproxy.path("s");
    let told = format!(
        "has no `stats socket {} level admin`, so no later change",
        socket.display()
    );
    assert_eq!(run.code(), 111, "{}", run.stderr());
    assert!(run.stderr().contains(&told), "{}", run.stderr());
    assert!(haproxy.path(".haproxy.cfg.refused").exists());
    assert_eq!(haproxy.run(&[]).code(), 111);
    assert_eq!(haproxy.worker(), worker);
    haproxy.change(&other(&haproxy));
    haproxy.assert_agrees();
}

#[test]
fn a_socket_that_the_environment_names_is_known() {
    let haproxy = Haproxy::start(51, &[1]);
    let path = haproxy.path("s").display().to_string();
    for (line, code) in [
        (format!("\"${{NOT_SET-{path}}}\" mode"), 0),
        (format!("\"${{HAPROXY_LOCALPEER}}{path}\" mode"), 111),
    ] {
        let mut config = other(&haproxy);
        config.variant = Some(code.to_string());
        let text = config.text().replace(&format!("{path} mode"), &line);
        haproxy.write_bytes(text.as_bytes());
        let run = haproxy.run(&[]);
        assert_eq!(run.code(), code, "{line}: {}", run.stderr());
    }
}

/// The new worker inherits the socket, whose name is gone: only a start gives
/// it a new one.
#[test]
fn a_socket_that_somebody_removed_is_told_in_time_with_what_helps() {
    let begin = Instant::now();
    let haproxy = Haproxy::start(52, &[1]);
    haproxy.assert_agrees();
    std::fs::remove_file(haproxy.path("s")).unwrap();
    for told in ["confirm the reload: ", "tried before, in vain"] {
        let run = haproxy.run(&[]);
        lengthen_pause(&haproxy.path(""));
        assert_eq!(run.code(), 111, "{}\n{}", run.stderr(), haproxy.read("log"));
        let since = format!("since nobody answers at {}", haproxy.path("s").display());
        for told in [told, "`svc -r`", &since] {
            assert!(run.stderr().contains(told), "{told}: {}", run.stderr());
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(120));
}

/// A HAProxy that runs a file without our socket, and whose old worker is gone.
fn locked_out(test: u8) -> Haproxy {
    let haproxy = Haproxy::start(test, &[1]);
    haproxy.write_bytes(elsewhere(&haproxy).as_bytes());
    haproxy.ask_master("reload");
    wait_for("nobody to listen at the socket", PATIENCE, || {
        let gone = UnixStream::connect(haproxy.path("s")).is_err();
        (gone && haproxy.path("t").exists()).then_some(())
    });
    wait_for("the master to answer", PATIENCE, || {
        haproxy.ask_master("show proc")
    });
    haproxy
}

#[test]
fn a_haproxy_without_the_socket_is_told_what_helps() {
    let haproxy = locked_out(53);
    let refused = haproxy.run(&[]);
    assert_eq!(refused.code(), 111);
    let told = refused.stderr();
    assert!(told.contains("has no `stats socket"), "{told}");
    haproxy.write(&other(&haproxy));
    for argument in ["--dry-run", "--status"] {
        let run = haproxy.run(&[argument]);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let told = run.stdout();
        assert!(told.contains("reload, since nobody answers at"), "{told}");
    }
    let json = haproxy.run(&["--status", "--json"]).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["agrees"].as_bool(), json["pid"].as_u64()),
        (Some(false), Some(0))
    );
}

#[test]
fn the_right_file_brings_a_haproxy_without_the_socket_back() {
    let haproxy = locked_out(54);
    let told = haproxy.change(&other(&haproxy));
    assert!(told.contains("reload, since nobody answers at"), "{told}");
    haproxy.assert_agrees();
}
