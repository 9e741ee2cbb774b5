//! What the chain knows of the nodes, beside what HAProxy says of their servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;

use exit::escape;
use journal::{Facts, Standing};
use nodes::{Listing, Node};
use serde::Serialize;

use super::Row;
use super::chain::Look;
use super::span::span;

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
    /// In /nodes, and not yet in HAProxy, or not yet checked.
    New,
    /// A member that cannot be a node, or a file that holds none.
    Refused,
    /// It gets no requests, since an agent or a person wants that.
    Drains,
    /// It gets no requests, since its weight is 0.
    Weightless,
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
    /// The names of files that hold none.
    files: Vec<String>,
    places: BTreeMap<SocketAddr, &'a str>,
    standings: &'a BTreeMap<String, Standing>,
    look: Look,
}

impl<'a> Cluster<'a> {
    pub(crate) fn new(
        listing: &'a Listing,
        standings: &'a BTreeMap<String, Standing>,
        look: Look,
    ) -> Self {
        let nodes = &listing.nodes;
        let names = listing.refused.iter().filter_map(|it| it.path.file_name());
        Self {
            files: names
                .map(|name| escape(name.as_bytes()).to_string())
                .collect(),
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
        rows.extend(self.files.iter().map(|name| no_node(name)));
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
            Standing::Held { why, .. } => {
                let words = format!(
                    "lost since {since}, stays until you confirm it{}",
                    because(why)
                );
                (NodeState::Held, words)
            }
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
                let words = format!("no server for its service {service}");
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
        let is_node = |name: &&str| !self.files.iter().any(|file| file == name);
        // A file that holds no node is lost as well, and said once.
        let of_nodes = |state| names(state).filter(is_node);
        let nodes = |state, verbs| group(of_nodes(state).count(), of_nodes(state), "node", verbs);
        let held = facts.held.clone();
        let (refused, files) = (facts.refused_all, &self.files);
        let refused = usize::try_from(refused).unwrap_or(usize::MAX);
        let members = of_nodes(NodeState::Refused);
        let problems = [
            held.or_else(|| nodes(NodeState::Held, ["is held", "are held"])),
            nodes(NodeState::Lost, ["is lost", "are lost"]),
            nodes(NodeState::Silent, ["does not answer", "do not answer"]),
            nodes(NodeState::New, ["does not serve yet", "do not serve yet"]),
            group(refused, members, "member", ["is refused", "are refused"]),
            group(
                files.len(),
                files.iter().map(String::as_str),
                "file",
                ["holds no node", "hold no node"],
            ),
        ];
        let others = by_state
            .iter()
            .filter(|(state, _)| **state != NodeState::Serves);
        let others: BTreeSet<&str> = others
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        let serving_all = names(NodeState::Serves).filter(|name| !others.contains(name));
        let (all, serve) = (self.nodes.len(), serving_all.count());
        let mut problems: Vec<String> = problems.into_iter().flatten().collect();
        if serve == 0 && problems.is_empty() {
            problems.push(serving(serve, all));
        }
        Counts {
            all,
            serve,
            problems,
        }
    }
}

/// Such as `4 of 5 nodes serve`.
pub(super) fn serving(serve: usize, all: usize) -> String {
    match (serve, all) {
        (_, 0) => "there is no node".to_owned(),
        (1, 1) => "1 of 1 node serves".to_owned(),
        (0, 1) => "the only node does not serve".to_owned(),
        (0, all) => format!("none of {all} nodes serves"),
        (1, all) => format!("1 of {all} nodes serves"),
        (some, all) => format!("{some} of {all} nodes serve"),
    }
}

/// The row of a file in /nodes that holds no node.
fn no_node(name: &str) -> Row {
    let words = "its file holds no node: haproxy-gen says why";
    Row {
        server: name.to_owned(),
        node: Some(said(name, NodeState::Refused, words)),
        ..Row::absent()
    }
}

/// The name of the server.
fn server(row: &Row) -> &str {
    row.server.split_once('/').map_or("", |(_, name)| name)
}

/// What a node in /nodes does, by its server.
fn by_server(name: &str, row: &Row) -> Said {
    let checked = row.check.trim_start_matches(['*', ' ']);
    let is_checked = !checked.is_empty() && checked != "INI";
    let (state, words) = match row.state.split(' ').next().unwrap_or_default() {
        "" => return not_taken(name),
        _ if matches!(row.file, "left" | "new") => return not_taken(name),
        "UP" | "no" | "DRAIN" if row.weight == Some(0) => {
            (NodeState::Weightless, "gets no requests: weight 0")
        }
        "UP" | "no" => (NodeState::Serves, "serves"),
        "DOWN" if !is_checked => (NodeState::New, "not yet checked"),
        "DOWN" => (NodeState::Silent, "does not answer"),
        "MAINT" => (NodeState::Drains, "in maintenance"),
        _ => (NodeState::Drains, "gets no new requests"),
    };
    said(name, state, words)
}

fn not_taken(name: &str) -> Said {
    said(name, NodeState::New, "not yet in HAProxy")
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
