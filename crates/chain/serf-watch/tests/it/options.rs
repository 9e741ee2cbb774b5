//! Options, the environment, exit codes.

use std::process::Output;

use crate::agent::Agent;
use crate::watcher::{Watcher, program};

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
