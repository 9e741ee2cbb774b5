//! Looks for the smallest case that fails in the same way.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::case::{Case, Item, State};
use super::counts::Counts;
use super::run::{Care, Failed, run};
use super::steps::Maker;

/// How long it looks at the most.
const TIME: Duration = Duration::from_secs(300);
/// How long the two may need here to become equal. One that is taken for a failure
/// too early makes the result odd, and is no reason to call the case failed.
const SETTLES: Duration = Duration::from_secs(4);

/// A smaller case with the same fault, if there is one.
pub(crate) fn shrink(maker: &Maker, case: Case, failed: Failed) -> (Case, Failed) {
    let deadline = Instant::now() + TIME;
    let kind = kind(&failed.fault.why);
    let (mut case, mut failed) = (case, failed);
    case.states.truncate(failed.fault.step + 1);
    let mut goes_on = true;
    while goes_on {
        goes_on = false;
        let mut number = 0;
        while let Some(smaller) = candidate(&case, number) {
            number += 1;
            if Instant::now() >= deadline {
                return (case, failed);
            }
            if let Some(now) =
                fails(maker, &smaller).filter(|now| self::kind(&now.fault.why) == kind)
            {
                (case, failed) = (smaller, now);
                case.states.truncate(failed.fault.step + 1);
                // What stands there is another one.
                number -= 1;
                goes_on = true;
            }
        }
    }
    (case, failed)
}

fn fails(maker: &Maker, case: &Case) -> Option<Failed> {
    if !case.states.iter().all(|state| maker.is_accepted(state)) {
        return None;
    }
    let once = Care {
        patience: SETTLES,
        last_only: true,
    };
    run(maker.sites, case, &mut Counts::default(), once).err()
}

/// What kind of fault it is: its first line without names and numbers.
fn kind(why: &str) -> String {
    let line = why.lines().next().unwrap_or_default();
    let is_kept = |word: &&str| !word.contains(['/', '"', '.']) && !word.contains(char::is_numeric);
    let words: Vec<&str> = line.split(' ').filter(is_kept).take(6).collect();
    words.join(" ")
}

/// The case with one thing less; `None` when `number` is above that of all things.
fn candidate(case: &Case, number: usize) -> Option<Case> {
    let mut smaller = case.clone();
    let states = case.states.len().saturating_sub(1);
    if number < states {
        smaller
            .states
            .remove(number + usize::from(number + 1 < states));
        return Some(smaller);
    }
    let number = number - states;
    let things = things(case);
    let thing = things.get(number)?;
    for state in &mut smaller.states {
        remove(state, thing);
    }
    Some(smaller)
}

/// Something that a case can do without.
#[derive(Clone, Debug, PartialEq)]
enum Thing {
    Node(String),
    Section(String),
    Item(String, Item),
    Word(String, String),
    Crlf,
}

fn things(case: &Case) -> Vec<Thing> {
    let nodes: BTreeSet<&String> = case
        .states
        .iter()
        .flat_map(|state| state.nodes.keys())
        .collect();
    let mut things: Vec<Thing> = Vec::new();
    for state in &case.states {
        let crlf = state.template.crlf.then_some(Thing::Crlf);
        let sections = state.template.sections.iter();
        let sections = sections.map(|section| Thing::Section(section.header.clone()));
        for thing in sections.chain(crlf) {
            if !things.contains(&thing) {
                things.push(thing);
            }
        }
    }
    things.extend(nodes.into_iter().cloned().map(Thing::Node));
    for section in case
        .states
        .iter()
        .flat_map(|state| &state.template.sections)
    {
        let header = &section.header;
        let items = section.items.iter();
        let whole = items
            .clone()
            .map(|item| Thing::Item(header.clone(), item.clone()));
        let words = items.filter_map(words).flatten();
        let words = words.map(|word| Thing::Word(header.clone(), word.clone()));
        for thing in whole.chain(words) {
            if !things.contains(&thing) {
                things.push(thing);
            }
        }
    }
    things
}

fn words(item: &Item) -> Option<&Vec<String>> {
    match item {
        Item::Default(words) | Item::Server(_, words) => Some(words),
        Item::Loop(servers) => Some(&servers.words),
        Item::Line(_) => None,
    }
}

fn remove(state: &mut State, thing: &Thing) {
    let sections = &mut state.template.sections;
    match thing {
        Thing::Crlf => state.template.crlf = false,
        Thing::Node(name) => {
            state.nodes.remove(name);
        }
        Thing::Section(header) => sections.retain(|section| section.header != *header),
        Thing::Item(header, item) => {
            for section in sections.iter_mut().filter(|it| it.header == *header) {
                section.items.retain(|it| it != item);
            }
        }
        Thing::Word(header, word) => {
            for section in sections.iter_mut().filter(|it| it.header == *header) {
                for item in &mut section.items {
                    let words = match item {
                        Item::Default(words) | Item::Server(_, words) => words,
                        Item::Loop(servers) => &mut servers.words,
                        Item::Line(_) => continue,
                    };
                    words.retain(|it| it != word);
                }
            }
        }
    }
}
