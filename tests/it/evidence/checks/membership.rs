//! Who Serf knows, and what its events say.

use super::{between, distinct, ensure, equal, owned, says, short, shortened, sorted};

fn role(name: &str) -> &str {
    if name == "ha" { "balancer" } else { "backend" }
}

pub(super) fn members(text: &str, names: &[&str]) -> Result<(), String> {
    let rows = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [name, _, "alive", tags] => format!("{name} {tags}"),
            _ => line.to_owned(),
        }
    });
    let expected = names
        .iter()
        .map(|name| format!("{name} role={}", role(name)));
    let expected: Vec<String> = expected.collect();
    // Tags that are beside the role, such as a weight, are no business of this one.
    let rows: Vec<String> = shortened(&rows.collect::<Vec<_>>());
    ensure(
        rows.len() == expected.len(),
        format!("{rows:?} are not {names:?}"),
    )?;
    rows.iter().zip(&expected).try_for_each(|(row, expected)| {
        ensure(
            row.starts_with(expected.as_str()),
            format!("'{row}' is not {expected}"),
        )
    })
}

pub(super) fn container_log(text: &str, whose: &str, joined: &[&str]) -> Result<(), String> {
    let own = if whose == "ha" {
        "[ha] "
    } else {
        "[webapp] webapp: listens on "
    };
    says(text, &[own, "[serf] ==> Serf agent running!"])?;
    let name = between(text, "Node name: '", "'");
    equal(&distinct(name.into_iter()), &owned(&[whose]))?;
    let joins = between(text, "EventMemberJoin: ", " ");
    equal(&distinct(joins.into_iter()), &sorted(joined))?;
    ensure(!text.contains("EventMemberLeave"), "somebody has left")
}

pub(super) fn lab_events(text: &str, events: &[&str]) -> Result<(), String> {
    let seen = text.lines().filter_map(|line| {
        let (what, rest) = line
            .strip_prefix("Member ")?
            .split_once(" event received from: ")?;
        let (name, role) = rest.split_once(" with role ")?;
        let what = if what == "join" { "member-join" } else { what };
        Some(format!("{what} {} {role}", short(name)))
    });
    equal(&seen.collect::<Vec<_>>(), &owned(events))?;
    let triggered = |script: &str| {
        text.lines()
            .any(|line| line == format!("Member {script} script triggered"))
    };
    ensure(triggered("join"), "the script for joins was not triggered")?;
    let leaves = events.iter().any(|event| event.starts_with("member-leave"));
    ensure(
        triggered("leave/join") == leaves,
        "the script for leaves was triggered, or was not",
    )
}
