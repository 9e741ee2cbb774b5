//! What it leaves for those who look at the chain: that it failed, and else nothing.

use std::path::Path;
use std::process::{Command, Output};

use journal::{Line, State};

use super::{Agent, LONG, wait_for};

/// A look at the agent at `rpc` in this run of a chain.
fn look(folder: &Path, rpc: &str, run: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_serf-members"));
    command
        .args(["--rpc", rpc, "--timeout", "60s", "--nodes"])
        .arg(folder.join("nodes"))
        .env_remove("SERF_RPC_KEY_FILE")
        .env("MUSTER_JOURNAL", folder.join("muster.jsonl"))
        .env("CHAIN_RUN", run);
    command.output().unwrap()
}

fn lines(folder: &Path) -> Vec<Line> {
    let mut lines = journal::recent(&folder.join("muster.jsonl"), 1 << 20);
    // No other step of these runs is there, which is told as well.
    lines.retain(|line| line.step == "serf-members");
    lines
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn that_it_failed_is_told_once_and_that_it_succeeded_by_nothing() {
    let folder = harness::scratch();
    let folder = folder.path();
    let nodes = folder.join("nodes");
    std::fs::create_dir(&nodes).unwrap();
    let rpc = format!("{}:7373", harness::address("131.1"));
    for run in ["0a-1", "0a-2"] {
        assert_eq!(look(folder, &rpc, run).status.code(), Some(111));
    }
    let told = lines(folder);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].run.as_deref(), told[0].code), (Some("0a-1"), 111));
    let error = told[0].error.as_deref().unwrap();
    assert!(error.starts_with("connect to the agent at 127."), "{error}");
    let state = State::read(&nodes).unwrap().unwrap();
    assert_eq!(
        (state.run.as_str(), state.failed().unwrap().0),
        ("0a-2", "serf-members")
    );
    assert!(state.steps["serf-members"].ms > 0.0, "{state:?}");

    let ha = Agent::start("ha", "131.1", &[]);
    wait_for("the agent to answer", LONG, || {
        look(folder, &ha.rpc, "0a-3").status.success().then_some(())
    });
    let kept = |folder: &Path| std::fs::read(folder.join(".steps")).unwrap();
    let before = kept(&nodes);
    assert!(look(folder, &ha.rpc, "0a-4").status.success());
    assert_eq!(kept(&nodes), before);
    // Where there is nothing, nothing is made.
    let other = harness::scratch();
    std::fs::create_dir(other.path().join("nodes")).unwrap();
    assert!(look(other.path(), &ha.rpc, "0a-5").status.success());
    assert_eq!(
        (entries(other.path()), entries(&other.path().join("nodes"))),
        (1, 0)
    );
}

#[test]
fn without_a_run_or_a_folder_no_state_is_made() {
    let folder = harness::scratch();
    let rpc = format!("{}:7373", harness::address("131.2"));
    let run = |options: &[&str], run: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_serf-members"));
        command
            .args(["--rpc", &rpc])
            .args(options)
            .env_remove("NODES_DIR")
            .env_remove("SERF_RPC_KEY_FILE")
            .env_remove("MUSTER_JOURNAL")
            .env("CHAIN_RUN", run);
        assert_eq!(command.output().unwrap().status.code(), Some(111));
    };
    let path = folder.path().to_str().unwrap();
    run(&["--nodes", path], "");
    run(&[], "0a-1");
    assert_eq!(entries(folder.path()), 0);
    // A folder that is not there changes nothing either.
    run(&["--nodes", "/nonexistent/nodes"], "0a-1");
}
