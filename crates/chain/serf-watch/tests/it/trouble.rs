//! An agent that is not there, goes and comes back, or wants a key.

use harness::wait_for;

use crate::agent::{Agent, rpc};
use crate::watcher::{LONG, NEVER, OFTEN, Watcher};

#[test]
fn an_agent_that_comes_later_is_found_and_its_absence_told_once() {
    let rpc = rpc("62.1");
    let watcher = Watcher::start(&rpc, OFTEN);
    watcher.wait_said(&format!(
        "connect to the agent at {rpc}: Connection refused"
    ));
    let agent = Agent::start("62.1");
    watcher.wait_ends(1);
    agent.wait_asked(2);
    assert_eq!(
        watcher.said(),
        format!(
            "serf-watch: connect to the agent at {rpc}: Connection refused (os error 111)\n\
             serf-watch: follows the agent at {rpc}\n"
        )
    );
}

#[test]
fn an_agent_that_restarts_is_followed_again() {
    let mut agent = Agent::start("62.2");
    let watcher = Watcher::start(&agent.rpc, NEVER);
    watcher.wait_ends(1);
    for runs in 2..5 {
        drop(agent);
        agent = Agent::start("62.2");
        agent.add(&format!("s{runs}"));
        watcher.wait_ends(runs);
    }
}

#[test]
fn a_key_is_shown_when_there_is_one() {
    // It is longer than the short strings of the protocol.
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let agent = Agent::with_key("62.3", Some(key));
    let mut watcher = Watcher::new();
    watcher.put("key", &format!("{key}\n"));
    let path = watcher.path("key");
    watcher.run(
        &agent.rpc,
        &[NEVER, &["--rpc-key-file", path.to_str().unwrap()]].concat(),
    );
    watcher.wait_ends(1);
    assert_eq!(
        watcher.said(),
        format!("serf-watch: follows the agent at {}\n", agent.rpc)
    );
}

#[test]
fn a_wrong_key_is_told_once_and_a_new_one_is_taken() {
    let agent = Agent::with_key("62.4", Some("right"));
    let mut watcher = Watcher::new();
    watcher.put("key", "wrong\n");
    let path = watcher.path("key");
    watcher.run(
        &agent.rpc,
        &[NEVER, &["--rpc-key-file", path.to_str().unwrap()]].concat(),
    );
    wait_for("four attempts", LONG, || {
        (agent.accepted() >= 4).then_some(())
    });
    watcher.put("key", "right\n");
    watcher.wait_ends(1);
    assert_eq!(
        watcher.said(),
        format!(
            "serf-watch: the agent refuses the key in --rpc-key-file: Invalid authentication token\n\
             serf-watch: follows the agent at {}\n",
            agent.rpc
        )
    );
}

#[test]
fn a_missing_key_is_told_once_with_what_to_do() {
    let agent = Agent::with_key("62.5", Some("right"));
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    wait_for("four attempts", LONG, || {
        (agent.accepted() >= 4).then_some(())
    });
    assert_eq!(
        watcher.said(),
        "serf-watch: the agent asks for a key, which --rpc-key-file can give: \
         Authentication required\n"
    );
    assert_eq!(watcher.begins(), 0);
}

#[test]
fn a_key_file_that_is_not_there_is_waited_for() {
    let agent = Agent::with_key("62.6", Some("right"));
    let mut watcher = Watcher::new();
    let path = watcher.path("key");
    let path = path.to_str().unwrap();
    watcher.run(&agent.rpc, &[NEVER, &["--rpc-key-file", path]].concat());
    watcher.wait_said(&format!("serf-watch: read {path}: there is no such file\n"));
    watcher.put("key", "right");
    watcher.wait_ends(1);
}

#[test]
fn a_failed_run_is_tried_again_as_soon_as_the_agent_is_back() {
    let agent = Agent::start("62.7");
    let mut watcher = Watcher::new();
    watcher.put("code", "111\n");
    watcher.run(&agent.rpc, NEVER);
    watcher.wait_ends(1);
    // If the agent did not come back, the next attempt would be in an hour.
    drop(agent);
    watcher.put("code", "0\n");
    let _agent = Agent::start("62.7");
    watcher.wait_said("succeeds again");
}
