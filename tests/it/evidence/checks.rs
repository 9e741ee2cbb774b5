//! What a file of the evidence can show, and whether it does.

mod configuration;
mod engine;
mod membership;
mod static_system;
mod supervision;
mod visitor;

use super::folder::Evidence;

use configuration::{answer, configuration, known, node_files, timeline};
use engine::{containers, inspected, published, service};
use membership::{container_log, lab_events, members};
use static_system::{both_answer, by_hand, in_turn, unnoticed};
use supervision::{killed, processes, reload};
use visitor::{lost, none_lost};

type Names = &'static [&'static str];

pub(super) enum Shows {
    /// All of these words.
    Says(Names),
    /// A picture of the statistics page, of the right size and not blank.
    Picture,
    /// The same of the page of the cluster.
    PagePicture,
    /// What that page says: so many of so many nodes serve, and what happened to which.
    Page(&'static str, Names),
    /// These nodes in these states, and no other.
    States(&'static str),
    /// `docker ps` with these containers, and no other.
    Containers(Names),
    /// `docker ps` with just these containers, and ports of theirs.
    Published(&'static [(&'static str, &'static str)]),
    /// The network, and the containers in it.
    Network,
    /// Both static nodes, asked without the balancer.
    BothAnswer,
    /// These, one after the other.
    Answers(Names),
    /// A container that runs and answers, and is not in HAProxy's list.
    Unnoticed,
    /// The transcript of adding it.
    ByHand,
    /// Requests with and without an answer.
    Lost,
    /// So many answers, all with 200 but so many.
    NoneLost { of: u32, but: u32 },
    /// What `/init` keeps alive in ha: one master, one worker, nothing dead.
    Processes,
    /// A process, killed, and another one in the same container.
    Killed,
    /// The same master before and after, and another worker.
    Reload,
    /// Serf's members, all alive.
    Members(Names),
    /// A container's log, in which these have joined.
    ContainerLog(&'static str, Names),
    /// Just these events in the lab's lines, in this order.
    Events(Names),
    /// Just these nodes in the lab's sentence.
    Known(Names),
    /// The same below a head that counts them.
    Answer(Names),
    /// `docker inspect` of this one.
    Inspected(&'static str),
    /// Just these nodes in `/nodes`: names, and what is in the files.
    NodeFiles(Names),
    /// Just these servers, with the addresses that are in `/nodes` at the same step.
    Configuration(Names),
    /// HAProxy's list had so many UP and DOWN, in this order.
    Timeline(&'static [(usize, usize)]),
}

impl Shows {
    pub(super) fn check(&self, evidence: &Evidence, file: &str) -> Result<(), String> {
        match self {
            Shows::Picture => picture(evidence.bytes(file)?, &STATISTICS),
            Shows::PagePicture => picture(evidence.bytes(file)?, &PAGE),
            _ => self.check_text(evidence, file),
        }
    }

    fn check_text(&self, evidence: &Evidence, file: &str) -> Result<(), String> {
        let text = evidence.text(file)?;
        match self {
            Shows::Picture | Shows::PagePicture => Ok(()),
            Shows::Page(serve, events) => page(text, serve, events),
            Shows::Says(words) => says(text, words),
            Shows::States(states) => equal(&shortened(&states_in(text)), &listed(states)),
            Shows::Containers(names) => equal(&containers(text), &sorted(names)),
            Shows::Published(ports) => published(text, ports),
            Shows::Network => says(text, &["static_heig", "bridge", "/24", "ha", "s1", "s2"]),
            Shows::BothAnswer => both_answer(text),
            Shows::Answers(hosts) => in_turn(text, hosts),
            Shows::Unnoticed => unnoticed(text),
            Shows::ByHand => by_hand(text),
            Shows::Lost => lost(text),
            Shows::NoneLost { of, but } => none_lost(text, *of, *but),
            Shows::Processes => processes(text),
            Shows::Killed => killed(text),
            Shows::Reload => reload(text),
            Shows::Members(names) => members(text, names),
            Shows::ContainerLog(whose, joined) => container_log(text, whose, joined),
            Shows::Events(events) => lab_events(text, events),
            Shows::Known(names) => known(text, names),
            Shows::Answer(names) => answer(text, names),
            Shows::Inspected(name) => inspected(text, name),
            Shows::NodeFiles(names) => node_files(text, names),
            Shows::Configuration(names) => configuration(evidence, file, text, names),
            Shows::Timeline(steps) => timeline(text, steps),
        }
    }
}

fn ensure(holds: bool, why: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.into()) }
}

fn equal(shown: &[String], expected: &[String]) -> Result<(), String> {
    ensure(
        shown == expected,
        format!("shows {shown:?} and not {expected:?}"),
    )
}

fn says(text: &str, words: &[&str]) -> Result<(), String> {
    words
        .iter()
        .try_for_each(|word| ensure(text.contains(word), format!("says nothing of '{word}'")))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names = owned(names);
    names.sort();
    names
}

fn listed(states: &str) -> Vec<String> {
    states.split(", ").map(str::to_owned).collect()
}

/// Without the digits of the container's id, eight of them, or four as in what was recorded
/// with names of that form: `webapp-1-1f2e3d4c` is `webapp-1`.
fn short(name: &str) -> String {
    match name.rsplit_once('-') {
        Some((container, id))
            if [4, 8].contains(&id.len()) && id.chars().all(|c| c.is_ascii_hexdigit()) =>
        {
            service(container)
        }
        _ => name.to_owned(),
    }
}

/// The first word of each line shortened, and the lines sorted.
fn shortened(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .map(|line| match line.split_once(' ') {
            Some((name, rest)) => format!("{} {rest}", short(name)),
            None => short(line),
        })
        .collect();
    lines.sort();
    lines
}

/// HAProxy 2.6 keeps a server that has left, in maintenance.
fn states_in(text: &str) -> Vec<String> {
    let rows = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ")
    });
    rows.filter(|row| !row.ends_with(" MAINT")).collect()
}

/// How a picture has to be: width and height, and more bytes than a blank page has.
struct Look {
    size: (u32, u32),
    bytes: usize,
}

// Of this size a blank page has some 5 kB, one with an error's message 15 kB.
const STATISTICS: Look = Look {
    size: (1500, 640),
    bytes: 50_000,
};
const PAGE: Look = Look {
    size: (1240, 1000),
    bytes: 40_000,
};

fn picture(bytes: &[u8], look: &Look) -> Result<(), String> {
    let header = bytes.get(..24).unwrap_or_default();
    ensure(
        header.starts_with(b"\x89PNG\r\n\x1a\n") && header.get(12..16) == Some(b"IHDR"),
        "is no PNG",
    )?;
    let number = |from: usize| {
        header[from..from + 4]
            .iter()
            .fold(0, |sum, &b| sum * 256 + u32::from(b))
    };
    let size = (number(16), number(20));
    ensure(size == look.size, format!("has the size {size:?}"))?;
    ensure(bytes.len() > look.bytes, "is blank, or nearly")?;
    ensure(bytes.ends_with(b"IEND\xaeB`\x82"), "is cut off")
}

/// An event is a node's name and a word, as `webapp-1 left`.
fn page(text: &str, serve: &str, events: &[&str]) -> Result<(), String> {
    let sentence = text.lines().next().unwrap_or_default();
    ensure(
        sentence.contains(serve),
        format!("begins with '{sentence}' and not with '{serve}'"),
    )?;
    let is_end = |c: char| ",:".contains(c);
    let words = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(is_end));
    let words: Vec<String> = words.map(short).collect();
    events.iter().try_for_each(|event| {
        let happened = words.windows(2).any(|pair| pair.join(" ") == *event);
        ensure(happened, format!("says nothing of '{event}'"))
    })
}

/// What stands between two words, wherever both are on a line.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let found = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once(before)?;
        Some(rest.split_once(after)?.0)
    });
    found.collect()
}

/// Each name once, in the order of the alphabet.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(short).collect();
    names.sort();
    names.dedup();
    names
}
