//! What the chain knows of the nodes, beside what HAProxy says of their servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use journal::{Facts, Standing};
use nodes::Node;
use serde::Serialize;

use super::Row;
use super::chain::Look;
use super::table::span;

/// How many nodes a sentence names.
const MOST_NAMED: usize = 5;
/// How many nodes have a row that are in neither /nodes nor HAProxy any more.
const MOST_GONE: usize = 20;

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeState {
    /// Lost with too many others: stays until a person confirms it.
    Held,
    /// Serf cannot reach it: goes when its hold ends.
    Lost,
    /// HAProxy's check fails.
    Silent,
    /// In /nodes, and not yet in HAProxy.
    New,
    /// A member that cannot be a node.
    Refused,
    /// The file, an agent or a person keeps requests from it.
    Drains,
    /// In /nodes, with a service that haproxy.cfg has no server for.
    Other,
    /// Was lost, and is gone.
    Died,
    /// Has left in good order.
    Left,
    Serves,
}

/// What is said of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Said {
    /// Its name, which its server need not have.
    pub(crate) name: String,
    pub(crate) state: NodeState,
    /// The state, and why.
    pub(crate) words: String,
}

/// All nodes together.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Counts {
    /// How many are in /nodes.
    pub(crate) all: usize,
    /// How many of these serve.
    pub(crate) serve: usize,
    /// All that is wrong with them, a sentence each.
    pub(crate) problems: Vec<String>,
}

/// What is known of the nodes.
pub(crate) struct Cluster<'a> {
    /// Those in /nodes, by their names.
    nodes: BTreeMap<&'a str, &'a Node>,
    places: BTreeMap<SocketAddr, &'a str>,
    standings: &'a BTreeMap<String, Standing>,
    look: Look,
}

impl<'a> Cluster<'a> {
    pub(crate) fn new(
        nodes: &'a [Node],
        standings: &'a BTreeMap<String, Standing>,
        look: Look,
    ) -> Self {
        Self {
            nodes: nodes
                .iter()
                .map(|node| (node.name.as_str(), node))
                .collect(),
            places: nodes
                .iter()
                .map(|node| (node.place(), node.name.as_str()))
                .collect(),
            standings,
            look,
        }
    }

    /// Says in each row what its node does, and adds rows for nodes that have no server.
    pub(crate) fn complete(&self, rows: &mut Vec<Row>) {
        let names: BTreeSet<String> = rows.iter().map(|row| server(row).to_owned()).collect();
        let mut seen = BTreeSet::new();
        for row in rows.iter_mut() {
            if let Some(name) = self.name_of(row, &names) {
                row.node = self.said(&name, row);
                seen.insert(name);
            }
        }
        let is_new = |name: &str| !seen.contains(name);
        let absent = self.nodes.iter().filter(|(name, _)| is_new(name));
        rows.extend(absent.map(|(name, node)| self.absent(name, node)));
        let is_new = |name: &str| is_new(name) && !self.nodes.contains_key(name);
        let others = self.standings.iter().filter(|(name, _)| is_new(name));
        let (mut gone, here): (Vec<_>, Vec<_>) =
            others.partition(|(_, it)| matches!(it, Standing::Left { .. } | Standing::Died { .. }));
        gone.sort_by_key(|(_, standing)| self.since(standing));
        gone.truncate(MOST_GONE);
        let others = here.into_iter().chain(gone);
        rows.extend(others.map(|(name, standing)| self.elsewhere(name, standing)));
    }

    /// The node that a server stands for: that of its name, or else that at its address, if no
    /// server has the node's name. Another node can have the address of one that left.
    fn name_of(&self, row: &Row, names: &BTreeSet<String>) -> Option<String> {
        let name = server(row);
        if self.nodes.contains_key(name) || self.standings.contains_key(name) {
            return Some(name.to_owned());
        }
        let addresses = [&row.address, &row.wanted_address].into_iter().flatten();
        let mut places = addresses.filter_map(|address| address.parse().ok());
        let node = places.find_map(|place: SocketAddr| self.places.get(&place))?;
        let is_its = row.file != "left" && !names.contains(*node);
        is_its.then(|| (*node).to_owned())
    }

    fn said(&self, name: &str, row: &Row) -> Option<Said> {
        if self.nodes.contains_key(name) {
            return Some(self.here(name).unwrap_or_else(|| by_server(name, row)));
        }
        let standing = self.standings.get(name)?;
        Some(self.told(name, standing))
    }

    /// What is said of a node in /nodes, unless it is for its server to say.
    fn here(&self, name: &str) -> Option<Said> {
        let standing = self.standings.get(name)?;
        let counts = matches!(standing, Standing::Lost { .. } | Standing::Held { .. });
        counts.then(|| self.told(name, standing))
    }

    fn told(&self, name: &str, standing: &Standing) -> Said {
        let since = span(self.since(standing));
        let because = |why: &str| {
            if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            }
        };
        let (state, words) = match standing {
            Standing::Lost { until, why, .. } => {
                let left = Look {
                    now: *until,
                    ..self.look
                }
                .since(self.look.now);
                let words = format!("lost, goes in {}{}", span(left), because(why));
                (NodeState::Lost, words)
            }
            Standing::Held { why, .. } => (
                NodeState::Held,
                format!("held, lost since {since}{}", because(why)),
            ),
            Standing::Left { .. } => (NodeState::Left, format!("left {since} ago")),
            Standing::Died { why, .. } => {
                (NodeState::Died, format!("died {since} ago{}", because(why)))
            }
            Standing::Refused { why, .. } => {
                (NodeState::Refused, format!("refused{}", because(why)))
            }
        };
        said(name, state, words)
    }

    /// For how many seconds it has stood so, as far as that is known.
    fn since(&self, standing: &Standing) -> u64 {
        match standing {
            Standing::Lost { since: t, .. }
            | Standing::Held { since: t, .. }
            | Standing::Left { t, .. }
            | Standing::Died { t, .. } => self.look.since(*t),
            Standing::Refused { .. } => 0,
        }
    }

    /// The row of a node in /nodes that has no server.
    fn absent(&self, name: &str, node: &Node) -> Row {
        let its = self.here(name).unwrap_or_else(|| match &node.service {
            Some(service) => {
                let words = format!("no server is made for its service {service}");
                said(name, NodeState::Other, words)
            }
            None => not_taken(name),
        });
        Row {
            server: name.to_owned(),
            wanted_address: Some(node.place().to_string()),
            wanted_weight: node.weight,
            node: Some(its),
            ..Row::absent()
        }
    }

    /// The row of one that is neither in /nodes nor in HAProxy.
    fn elsewhere(&self, name: &str, standing: &Standing) -> Row {
        let address = match standing {
            Standing::Left { address, .. } | Standing::Died { address, .. } => address.clone(),
            Standing::Refused { address, .. } => Some(address.clone()),
            Standing::Lost { .. } | Standing::Held { .. } => None,
        };
        Row {
            server: name.to_owned(),
            since: self.since(standing),
            wanted_address: address.filter(|address| !address.is_empty()),
            node: Some(self.told(name, standing)),
            ..Row::absent()
        }
    }

    /// Counts the nodes of these rows, and says what is wrong with them.
    pub(crate) fn counts(&self, rows: &[Row], facts: &Facts) -> Counts {
        let mut by_state: BTreeMap<NodeState, BTreeSet<&str>> = BTreeMap::new();
        for its in rows.iter().filter_map(|row| row.node.as_ref()) {
            by_state.entry(its.state).or_default().insert(&its.name);
        }
        let names = |state| by_state.get(&state).into_iter().flatten().copied();
        let nodes = |state, verbs| group(names(state).count(), names(state), "node", verbs);
        let held = facts.held.clone();
        let refused = usize::try_from(facts.refused_all).unwrap_or(usize::MAX);
        let problems = [
            held.or_else(|| nodes(NodeState::Held, ["is held", "are held"])),
            nodes(NodeState::Lost, ["is lost", "are lost"]),
            nodes(NodeState::Silent, ["does not answer", "do not answer"]),
            nodes(NodeState::New, ["is not taken yet", "are not taken yet"]),
            group(
                refused,
                names(NodeState::Refused),
                "member",
                ["is refused", "are refused"],
            ),
        ];
        let others = by_state
            .iter()
            .filter(|(state, _)| **state != NodeState::Serves);
        let others: BTreeSet<&str> = others
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        Counts {
            all: self.nodes.len(),
            serve: names(NodeState::Serves)
                .filter(|name| !others.contains(name))
                .count(),
            problems: problems.into_iter().flatten().collect(),
        }
    }
}

/// The name of the server.
fn server(row: &Row) -> &str {
    row.server.split_once('/').map_or("", |(_, name)| name)
}

/// What a node in /nodes does, by its server.
fn by_server(name: &str, row: &Row) -> Said {
    let (state, words) = match row.state.as_str() {
        "" => return not_taken(name),
        _ if matches!(row.file, "left" | "new") => return not_taken(name),
        state if state.starts_with("UP") || state == "no check" => (NodeState::Serves, "serves"),
        state if state.starts_with("DOWN") => (NodeState::Silent, "does not answer"),
        _ => (NodeState::Drains, "gets no requests"),
    };
    said(name, state, words)
}

fn not_taken(name: &str) -> Said {
    said(name, NodeState::New, "not taken yet")
}

fn said(name: &str, state: NodeState, words: impl Into<String>) -> Said {
    Said {
        name: name.to_owned(),
        state,
        words: words.into(),
    }
}

/// Such as `2 nodes are lost: s1 s2`; `None` if there are none.
fn group<'a>(
    count: usize,
    names: impl Iterator<Item = &'a str>,
    whom: &str,
    verbs: [&str; 2],
) -> Option<String> {
    let first: Vec<&str> = names.take(MOST_NAMED).collect();
    let more = if count > first.len() { " ..." } else { "" };
    let whose = first.join(" ") + more;
    match count {
        0 => None,
        1 => Some(format!("1 {whom} {}: {whose}", verbs[0])),
        _ => Some(format!("{count} {whom}s {}: {whose}", verbs[1])),
    }
}

#[cfg(test)]
mod tests;
