//! An s6-rc source tree: a line for each definition, `KIND NAME WORD...`. A word is somebody
//! who is named, `>NAME` a consumer, `<NAME` a producer and `|NAME` a pipeline. What stands
//! behind ` = ` is the command line of a oneshot.

use std::collections::BTreeSet;
use std::path::Path;

use crate::execline::{Line, parse, script};
use crate::plan::{Plan, What};
use crate::tree::{Definition, Kind, Oneshot, Pipe, Script, Tree};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

/// What is in services.d already.
const OTHERS: [&str; 2] = ["web", "log"];

fn holds(bytes: &[u8]) {
    command_line(bytes);
    let text = String::from_utf8_lossy(bytes);
    let definitions = text.lines().filter_map(definition).collect();
    let (tree, problems) = Tree::of(definitions);
    assert_eq!(tree.edges.len(), tree.definitions.len());
    let planned = Plan::of(&tree, &OTHERS.map(str::to_owned), None);
    if let (Ok(plan), true) = (planned, problems.is_empty()) {
        assert_can_start(&plan);
    }
}

/// The words of a command are those that a shell reads in its script.
fn command_line(text: &[u8]) {
    let Ok(line) = parse(text) else {
        return;
    };
    let made = script(&line, text, None, Path::new("/up"));
    match (&line, made) {
        (Line::Nothing, made) => assert_eq!(made, None),
        (Line::Execline, made) => assert!(matches!(made, Some(Err(_)))),
        (Line::Command(words), Some(Ok(script))) => {
            let said = script.strip_prefix(b"#!/bin/sh\nexec ".as_slice());
            let said = said.and_then(|said| said.strip_suffix(b"\n"));
            assert_eq!(&as_a_shell(said.expect("it is one command")), words);
        }
        (_, made) => panic!("{line:?} became {made:?}"),
    }
}

/// The words that a shell reads where it knows only single quotes, blanks and `\'`.
fn as_a_shell(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut is_quoted, mut rest) = (vec![Vec::new()], false, text);
    while let [byte, after @ ..] = rest {
        rest = after;
        let word = words.last_mut().expect("there is a first one");
        match byte {
            b'\'' => is_quoted = !is_quoted,
            byte if is_quoted => word.push(*byte),
            b' ' => words.push(Vec::new()),
            b'\\' if rest.starts_with(b"'") => {
                word.push(b'\'');
                rest = &rest[1..];
            }
            other => panic!("{other} would be read as more than a byte"),
        }
    }
    assert!(!is_quoted, "a quote is open");
    words
}

fn definition(line: &str) -> Option<Definition> {
    let (line, up) = line.split_once(" = ").unwrap_or((line, ""));
    let mut words = line.split_ascii_whitespace();
    let (kind, name) = (words.next()?, words.next()?);
    let (mut names, mut pipe) = (Vec::new(), Pipe::default());
    for word in words {
        match word.split_at_checked(1) {
            Some((">", name)) => pipe.producer_for = Some(name.to_owned()),
            Some(("<", name)) => pipe.consumer_for.push(name.to_owned()),
            Some(("|", name)) => pipe.pipeline = Some(name.to_owned()),
            _ => names.push(word.to_owned()),
        }
    }
    let script = |text: &[u8]| {
        Some(Script {
            line: parse(text).ok()?,
            text: text.to_vec(),
        })
    };
    let kind = match kind {
        "bundle" => Kind::Bundle,
        "longrun" => Kind::Longrun(pipe),
        "oneshot" => Kind::Oneshot(Box::new(Oneshot {
            up: script(up.as_bytes())?,
            down: script(b"")?,
            timeout_up: 0,
            timeout_down: 0,
        })),
        _ => return None,
    };
    Some(Definition {
        name: name.to_owned(),
        path: Path::new("/s").join(name),
        kind,
        names,
    })
}

/// One after the other can start, each when all have that it needs.
fn assert_can_start(plan: &Plan) {
    let mut up: BTreeSet<&str> = OTHERS.into();
    for service in plan.services.values() {
        for need in &service.needs {
            let is_there = plan.services.contains_key(need) || up.contains(&**need);
            assert!(is_there, "nobody is {need:?}: {plan:?}");
        }
    }
    loop {
        let ready = plan.services.iter().filter(|(_, service)| {
            let mut needs = needs(service).filter(|need| !OTHERS.contains(need));
            needs.all(|need| up.contains(need))
        });
        let ready: Vec<&str> = ready.map(|(name, _)| &**name).collect();
        let before = up.len();
        up.extend(ready);
        if up.len() == before {
            break;
        }
    }
    let waits = plan.services.keys().find(|name| !up.contains(&***name));
    assert_eq!(waits, None, "it never starts: {plan:?}");
}

/// Whom a service needs, and whom its logger needs.
fn needs(service: &crate::plan::Service) -> impl Iterator<Item = &str> {
    let of_log = match &service.what {
        What::Longrun {
            log: Some((_, of_log)),
            ..
        } => Some(of_log),
        _ => None,
    };
    let of_log = of_log.into_iter().flatten();
    service.needs.iter().chain(of_log).map(|need| &**need)
}

#[cfg(test)]
#[test]
fn every_tree_of_the_corpus_holds() {
    harness::corpus("s6-rc", holds);
}
