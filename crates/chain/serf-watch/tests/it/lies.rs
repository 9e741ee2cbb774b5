//! An agent that talks nonsense: the conversation ends, the reason is told, and a new one begins.

use std::collections::BTreeMap;

use harness::wait_for;

use crate::agent::{Agent, Answer, Reply, encode};
use crate::watcher::{LONG, NEVER, OFTEN, Watcher};

/// Lets the agent lie until it is found out, and then be honest, after which all is well.
fn lie(host: &str, lie: Vec<u8>, told: &str) {
    let agent = Agent::start(host);
    agent.answer(Answer::Lie(lie));
    let watcher = Watcher::start(&agent.rpc, NEVER);
    watcher.wait_said(told);
    wait_for("a new connection", LONG, || {
        (agent.accepted() > 2).then_some(())
    });
    assert_eq!(watcher.said().lines().count(), 1, "{}", watcher.said());
    assert_eq!(watcher.begins(), 0);
    agent.answer(Answer::Honest);
    watcher.wait_ends(1);
}

/// The answer to the first question that is asked on a connection, with this as its body.
fn answer(body: &[u8]) -> Vec<u8> {
    [&encode(&Reply { seq: 3, error: "" }), body].concat()
}

#[test]
fn bytes_of_another_protocol_are_no_answer() {
    let told = "understand the agent's answer: ";
    lie("63.1", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), told);
}

#[test]
fn a_message_that_says_it_is_huge_is_not_waited_for() {
    let huge = answer(&[0xdb, 0xff, 0xff, 0xff, 0xff]);
    lie(
        "63.2",
        huge,
        "the agent sent a message of more than 33554432 bytes",
    );
}

#[test]
fn a_list_that_is_none_is_not_an_empty_one() {
    let text = encode(&BTreeMap::from([("Members", "nobody")]));
    lie(
        "63.3",
        answer(&text),
        "understand the agent's member list: ",
    );
}

#[test]
fn an_answer_to_another_question_is_none() {
    let other = encode(&Reply { seq: 99, error: "" });
    lie(
        "63.4",
        other,
        "the agent answered question 99, which was not asked",
    );
}

#[test]
fn what_it_refuses_is_told_without_control_characters() {
    let error = encode(&Reply {
        seq: 3,
        error: "no\n\u{1b}[31m",
    });
    lie("63.5", error, "the agent refuses: no\\n\\x1b[31m");
}

#[test]
fn half_an_answer_and_the_end_is_no_answer() {
    let agent = Agent::start("63.6");
    agent.answer(Answer::Half);
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    watcher.wait_said("the agent closed the connection");
    agent.answer(Answer::Honest);
    watcher.wait_ends(1);
}

#[test]
fn silence_is_not_waited_out() {
    let agent = Agent::start("63.7");
    agent.answer(Answer::Nothing);
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    watcher.wait_said("the agent has not answered for 15s");
    agent.answer(Answer::Honest);
    watcher.wait_ends(1);
}

#[test]
fn more_bytes_than_any_message_has_end_it() {
    let agent = Agent::start("63.8");
    let watcher = Watcher::start(&agent.rpc, NEVER);
    watcher.wait_ends(1);
    agent.wait_asked(2);
    // This is half of a map, and then values without end.
    let (mut stream, _) = agent.monitor();
    let nested = [0xdd, 0x00, 0x00, 0xff, 0xff].repeat(1000);
    while std::io::Write::write_all(&mut stream, &nested).is_ok() {
        assert!(watcher.memory() < 100_000);
    }
    watcher.wait_said("the agent sent a message of more than");
    agent.add("s1");
    watcher.wait_ends(2);
}
