//! What makes the command run, and what does not.

use std::io::Write as _;

use harness::wait_for;

use crate::agent::{Agent, Answer, member, record};
use crate::watcher::{LONG, NEVER, OFTEN, Watcher};

const JOIN: &str = "2026/01/01 00:00:00 [INFO] serf: EventMemberJoin: s1 127.0.0.1\n";
const OTHER: &str = "2026/01/01 00:00:00 [DEBUG] memberlist: Stream connection from=127.0.0.1:5\n";
const STAYS: &str = "2026/01/01 00:00:00 [DEBUG] serf: messageJoinType: ha\n";

/// Waits until the change was handled, and the members were looked at again after that.
fn settled(agent: &Agent, watcher: &Watcher) {
    watcher.wait_ends(1);
    agent.wait_asked(2);
}

#[test]
fn the_first_list_is_handled_and_the_same_one_is_not() {
    let agent = Agent::start("60.1");
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    settled(&agent, &watcher);
    agent.wait_asked(20);
    assert_eq!(watcher.begins(), 1);
    assert_eq!(
        watcher.said(),
        format!("serf-watch: follows the agent at {}\n", agent.rpc)
    );
}

#[test]
fn a_line_of_the_log_is_followed_at_once() {
    let agent = Agent::start("60.2");
    let watcher = Watcher::start(&agent.rpc, NEVER);
    settled(&agent, &watcher);
    agent.add("s1");
    agent.log(JOIN);
    watcher.wait_ends(2);
}

#[test]
fn a_change_that_no_line_tells_is_found_by_looking() {
    let agent = Agent::start("60.3");
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    settled(&agent, &watcher);
    agent.add("s1");
    watcher.wait_ends(2);
}

#[test]
fn each_field_of_a_member_counts() {
    let agent = Agent::start("60.4");
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    settled(&agent, &watcher);
    let mut one = member("s1");
    let mut runs = 1;
    let mut set = |change: &dyn Fn(&mut crate::agent::Member)| {
        change(&mut one);
        agent.set(vec![one.clone()]);
        runs += 1;
        watcher.wait_ends(runs);
    };
    set(&|_| ());
    set(&|one| "left".clone_into(&mut one.status));
    set(&|one| "\u{7f}\0\0\u{2}".clone_into(&mut one.addr));
    set(&|one| one.port = 1);
    set(&|one| drop(one.tags.insert("weight".to_owned(), "50".to_owned())));
    set(&|one| one.tags.clear());
    set(&|one| "s2".clone_into(&mut one.name));
}

#[test]
fn lines_about_anything_else_ask_nothing() {
    let agent = Agent::start("60.5");
    let watcher = Watcher::start(&agent.rpc, NEVER);
    settled(&agent, &watcher);
    for _ in 0..1000 {
        agent.log(OTHER);
        agent.log(STAYS);
    }
    // This line is read after all of them, so it shows that they were read.
    agent.log(JOIN);
    agent.wait_asked(3);
    assert!(agent.asked() <= 4, "{}", agent.asked());
    assert_eq!(watcher.begins(), 1);
}

#[test]
fn a_member_that_was_leaving_and_stays_is_seen_at_once() {
    let agent = Agent::start("60.11");
    let mut s1 = member("s1");
    "leaving".clone_into(&mut s1.status);
    agent.set(vec![s1]);
    let watcher = Watcher::start(&agent.rpc, NEVER);
    settled(&agent, &watcher);
    agent.set(vec![member("s1")]);
    agent.log(STAYS);
    watcher.wait_ends(2);
}

#[test]
fn it_wakes_for_nothing_but_its_looks_and_their_answers() {
    let agent = Agent::start("60.12");
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    settled(&agent, &watcher);
    // In this order, what happens between the two readings is in favour of the program.
    let (asked, woken) = (agent.asked(), watcher.woken());
    agent.wait_asked(asked + 40);
    let woken = watcher.woken() - woken;
    let asked = agent.asked() - asked;
    // A few more are allowed for what was under way at the beginning and at the end.
    assert!(woken <= 2 * asked as u64 + 6, "{woken} for {asked} looks");
}

#[test]
fn ten_thousand_members_are_a_list_like_any_other() {
    let agent = Agent::start("60.6");
    let mut members: Vec<_> = (0..10_000).map(|n| member(&format!("node-{n}"))).collect();
    agent.set(members.clone());
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    settled(&agent, &watcher);

    members.reverse();
    agent.set(members.clone());
    let asked = agent.asked();
    agent.wait_asked(asked + 3);
    assert_eq!(watcher.begins(), 1);

    "failed".clone_into(&mut members[5_000].status);
    agent.set(members);
    watcher.wait_ends(2);

    agent.set(vec![member("ha")]);
    watcher.wait_ends(3);
    wait_for("the memory to be given back", LONG, || {
        (watcher.memory() < 3000).then_some(())
    });
}

#[test]
fn a_flood_never_blocks_the_agent_even_while_the_command_runs() {
    let agent = Agent::start("60.7");
    let watcher = Watcher::new();
    watcher.hold();
    let mut watcher = watcher;
    watcher.run(&agent.rpc, NEVER);
    watcher.wait_begins(1);

    let (mut stream, seq) = agent.monitor();
    // A write that blocks for so long fails.
    stream.set_write_timeout(Some(LONG)).unwrap();
    let part = record(seq, OTHER).repeat(1000);
    for _ in 0..200 {
        stream.write_all(&part).unwrap();
    }
    assert!(watcher.memory() < 3000, "{} kB", watcher.memory());
    watcher.release();
    settled(&agent, &watcher);
    agent.add("s1");
    agent.log(JOIN);
    watcher.wait_ends(2);
}

#[test]
fn a_flood_of_false_signs_is_answered_with_few_questions() {
    let agent = Agent::start("60.8");
    let watcher = Watcher::start(&agent.rpc, NEVER);
    settled(&agent, &watcher);
    let (mut stream, seq) = agent.monitor();
    let part = record(seq, JOIN).repeat(100);
    let before = std::time::Instant::now();
    for _ in 0..200 {
        // No answer may come in the middle of a record.
        stream.write_all(&part).unwrap();
    }
    agent.add("s1");
    agent.log(JOIN);
    watcher.wait_ends(2);
    let most = 10 + before.elapsed().as_millis() / 20;
    assert!(
        agent.asked() as u128 <= most,
        "{} questions, at most {most}",
        agent.asked()
    );
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let agent = Agent::start("60.9");
    agent.answer(Answer::Slowly);
    let watcher = Watcher::start(&agent.rpc, OFTEN);
    settled(&agent, &watcher);
    agent.add("s1");
    watcher.wait_ends(2);
}

#[test]
fn it_runs_again_after_a_while_although_nothing_changed() {
    let agent = Agent::start("60.10");
    let watcher = Watcher::start(&agent.rpc, &["--every", "50ms", "--again", "100ms"]);
    wait_for("five runs", LONG, || (watcher.ends() >= 5).then_some(()));
}
