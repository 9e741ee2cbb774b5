//! What Serf tells `serf-nodes`: an event, as its handler gets it, and the member list.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use nodes::{Name, Node};

use crate::admission::Admission;
use crate::event::{Event, Kind};
use crate::handler::{decide, named};
use crate::members;
use crate::places::Places;
use crate::plan::{Action, Files, Marks, Plan, Policy, plan};
use crate::roster::Roster;

/// The names of all events that Serf has.
const EVENTS: [&str; 6] = [
    "member-join",
    "member-update",
    "member-leave",
    "member-failed",
    "member-reap",
    "user",
];

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match env!("CARGO_BIN_NAME") {
    "serf-events" => event(bytes),
    _ => list(bytes),
});

fn admission() -> Admission {
    Admission {
        role: "backend".to_owned(),
        allow_loopback: true,
        allow: Vec::new(),
        deny: Vec::new(),
    }
}

/// A log or a terminal takes it for one line, and nothing in it for a command.
fn assert_one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// What is written is a file that names itself, and that is read as what was written.
fn assert_read_again(node: &Node) {
    let name = node.name.as_str();
    assert!(!name.is_empty() && !name.starts_with('.') && !name.contains('/'));
    assert_eq!(Node::parse(&node.name, &node.line()).as_ref(), Ok(node));
}

/// Each line of an event is taken or told, and what is taken are its own fields.
fn event(bytes: &[u8]) {
    let admission = admission();
    let event = Event::of(bytes.to_vec());
    let lines = event.lines();
    for why in &lines.refused {
        assert_one_line(why);
    }
    let mut again = Vec::new();
    for member in &lines.members {
        for field in [member.name, member.address, member.role] {
            assert!(!field.contains(&b'\t') && !field.contains(&b'\n'));
        }
        again.extend([member.name, member.address, member.role].join(&b'\t'));
        again.push(b'\n');
    }
    assert_eq!(Event::of(again).lines().members, lines.members);
    let (named, refused) = named(&lines.members, &admission);
    for refusal in &refused {
        assert_one_line(refusal.text());
    }
    for kind in EVENTS.map(Kind::parse) {
        let kind = kind.expect("it is an event of Serf");
        for (name, member) in &named {
            assert_one_line(&kind.received(member));
            match decide(kind, member, name, None, &admission, &BTreeSet::new()) {
                Ok(Some(Action::Write { node, .. })) => assert_read_again(&node),
                Ok(_) => {}
                Err(why) => assert_one_line(&why),
            }
        }
    }
}

/// What a list makes of the files, and what it makes of those that it has made itself.
fn list(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(members) = members::parse(&text) else {
        return;
    };
    let admission = admission();
    let made = planned(&mut Roster::new(&members, &admission), &Files::default());
    let mut written = Vec::new();
    for action in &made.actions {
        match action {
            Action::Add { node } => written.push(node),
            other => panic!("without a file there is nothing to {other:?}"),
        }
    }
    for node in &written {
        assert_read_again(node);
    }
    let places: BTreeSet<_> = written.iter().map(|node| node.place()).collect();
    assert_eq!(places.len(), written.len(), "two nodes have one place");
    for remark in &made.remarks {
        assert_one_line(remark.text());
    }
    let files = written.iter().map(|node| (node.name.clone(), Some(*node)));
    let files: Files<'_> = files.collect::<Vec<(Name, _)>>().into_iter().collect();
    let again = planned(&mut Roster::new(&members, &admission), &files);
    assert_eq!(again.actions, [], "the same list changes its own files");
}

fn planned(roster: &mut Roster, files: &Files<'_>) -> Plan {
    let places = Places::settle(roster, files, |_| false);
    let policy = Policy {
        hold: Duration::from_secs(30),
        max_lost: "50%".parse().expect("it is a share"),
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    plan(roster, &places, files, &Marks::new(), now, policy)
}

#[cfg(test)]
#[test]
fn every_event_of_the_corpus_holds() {
    harness::corpus("serf-events", event);
}

#[cfg(test)]
#[test]
fn every_member_list_of_the_corpus_holds() {
    harness::corpus("member-list", list);
}
