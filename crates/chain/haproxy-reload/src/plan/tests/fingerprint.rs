//! Checks that haproxy-gen and this program fit together: what one leaves out of the
//! fingerprint, the other has to compare, in files of any kind.

use haproxy_config::{Config, Fingerprint, fingerprint, words};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::model::Model;
use super::*;
use crate::haproxy::running::Backends;

/// What a `server` line means, parsed without the programs' own parser.
#[derive(Clone, Debug, PartialEq)]
struct Meant {
    address: String,
    weight: Option<String>,
    others: Vec<String>,
}

impl Meant {
    /// The id that the line names.
    fn id(&self) -> Option<u32> {
        let named = self.others.iter().position(|word| word == "id");
        named.and_then(|at| self.others.get(at + 1)?.parse().ok())
    }
}

type Meaning = BTreeMap<String, BTreeMap<String, Meant>>;

/// The meaning of a file's `server` lines; `None` if HAProxy refuses the file because
/// a name is there twice.
fn meaning(file: &str) -> Option<Meaning> {
    let mut backends = Meaning::new();
    let mut current: Option<String> = None;
    for line in file.lines() {
        let words: Vec<String> = words(line, &|_| None)
            .iter()
            .map(ToString::to_string)
            .collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["backend" | "listen", name] => {
                if backends.insert(name.to_owned(), BTreeMap::new()).is_some() {
                    return None;
                }
                current = Some(name.to_owned());
            }
            ["global" | "defaults" | "peers", ..] => current = None,
            ["server", name, address, ref rest @ ..] => {
                if let Some(backend) = &current {
                    let servers = backends.get_mut(backend)?;
                    if servers
                        .insert(name.to_owned(), meant(address, rest))
                        .is_some()
                    {
                        return None;
                    }
                }
            }
            _ => {}
        }
    }
    Some(backends)
}

fn meant(address: &str, rest: &[&str]) -> Meant {
    let mut meant = Meant {
        address: address.to_owned(),
        weight: None,
        others: Vec::new(),
    };
    let mut rest = rest.iter().map(|word| (*word).to_owned());
    while let Some(word) = rest.next() {
        match word.as_str() {
            "weight" => meant.weight = rest.next(),
            _ => meant.others.push(word),
        }
    }
    // A line with HAProxy's default weight means the same as one without a weight.
    meant.weight = meant.weight.filter(|weight| weight != "1");
    meant
}

/// A HAProxy that was started with the file.
fn loaded(file: &str, meaning: &Meaning) -> Running {
    let started = |meant: &Meant| State {
        address: meant.address.parse().ok(),
        weight: meant
            .weight
            .as_deref()
            .map_or(1, |weight| weight.parse().unwrap_or(0)),
        first_weight: 1,
        id: meant.id().unwrap_or(1),
        place: 0,
        maintenance: meant.others.contains(&"disabled".to_owned()),
        drain: false,
        checked: meant.others.contains(&"check".to_owned()),
        checking: false,
        asks_agent: false,
        has_result: true,
        up: true,
    };
    let servers = |servers: &BTreeMap<String, Meant>| {
        let servers = servers.iter();
        servers
            .map(|(name, meant)| (name.clone(), started(meant)))
            .collect()
    };
    let backends = meaning.iter();
    Running {
        version: "3.0.11".to_owned(),
        fingerprint: Some(print(file)),
        backends: backends
            .map(|(name, all)| (name.clone(), servers(all)))
            .collect(),
        ..Running::default()
    }
}

fn print(file: &str) -> Fingerprint {
    fingerprint(&Config::parse(file), None)
}

fn written(file: &str) -> Wanted {
    let text = Config::parse(file).with_fingerprint(&print(file).to_string());
    Wanted::parse(text.as_bytes())
}

fn any_server() -> impl Strategy<Value = String> {
    let address = select(vec![
        "127.0.0.1:1",
        "127.0.0.1:2",
        "127.0.0.2:1",
        "[::1]:1",
        "127.0.0.1",
        "host:1",
        "127.0.0.1:0",
    ]);
    let option = select(vec![
        "check",
        "check",
        "backup",
        "disabled",
        "inter 1s",
        "weight 1",
        "weight 5",
        "weight 257",
        "id 7",
        "id 8",
        "check-sni a;b",
        "check-sni a;c",
        "# a note",
        "# another",
        "\"quoted\"",
        "cookie x",
    ]);
    let options = proptest::collection::vec(option, 0..2);
    ("s[0-2]", address, options).prop_map(|(name, address, options)| {
        format!(" server {name} {address} {}", options.join(" "))
    })
}

fn any_line() -> impl Strategy<Value = String> {
    let other = select(vec![
        "backend b",
        "backend c",
        "listen l",
        "peers p",
        "defaults",
        " # a comment",
        "",
        " balance leastconn",
        " option httpchk",
        " server-template t 2 127.0.0.1:1",
    ]);
    prop_oneof![4 => any_server(), 1 => other.prop_map(str::to_owned)]
}

fn any_file() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(any_line(), 1..6)
}

/// How one of the lines changes.
#[derive(Clone, Debug)]
enum Change {
    Goes,
    ComesBefore(String),
    Becomes(String),
    /// The word at this place, counted from the end, is replaced.
    Says(usize, &'static str),
    /// It exchanges its second word with another line, as if two servers swapped names.
    Trades(Index),
}

fn any_change() -> impl Strategy<Value = (Index, Change)> {
    let word = select(vec![
        "s0",
        "s3",
        "127.0.0.3:1",
        "[::1]:2",
        "weight 7",
        "id 9",
        "check",
        "1",
        "2",
        "5",
    ]);
    let change = prop_oneof![
        1 => Just(Change::Goes),
        1 => any_line().prop_map(Change::ComesBefore),
        1 => any_line().prop_map(Change::Becomes),
        6 => (0..4usize, word).prop_map(|(at, word)| Change::Says(at, word)),
        2 => any::<Index>().prop_map(Change::Trades),
    ];
    (any::<Index>(), change)
}

fn changed(mut lines: Vec<String>, changes: &[(Index, Change)]) -> Vec<String> {
    for (place, change) in changes {
        if lines.is_empty() {
            break;
        }
        let at = place.index(lines.len());
        match change.clone() {
            Change::Goes => _ = lines.remove(at),
            Change::ComesBefore(line) => lines.insert(at, line),
            Change::Becomes(line) => lines[at] = line,
            Change::Says(from_the_end, word) => {
                let mut words: Vec<&str> = lines[at].split_whitespace().collect();
                if let Some(old) = words.iter_mut().rev().nth(from_the_end) {
                    *old = word;
                }
                lines[at] = words.join(" ");
            }
            Change::Trades(other) => trade(&mut lines, at, other),
        }
    }
    lines
}

fn trade(lines: &mut [String], one: usize, other: Index) {
    let other = other.index(lines.len());
    let second = |line: &String| line.split_whitespace().nth(1).map(str::to_owned);
    if let (Some(first), Some(second)) = (second(&lines[one]), second(&lines[other])) {
        lines[one] = lines[one].replacen(&first, &second, 1);
        lines[other] = lines[other].replacen(&second, &first, 1);
    }
}

fn text(lines: &[String]) -> String {
    format!("global\nbackend a\n{}\n", lines.join("\n"))
}

/// The running servers without those that left and are therefore in maintenance.
fn served(running: &Running, meaning: &Meaning) -> BTreeMap<String, BTreeMap<String, State>> {
    let mut backends = running.backends.clone();
    for (name, servers) in &mut backends {
        servers.retain(|server, state| !state.maintenance || meaning[name].contains_key(server));
    }
    backends
}

/// What the old file means, without what does not count for the new one: the disabled
/// servers that are not in it, which are in maintenance as what left is, and the ids of
/// those that have none in it.
fn in_use(old: &Meaning, new: &Meaning) -> Meaning {
    let mut in_use = old.clone();
    for (backend, servers) in &mut in_use {
        let new = &new[backend];
        servers.retain(|name, meant| {
            new.contains_key(name) || !meant.others.contains(&"disabled".to_owned())
        });
        for (name, meant) in servers {
            if new.get(name).is_some_and(|new| new.id().is_none())
                && let Some(at) = meant.others.iter().position(|word| word == "id")
            {
                meant.others.drain(at..(at + 2).min(meant.others.len()));
            }
        }
    }
    in_use
}

/// The running servers, with the id 1 where the file names none, since it does not count.
fn without_ids(mut backends: Backends, meaning: &Meaning) -> Backends {
    for (backend, servers) in &mut backends {
        for (name, state) in servers {
            if meaning[backend]
                .get(name)
                .is_some_and(|meant| meant.id().is_none())
            {
                state.id = 1;
            }
        }
    }
    backends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// If the lines of two files have the same fingerprint, there is nothing to do exactly
    /// if they mean the same servers, and otherwise commands lead from one to the other,
    /// where their settings are known.
    #[test]
    fn what_the_fingerprint_leaves_out_a_plan_sees(
        before in any_file(),
        changes in proptest::collection::vec(any_change(), 1..3),
        is_good_known: bool,
    ) {
        let after = text(&changed(before.clone(), &changes));
        let before = text(&before);
        let (Some(old), Some(new)) = (meaning(&before), meaning(&after)) else {
            return Ok(());
        };
        let mut running = loaded(&before, &old);
        let wanted = written(&after);
        let good = is_good_known.then(|| written(&before));
        let first = plan(&wanted, good.as_ref(), &running);
        let (had, has) = (print(&before), print(&after));
        if had.lines != has.lines || (had.servers != has.servers && !is_good_known) {
            prop_assert!(first.reload.is_some());
            return Ok(());
        }
        let expected = loaded(&after, &new).backends;
        prop_assert_eq!(first.is_done(), in_use(&old, &new) == new, "{}{}", before, after);
        let mut model = Model::default();
        for _ in 0..4 {
            let next = plan(&wanted, good.as_ref(), &running);
            if next.reload.is_some() {
                return Ok(());
            }
            for command in next.steps.iter().chain(&next.leaves).flat_map(|step| &step.commands) {
                prop_assert!(!command.contains(';'), "{}", command);
                model.obey(&mut running, command);
            }
            for state in running.backends.values_mut().flat_map(BTreeMap::values_mut) {
                state.up = true;
            }
        }
        prop_assert_eq!(without_ids(served(&running, &new), &new), expected, "{}{}", before, after);
    }
}
