//! The table of keywords against what the installed HAProxy takes, in a file and at run
//! time. Which words are known is asked of each release; what they do on a server that was
//! added is not looked at here.

use std::collections::{BTreeMap, BTreeSet};

use haproxy_config::{Keyword, Release, keyword, keywords};

use crate::haproxy::Place;
use crate::samples;

/// The releases that the table speaks of. On one in between it may know less than HAProxy.
const KNOWN: [Release; 3] = [(2, 6), (3, 0), (3, 2)];

/// Words that `add server` takes in some releases, though what they do is not what they do
/// in the file. `enabled`: the server is shown as running, and gets no request.
const TAKEN_AND_NOT_HONOURED: [(&str, Release); 1] = [("enabled", (2, 6))];

/// A word that is none of HAProxy's. Where it complains of this one, it has read all that
/// stands before.
const UNKNOWN: &str = "no-such-word";

/// The rows that a release has.
fn rows(release: Release) -> Vec<&'static Keyword> {
    keywords().filter(|row| row.since <= release).collect()
}

fn release() -> Release {
    harness::haproxy::Haproxy::release().unwrap()
}

fn server(number: usize, words: &str) -> String {
    format!("server s{number} {} {words}", samples::address())
}

#[test]
fn every_keyword_has_the_samples_that_its_arguments_ask_for() {
    for row in keywords() {
        assert_eq!(samples::arguments(row.name), row.arguments, "{row:?}");
    }
    for name in samples::names() {
        assert!(keyword(name).is_some(), "{name}");
    }
}

#[test]
fn haproxy_accepts_every_keyword_in_a_file() {
    let place = Place::new();
    let rows = rows(release());
    // One that is not there cannot be opened. That HAProxy knows the word is seen below.
    let asked = rows.iter().filter(|row| row.name != "namespace");
    let lines = asked.enumerate();
    let lines: Vec<_> = lines
        .map(|(number, row)| server(number, &place.sample(row.name)))
        .collect();
    let output = place.check(&lines, &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !told.contains("[ALERT]"),
        "{told}"
    );
}

#[test]
fn haproxy_takes_as_many_words_behind_a_keyword_as_the_table_says() {
    let place = Place::new();
    let rows = rows(release());
    let lines = rows
        .iter()
        .enumerate()
        .map(|(number, row)| server(number, &format!("{} {UNKNOWN}", place.sample(row.name))));
    let told = place.complaints(&lines.collect::<Vec<_>>());
    for (row, told) in rows.iter().zip(told) {
        let expected = match row.name {
            "namespace" => "Cannot open namespace 'none-such'".to_owned(),
            _ => format!("unknown keyword '{UNKNOWN}'"),
        };
        assert!(told.contains(&expected), "{row:?}: {told}");
    }
}

#[test]
fn haproxy_says_which_keywords_a_default_server_cannot_have() {
    let place = Place::new();
    let rows = rows(release());
    let lines = rows.iter();
    let lines = lines.map(|row| format!("default-server {} {UNKNOWN}", place.sample(row.name)));
    let told = place.complaints(&lines.collect::<Vec<_>>());
    for (row, told) in rows.iter().zip(told) {
        let refused = format!("'{}' option is not accepted in default-server", row.name);
        let expected = !row.counts_in_default_server();
        assert_eq!(told.contains(&refused), expected, "{row:?}: {told}");
    }
}

#[test]
fn the_table_has_every_keyword_that_haproxy_lists_for_a_server() {
    let place = Place::new();
    let release = release();
    let output = place.check(&[], &["-dKcfg"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let lines = told
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server <name> <addr> "));
    let listed: BTreeMap<&str, &str> = lines
        .map(|line| line.split_once(" +").unwrap_or((line, "0")))
        .collect();
    for (name, arguments) in &listed {
        let row = keyword(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        // Of these it lists as many as the word itself takes in its first step.
        if !["source", "usesrc", "set-proxy-v2-tlv-fmt"].contains(name) {
            assert_eq!(row.arguments.to_string(), *arguments, "{row:?}");
        }
    }
    // It is a part of source, and not listed.
    let own = rows(release)
        .into_iter()
        .filter(|row| row.name != "interface");
    let own: BTreeSet<&str> = own.map(|row| row.name).collect();
    let listed: BTreeSet<&str> = listed.into_keys().collect();
    if KNOWN.contains(&release) {
        assert_eq!(listed, own);
    } else {
        assert!(listed.is_superset(&own), "{own:?} are more than {listed:?}");
    }
}

#[test]
fn an_added_server_can_have_the_words_that_the_table_says() {
    let place = Place::new();
    let release = release();
    // What is named by a file has to be loaded before.
    let files = ["ca-file", "crl-file", "crt"];
    let lines = files.iter().enumerate();
    let lines = lines.map(|(number, name)| server(number, &place.sample(name)) + " disabled");
    let (haproxy, _process) = place.start(&lines.collect::<Vec<_>>());
    for (number, row) in keywords().enumerate() {
        let sample = place.sample(row.name);
        let command = format!("add server nodes/a{number} {} {sample}", samples::address());
        let answer = haproxy.ask(&command).unwrap();
        let taken = answer.contains("New server registered.");
        let wanted = row.added_since.is_some_and(|since| since <= release)
            || TAKEN_AND_NOT_HONOURED.contains(&(row.name, release));
        let agrees = taken == wanted || (taken && !KNOWN.contains(&release));
        assert!(agrees, "{row:?} on {release:?}: {command}: {answer}");
        let why = [
            " option is not accepted for dynamic server",
            "unknown keyword",
        ];
        let known = taken || why.iter().any(|why| answer.contains(why));
        assert!(
            known && (taken || answer.contains(row.name)),
            "{row:?}: {answer}"
        );
    }
}

#[test]
fn haproxys_own_list_for_added_servers_is_that_of_the_table() {
    let place = Place::new();
    let (haproxy, _process) = place.start(&[]);
    let told = haproxy.ask("add server help").unwrap();
    if release() < (3, 2) {
        assert!(
            told.contains("Require 'backend/server'"),
            "it lists none: {told}"
        );
        return;
    }
    let listed: BTreeSet<&str> = told
        .lines()
        .skip(1)
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    let own = keywords().filter(|row| row.added_since.is_some() && row.name != "interface");
    let own: BTreeSet<&str> = own.map(|row| row.name).collect();
    assert_eq!(listed, own);
}
