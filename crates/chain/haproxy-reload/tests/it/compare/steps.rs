//! The steps of a case, made by chance.

use std::collections::BTreeMap;
use std::path::Path;

use files::Durability;

use super::case::{Act, Case, Node, State, Template};
use super::chance::Chance;
use super::configuration::{self, Range, mutate};
use super::programs::Workplace;
use super::sites::{Kind, READY, SITES, Sites, kind};

/// How often a part of a case is made anew when HAProxy refuses it.
const TRIES: usize = 200;
const NAMES: [&str; 9] = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s10"];
/// What agents say. Each says all that it can.
const WORDS: [&str; 7] = [
    READY,
    READY,
    "up maint 100%",
    "up drain 100%",
    "up ready 50%",
    "down ready 100%",
    "up ready 30%",
];

/// Makes cases in a folder of its own.
pub(crate) struct Maker<'a> {
    pub(crate) sites: &'a Sites,
    pub(crate) place: Workplace,
    pub(crate) range: Range,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(sites: &'a Sites, dir: &Path, range: Range) -> Self {
        let address = sites.address(1).to_string();
        let place = Workplace::new(&dir.join("made"), &address);
        Self {
            sites,
            place,
            range,
        }
    }

    pub(crate) fn case(&self, seed: u64) -> Case {
        let mut chance = Chance::new(seed);
        let first = self.first(&mut chance);
        let mut states = vec![first];
        for _ in 0..chance.number(6, 10) {
            let next = self.next(&mut chance, &states[states.len() - 1]);
            states.push(next);
        }
        let labels = states
            .iter()
            .flat_map(|state| configuration::labels(&state.template))
            .collect();
        Case {
            seed,
            states,
            labels,
        }
    }

    fn first(&self, chance: &mut Chance) -> State {
        for _ in 0..TRIES {
            let template = configuration::template(chance, self.range);
            let state = State {
                act: Act::Start,
                nodes: nodes(chance, &template, self.range),
                template,
                words: [READY; SITES as usize],
                by_hand: Vec::new(),
            };
            if self.is_accepted(&state) {
                return state;
            }
        }
        panic!("HAProxy refused {TRIES} configurations");
    }

    fn next(&self, chance: &mut Chance, last: &State) -> State {
        for _ in 0..TRIES {
            let mut state = last.clone();
            state.by_hand.clear();
            let steps = if chance.one_in(5) { 2 } else { 1 };
            for _ in 0..steps {
                state.act = self.change(chance, &mut state);
            }
            if steps > 1 {
                state.act = Act::Several;
            }
            let is_same = state.template == last.template && state.nodes == last.nodes;
            if is_same || self.is_accepted(&state) {
                return state;
            }
        }
        last.clone()
    }

    fn change(&self, chance: &mut Chance, state: &mut State) -> Act {
        let has_agents = state.template.text().contains("agent-check");
        match chance.number(0, 21) {
            0..=4 => join(chance, state, self.range),
            5..=8 => leave(chance, state),
            9..=10 => relocate(chance, state, self.range),
            11..=12 => reweigh(chance, state),
            13..=14 => swap_roles(chance, state),
            15..=17 if !has_agents || chance.one_in(2) => {
                mutate(chance, self.range, &mut state.template);
                Act::Template
            }
            15..=17 => {
                let site = chance.number(0, usize::from(SITES) - 1);
                state.words[site] = chance.pick(&WORDS);
                Act::Agent
            }
            18 => Act::ReloadByHand,
            19 if !has_agents => by_hand(chance, state),
            _ => Act::Nothing,
        }
    }

    /// Whether HAProxy takes what becomes of it.
    pub(crate) fn is_accepted(&self, state: &State) -> bool {
        self.place.write(state, self.sites);
        let rendered = self.place.render();
        assert_eq!(
            rendered.code,
            0,
            "{}\n{}",
            rendered.err,
            state.template.text()
        );
        let config = &self.place.haproxy.config;
        files::replace(config, rendered.out.as_bytes(), Durability::Unsynced).unwrap();
        self.place.check().code == 0
    }
}

/// The sites that the nodes of such a template can have. Where a request would find no server,
/// or what HAProxy sees of requests counts, all of them have to work.
fn allowed(template: &Template, range: Range) -> Vec<u8> {
    let text = template.text();
    let all = 0..SITES;
    let is_allowed = |site: &u8| match kind(*site) {
        Kind::Plain => true,
        Kind::Proxy => range != Range::Ours && text.contains("send-proxy"),
        Kind::Sick | Kind::Absent => !text.contains("observe"),
    };
    all.filter(is_allowed).collect()
}

fn nodes(chance: &mut Chance, template: &Template, range: Range) -> BTreeMap<String, Node> {
    let mut state = BTreeMap::new();
    for _ in 0..chance.number(1, 6) {
        add(chance, &mut state, &allowed(template, range));
    }
    state
}

/// Adds a node if a name and a site are free.
fn add(chance: &mut Chance, nodes: &mut BTreeMap<String, Node>, allowed: &[u8]) {
    let free: Vec<usize> = (0..NAMES.len())
        .filter(|name| !nodes.contains_key(NAMES[*name]))
        .collect();
    let Some(site) = free_site(chance, nodes, allowed).filter(|_| !free.is_empty()) else {
        return;
    };
    let number = chance.pick(&free);
    let node = Node {
        site,
        weight: chance.pick(&[None, Some(100), Some(50), Some(10), Some(1), Some(256)]),
        role: chance.pick(&["primary", "primary", "standby"]),
        id: 101 + u32::try_from(number).unwrap(),
    };
    nodes.insert(NAMES[number].to_owned(), node);
}

fn free_site(chance: &mut Chance, nodes: &BTreeMap<String, Node>, allowed: &[u8]) -> Option<u8> {
    let is_free = |site: &u8| nodes.values().all(|node| node.site != *site);
    let free: Vec<u8> = allowed.iter().copied().filter(is_free).collect();
    (!free.is_empty()).then(|| chance.pick(&free))
}

fn join(chance: &mut Chance, state: &mut State, range: Range) -> Act {
    let allowed = allowed(&state.template, range);
    let before = state.nodes.len();
    if before < 8 {
        add(chance, &mut state.nodes, &allowed);
    }
    if state.nodes.len() > before {
        Act::Join
    } else {
        Act::Nothing
    }
}

fn some_node(chance: &mut Chance, state: &State) -> Option<String> {
    let names: Vec<String> = state.nodes.keys().cloned().collect();
    (!names.is_empty()).then(|| chance.pick(&names))
}

fn leave(chance: &mut Chance, state: &mut State) -> Act {
    // The last one stays mostly, since little can go wrong without nodes.
    if state.nodes.len() == 1 && !chance.one_in(10) {
        return Act::Nothing;
    }
    let Some(name) = some_node(chance, state) else {
        return Act::Nothing;
    };
    state.nodes.remove(&name);
    Act::Leave
}

fn relocate(chance: &mut Chance, state: &mut State, range: Range) -> Act {
    let site = free_site(chance, &state.nodes, &allowed(&state.template, range));
    let (Some(name), Some(site)) = (some_node(chance, state), site) else {
        return Act::Nothing;
    };
    state.nodes.get_mut(&name).unwrap().site = site;
    Act::Move
}

fn reweigh(chance: &mut Chance, state: &mut State) -> Act {
    let Some(name) = some_node(chance, state) else {
        return Act::Nothing;
    };
    let weight = chance.pick(&[Some(1), Some(30), Some(100), Some(200), None]);
    state.nodes.get_mut(&name).unwrap().weight = weight;
    Act::Weight
}

/// Two nodes of different roles take each other's, or one takes another.
fn swap_roles(chance: &mut Chance, state: &mut State) -> Act {
    let other = |role: &str| {
        if role == "primary" {
            "standby"
        } else {
            "primary"
        }
    };
    for role in ["primary", "standby"] {
        let mut of_it: Vec<String> = state.nodes.keys().cloned().collect();
        of_it.retain(|name| state.nodes[name].role == role);
        if !of_it.is_empty() {
            let name = chance.pick(&of_it);
            state.nodes.get_mut(&name).unwrap().role = other(role);
            if chance.one_in(2) {
                break;
            }
        }
    }
    Act::Role
}

/// Somebody gives HAProxy a command that the file does not know of.
fn by_hand(chance: &mut Chance, state: &mut State) -> Act {
    let headers = state
        .template
        .sections
        .iter()
        .map(|section| &section.header);
    let words = headers.map(|header| header.split(' ').collect::<Vec<_>>());
    let backends: Vec<String> = words
        .filter(|words| matches!(words[0], "backend" | "listen"))
        .map(|words| words[1].to_owned())
        .collect();
    let Some(name) = some_node(chance, state) else {
        return Act::Nothing;
    };
    let id = format!("{}/{name}", chance.pick(&backends));
    let command = chance.pick(&[
        "set server ID weight 3",
        "set server ID state maint",
        "set server ID state drain",
        "set server ID addr 127.0.0.99 port 3000",
        "set server ID weight 0%",
        "disable health ID",
    ]);
    state.by_hand.push(command.replace("ID", &id));
    Act::ByHand
}
