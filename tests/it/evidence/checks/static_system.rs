//! Task 0: who answers, HAProxy's list, and s3, added by hand.

use std::fs;

use harness::root;

use super::engine::containers;
use super::visitor::lost;
use super::{ensure, equal, owned, says, sorted};

/// The `host` of each answer of the web application.
fn hosts(text: &str) -> Vec<&str> {
    let pieces = text.split("\"host\":\"").skip(1);
    pieces.filter_map(|piece| piece.split('"').next()).collect()
}

pub(super) fn both_answer(text: &str) -> Result<(), String> {
    equal(&owned(&hosts(text)), &owned(&["s1", "s2"]))?;
    says(text, &[":4000/", ":4001/"])
}

pub(super) fn in_turn(text: &str, expected: &[&str]) -> Result<(), String> {
    let hosts = hosts(text);
    ensure(hosts.len() >= 2 * expected.len(), "has too few answers")?;
    let turns = hosts.chunks(expected.len());
    let expected = sorted(expected);
    turns
        .into_iter()
        .try_for_each(|turn| equal(&sorted(turn), &expected))
}

/// HAProxy's own list, as often as it was asked for.
fn lists(text: &str) -> Vec<Vec<String>> {
    let asked = text.split(";csv'").skip(1);
    asked
        .map(|after| {
            let lines = after.lines().skip(1).map(str::to_owned);
            lines.take_while(|line| line.contains(',')).collect()
        })
        .collect()
}

pub(super) fn unnoticed(text: &str) -> Result<(), String> {
    let (engine, rest) = text.split_once("\n$ ").ok_or("asks nobody")?;
    equal(&containers(engine), &owned(&["ha", "s1", "s2", "s3"]))?;
    says(rest, &["HTTP/1.0 200 OK", "/dev/tcp/s3/3000"])?;
    equal(&owned(&hosts(rest)), &owned(&["s3"]))?;
    let lists = lists(rest);
    ensure(lists.len() == 1, "has no list of HAProxy's")?;
    equal(&lists[0], &owned(&["s1,UP", "s2,UP"]))
}

/// Every piece of `scripts/tasks/s3`, put to its place, and the list without and with s3.
pub(super) fn by_hand(text: &str) -> Result<(), String> {
    for piece in ["service.yml", "environment.yml", "server.cfg"] {
        let path = root().join("scripts/tasks/s3").join(piece);
        let piece = fs::read_to_string(path).unwrap();
        says(text, &[piece.trim()])?;
    }
    says(
        text,
        &[
            "WEBAPP_3_NAME=s3\nWEBAPP_3_IP=",
            "cat s3/variables.env >>.env",
            "r s3/service.yml' docker-compose.yml",
            "up -d s3",
            "cat s3/server.cfg >>static.cfg",
            "r s3/environment.yml' docker-compose.yml",
            "up -d ha",
        ],
    )?;
    let [before, after] = &lists(text)[..] else {
        return Err("HAProxy's list is not there before and after".to_owned());
    };
    equal(before, &owned(&["s1,UP", "s2,UP"]))?;
    equal(after, &owned(&["s1,UP", "s2,UP", "s3,UP"]))?;
    let (_, counts) = text.rsplit_once("s3,UP").unwrap_or_default();
    lost(counts)
}
