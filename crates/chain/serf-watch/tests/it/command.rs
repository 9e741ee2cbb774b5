//! One command runs at a time, runs again when it failed, and is not cut short without need.

use harness::wait_for;
use nix::sys::signal::Signal;

use crate::agent::Agent;
use crate::watcher::{LONG, NEVER, OFTEN, Watcher, text};

#[test]
fn what_changes_while_it_runs_is_one_more_run() {
    let agent = Agent::start("61.1");
    let mut watcher = Watcher::new();
    watcher.hold();
    watcher.run(&agent.rpc, OFTEN);
    watcher.wait_begins(1);
    for n in 0..20 {
        agent.add(&format!("s{n}"));
        let asked = agent.asked();
        agent.wait_asked(asked + 2);
    }
    assert_eq!(watcher.begins(), 1);
    watcher.release();
    watcher.wait_ends(2);
    let asked = agent.asked();
    agent.wait_asked(asked + 5);
    assert_eq!(watcher.begins(), 2);
}

#[test]
fn one_that_failed_is_tried_again_until_it_succeeds() {
    let agent = Agent::start("61.2");
    let mut watcher = Watcher::new();
    watcher.put("code", "111\n");
    watcher.run(&agent.rpc, OFTEN);
    wait_for("three runs", LONG, || (watcher.ends() >= 3).then_some(()));
    watcher.put("code", "1\n");
    watcher.wait_said("sh succeeds again");
    let (ends, asked) = (watcher.ends(), agent.asked());
    agent.wait_asked(asked + 5);
    assert_eq!(watcher.ends(), ends);
    assert_eq!(
        watcher.said(),
        format!(
            "serf-watch: follows the agent at {}\n\
             serf-watch: sh failed (exit status: 111) and will be tried again\n\
             serf-watch: sh succeeds again\n",
            agent.rpc
        )
    );
}

#[test]
fn one_that_is_not_there_is_told_once_and_tried_again() {
    let agent = Agent::start("61.3");
    let mut watcher = Watcher::new();
    let path = watcher.path("late");
    let path = path.to_str().unwrap();
    watcher.run_command(&agent.rpc, OFTEN, &[path]);
    let message = format!("serf-watch: run {path}: No such file or directory (os error 2)\n");
    watcher.wait_said(&message);
    agent.wait_asked(10);
    assert_eq!(watcher.said().matches("run ").count(), 1);
    std::os::unix::fs::symlink("/bin/true", watcher.path("late")).unwrap();
    watcher.wait_said("succeeds again");
}

#[test]
fn it_gets_its_arguments_as_they_are() {
    let agent = Agent::start("61.4");
    let mut watcher = Watcher::new();
    let script = "printf '<%s>' \"$@\" >\"$0.new\"; mv \"$0.new\" \"$0\"";
    let path = watcher.path("arguments");
    let arguments = [
        "--",
        "sh",
        "-c",
        script,
        path.to_str().unwrap(),
        "--every",
        "a b",
        "--",
        "",
    ];
    watcher.run_command(&agent.rpc, NEVER, &arguments);
    wait_for("the arguments", LONG, || {
        (text(&path) == "<--every><a b><--><>").then_some(())
    });
}

#[test]
fn it_holds_neither_the_connection_nor_anything_else_of_ours() {
    let agent = Agent::start("61.5");
    let mut watcher = Watcher::new();
    let script = "ls -l /proc/$$/fd >\"$0.new\"; mv \"$0.new\" \"$0\"";
    let path = watcher.path("descriptors");
    watcher.run_command(
        &agent.rpc,
        NEVER,
        &["sh", "-c", script, path.to_str().unwrap()],
    );
    wait_for("the descriptors", LONG, || {
        (!text(&path).is_empty()).then_some(())
    });
    assert!(!text(&path).contains("socket:"), "{}", text(&path));
}

#[test]
fn told_to_end_it_waits_for_the_run() {
    for (host, signal) in [("61.6", Signal::SIGTERM), ("61.7", Signal::SIGINT)] {
        let agent = Agent::start(host);
        let mut watcher = Watcher::new();
        watcher.hold();
        watcher.run(&agent.rpc, OFTEN);
        watcher.wait_begins(1);
        watcher.signal(signal);
        agent.add("too late for a run");
        let accepted = agent.accepted();
        watcher.release();
        assert_eq!(watcher.wait().code(), Some(0));
        assert_eq!((watcher.begins(), watcher.ends()), (1, 1));
        assert_eq!(agent.accepted(), accepted);
    }
}

#[test]
fn told_to_end_while_nothing_runs_it_ends_at_once() {
    let agent = Agent::start("61.8");
    let mut watcher = Watcher::start(&agent.rpc, NEVER);
    watcher.wait_ends(1);
    agent.wait_asked(2);
    watcher.signal(Signal::SIGTERM);
    assert_eq!(watcher.wait().code(), Some(0));
}

#[test]
fn a_run_that_does_not_end_is_ended_with_all_that_it_started() {
    let agent = Agent::start("61.9");
    let mut watcher = Watcher::new();
    let script = "trap '' TERM; sleep 1000 & echo $! >\"$0.new\"; mv \"$0.new\" \"$0\"; wait; wait";
    let path = watcher.path("child");
    watcher.run_command(
        &agent.rpc,
        NEVER,
        &["sh", "-c", script, path.to_str().unwrap()],
    );
    let child = wait_for("the child", LONG, || text(&path).trim().parse::<u32>().ok());
    watcher.signal(Signal::SIGTERM);
    assert_eq!(watcher.wait().code(), Some(0));
    wait_for("the child to be gone", LONG, || {
        harness::has_ended(child).then_some(())
    });
}
