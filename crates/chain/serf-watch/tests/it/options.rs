//! Options, the environment, exit codes.

use std::process::Output;

use harness::wait_for;

use crate::agent::Agent;
use crate::watcher::{LONG, VARIABLES, Watcher, program, text};

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

#[test]
fn misuse_is_100() {
    for arguments in [
        &[][..],
        &["--every", "1s"],
        &["--every", "0s", "true"],
        &["--every", "9ms", "true"],
        &["--every", "often", "true"],
        &["--again", "often", "true"],
        // So much, added to a moment, is more than a clock can show.
        &["--every", "18446744073709551615s", "true"],
        &["--again", "18446744073709551615s", "true"],
        &["--rpc", "127.0.0.1", "true"],
        &["--rpc", "127.0.0.1:0", "true"],
        &["--rpc", ":7373", "true"],
        &["--rpc", "127.0.0.1:port", "true"],
        &["--nonsense", "true"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(100), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_is_the_programs_page() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Interface:",
        "Signals:",
        "Exit codes:",
        "--rpc-key-file",
        "SERF_RPC_ADDR",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_agents_address_can_come_from_the_environment() {
    let agent = Agent::start("64.1");
    let watcher = Watcher::new();
    let mut child = program()
        .env("SERF_RPC_ADDR", &agent.rpc)
        .args(["touch", watcher.path("begins").to_str().unwrap()])
        .spawn()
        .unwrap();
    agent.wait_asked(2);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_pace_and_the_key_can_come_from_the_environment() {
    let agent = Agent::with_key("64.2", Some("key"));
    let watcher = Watcher::new();
    watcher.put("key", "key\n");
    let mut child = program()
        .env("SERF_RPC_ADDR", &agent.rpc)
        .env("SERF_RPC_KEY_FILE", watcher.path("key"))
        .env("SERF_WATCH_EVERY", "50ms")
        .env("SERF_WATCH_AGAIN", "100ms")
        .args([
            "sh",
            "-c",
            "echo run >>\"$0\"",
            watcher.path("runs").to_str().unwrap(),
        ])
        .spawn()
        .unwrap();
    wait_for("many runs and questions", LONG, || {
        let runs = text(&watcher.path("runs")).lines().count();
        (runs >= 5 && agent.asked() >= 5).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_empty_variable_is_one_that_is_not_set_and_a_wrong_one_misuse() {
    for name in VARIABLES {
        let command = |value| program().env(name, value).output().unwrap();
        let said = String::from_utf8(command("").stderr).unwrap();
        assert!(
            said.contains("required arguments were not provided"),
            "{said}"
        );
    }
    for name in ["SERF_RPC_ADDR", "SERF_WATCH_EVERY", "SERF_WATCH_AGAIN"] {
        let output = program().env(name, "often").arg("true").output().unwrap();
        assert_eq!(output.status.code(), Some(100), "{name}");
    }
}
