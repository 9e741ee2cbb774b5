//! What each node does: the files, what the chain knows, and what HAProxy says.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

use haproxy_socket::stat::Stat;
use journal::{Facts, Standing};
use nodes::Node;

use super::order::natural;
use super::safe::{name, words};
use super::time::span;
use super::{History, Level, NodeState, NodeView, TILES};
use crate::facts::Snapshot;

/// The backend that has no node: it hands requests to another frontend.
const NO_NODES: &str = "repeated";

/// How many seconds pass before the times of squares change: a thousand of them would have to be
/// sent each second.
const COARSE: f64 = 10.0;

/// What is said of a node whose file has gone.
pub(super) const GOES: &str = "goes";

/// All nodes, and what is counted of them.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) views: Vec<NodeView>,
    pub(super) squares: bool,
    /// How many have a file.
    pub(super) all: usize,
    /// How many of these get requests, by what HAProxy says.
    pub(super) serving: usize,
    /// How many of these have a server.
    pub(super) servers: usize,
}

/// What HAProxy says of a node's server; the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Server {
    Serves,
    Weightless,
    Drains,
    Maintenance,
    Unchecked,
    Silent,
}

impl Server {
    fn of(stat: &Stat) -> Self {
        let state = stat.status.split_whitespace().next().unwrap_or("");
        let checked = stat.check.trim_start_matches(['*', ' ']);
        match state {
            "UP" | "no" | "DRAIN" if stat.weight == Some(0) => Self::Weightless,
            "UP" | "no" => Self::Serves,
            "DRAIN" | "NOLB" => Self::Drains,
            "MAINT" => Self::Maintenance,
            // One that follows another one has no checks of its own.
            "DOWN" if stat.status.contains("via") => Self::Silent,
            "DOWN" if checked.is_empty() || checked == "INI" => Self::Unchecked,
            _ => Self::Silent,
        }
    }
}

type Servers<'a> = HashMap<&'a str, Vec<(&'a str, &'a Stat)>>;

/// Which servers are nodes is told by their names: those that have a file, or that the chain
/// knows. Where the folder cannot be read, all are, lest nothing be shown.
pub(super) fn tiles(snapshot: &Snapshot, facts: &Facts, history: &History) -> Found {
    let standings = journal::standings(facts, &snapshot.journal, snapshot.now);
    let servers = servers(snapshot);
    let mut found = Found::default();
    let listed = snapshot.nodes.as_ref().map_or(0, |it| it.nodes.len());
    let maker = Maker {
        snapshot,
        now: if listed > TILES {
            (snapshot.now / COARSE).floor() * COARSE
        } else {
            snapshot.now
        },
        servers: &servers,
        standings: &standings,
    };
    let mut seen = HashSet::new();
    if let Ok(listing) = &snapshot.nodes {
        for node in &listing.nodes {
            seen.insert(node.name.as_str());
            let (view, server) = maker.node(node);
            found.count(server);
            found.views.push(view);
        }
        found.views.extend(listing.refused.iter().map(no_node));
    } else {
        for server in servers
            .keys()
            .filter(|name| !standings.contains_key(**name))
        {
            found.count(maker.server(server));
            found.views.push(maker.only_server(server));
        }
    }
    let others = standings
        .iter()
        .filter(|(name, _)| !seen.contains(name.as_str()));
    let others = others.map(|(name, standing)| maker.without_file(name, standing));
    found.views.extend(others);
    let is_unknown = |node: &&Node| {
        let name = node.name.as_str();
        !seen.contains(name) && !standings.contains_key(name)
    };
    found
        .views
        .extend(history.gone().filter(is_unknown).map(going));
    // Names that were cut may be the same, and each is shown once.
    let mut shown = HashSet::new();
    found.views.retain(|view| shown.insert(view.name.clone()));
    found.squares = found.views.len() > TILES;
    found.views.sort_by(|one, other| {
        let by_state = one.state.cmp(&other.state);
        let by_state = if found.squares {
            by_state
        } else {
            Ordering::Equal
        };
        by_state.then_with(|| natural(&one.name, &other.name))
    });
    found.add_measures(&servers, history);
    found
}

fn servers(snapshot: &Snapshot) -> Servers<'_> {
    let mut servers = Servers::new();
    let Ok(haproxy) = &snapshot.haproxy else {
        return servers;
    };
    for (key, stat) in &haproxy.servers {
        if let Some((backend, server)) = key.split_once('/')
            && backend != NO_NODES
        {
            servers.entry(server).or_default().push((key, stat));
        }
    }
    servers
}

impl Found {
    /// Whether any node does not serve that should.
    pub(super) fn is_short(&self) -> bool {
        let is_missed = |view: &&NodeView| matches!(view.level, Level::Warn | Level::Bad);
        let mut missed = self.views.iter().filter(is_missed);
        missed.any(|view| view.state != NodeState::Refused)
    }

    fn count(&mut self, server: Option<Server>) {
        self.all += 1;
        self.serving += usize::from(server == Some(Server::Serves));
        self.servers += usize::from(server.is_some());
    }

    /// Adds what changes every second. It is left out for squares, of which there are too many
    /// to send all of them each second.
    fn add_measures(&mut self, servers: &Servers<'_>, history: &History) {
        let views = self.views.iter_mut().filter(|_| !self.squares);
        for view in views {
            let Some(servers) = servers.get(view.name.as_str()) else {
                continue;
            };
            view.rate = Some(servers.iter().map(|(_, stat)| stat.rate).sum());
            let check = servers.iter().filter_map(|(_, stat)| stat.check_ms).max();
            view.check = check.filter(|_| view.level != Level::Bad);
            for (key, _) in servers {
                let samples: Vec<_> = history.of(key).collect();
                // Of several servers the younger ones have fewer samples.
                if view.rates.len() < samples.len() {
                    let missing = samples.len() - view.rates.len();
                    view.rates.splice(0..0, vec![0; missing]);
                    view.checks.splice(0..0, vec![0; missing]);
                }
                let from = view.rates.len() - samples.len();
                for (at, (rate, check)) in samples.into_iter().enumerate() {
                    view.rates[from + at] += rate;
                    let known = &mut view.checks[from + at];
                    *known = (*known).max(check);
                }
            }
        }
    }
}

struct Maker<'a> {
    snapshot: &'a Snapshot,
    /// The moment from which times are told.
    now: f64,
    servers: &'a Servers<'a>,
    standings: &'a BTreeMap<String, Standing>,
}

impl Maker<'_> {
    fn server(&self, name: &str) -> Option<Server> {
        let servers = self.servers.get(name)?;
        servers.iter().map(|(_, stat)| Server::of(stat)).max()
    }

    /// The worst of the servers of this name.
    fn worst(&self, name: &str) -> Option<&Stat> {
        let servers = self.servers.get(name)?;
        let stats = servers.iter().map(|(_, stat)| *stat);
        stats.max_by_key(|stat| Server::of(stat))
    }

    /// One that has a file.
    fn node(&self, node: &Node) -> (NodeView, Option<Server>) {
        let key = node.name.as_str();
        let server = self.server(key);
        let weight = node.weight.map(u32::from);
        let mut view = self.by_server(key, server);
        view.address = Some(node.place().to_string());
        view.weight = weight.or(view.weight);
        view.service = node.service.as_ref().map(|service| name(service.as_str()));
        match self.standings.get(key) {
            Some(Standing::Lost { until, why, .. }) => {
                let text = self.lost(*until);
                lose(&mut view, NodeState::Lost, text, why, server);
            }
            Some(Standing::Held { why, .. }) => {
                let text = "lost, stays until you confirm it".to_owned();
                lose(&mut view, NodeState::Held, text, why, server);
            }
            // Nothing is wrong with one that this balancer has no use for.
            _ if view.state == NodeState::New && server.is_none() && view.service.is_some() => {
                view.level = Level::Quiet;
                "no server for its service".clone_into(&mut view.words);
            }
            // Whoever has a file is here, or here again.
            Some(Standing::Left { .. } | Standing::Died { .. } | Standing::Refused { .. })
            | None => {}
        }
        (view, server)
    }

    fn lost(&self, until: f64) -> String {
        let left = until - self.now;
        if left < 1.0 {
            "lost, goes now".to_owned()
        } else {
            format!("lost, goes in {}", span(left))
        }
    }

    /// What HAProxy says, of one that should serve.
    fn by_server(&self, key: &str, server: Option<Server>) -> NodeView {
        let stat = self.worst(key);
        let why = stat.and_then(why);
        let (state, level, text) = match server {
            None if self.snapshot.haproxy.is_err() => {
                (NodeState::Unknown, Level::Warn, "HAProxy does not say")
            }
            None => (NodeState::New, Level::Warn, "not yet in HAProxy"),
            Some(Server::Unchecked) => (NodeState::New, Level::Warn, "not yet checked"),
            Some(Server::Serves) => (NodeState::Serves, Level::Well, "serves"),
            Some(Server::Weightless) => (
                NodeState::Drains,
                Level::Quiet,
                "gets no requests: weight 0",
            ),
            Some(Server::Drains) => (NodeState::Drains, Level::Warn, "gets no new requests"),
            Some(Server::Maintenance) => (NodeState::Drains, Level::Warn, "in maintenance"),
            Some(Server::Silent) => (NodeState::Silent, Level::Bad, "does not answer"),
        };
        NodeView {
            state,
            level,
            why: why.filter(|_| state == NodeState::Silent),
            weight: stat.and_then(|stat| stat.weight?.try_into().ok()),
            ..blank(key, text.to_owned())
        }
    }

    fn only_server(&self, key: &str) -> NodeView {
        self.by_server(key, self.server(key))
    }

    /// One that the chain knows, and that has no file.
    fn without_file(&self, key: &str, standing: &Standing) -> NodeView {
        let ago = |what: &str, t: f64| format!("{what} {} ago", span(self.now - t));
        let (state, level, text, why, address) = match standing {
            Standing::Lost { until, why, .. } => {
                let text = self.lost(*until);
                (NodeState::Lost, Level::Bad, text, Some(why), None)
            }
            Standing::Held { why, .. } => {
                let text = "lost".to_owned();
                (NodeState::Held, Level::Bad, text, Some(why), None)
            }
            Standing::Left { t, address } => {
                let text = ago("left", *t) + &self.finishes(key);
                (NodeState::Left, Level::Quiet, text, None, address.as_ref())
            }
            Standing::Died { t, address, why } => {
                let text = ago("died", *t) + &self.finishes(key);
                (
                    NodeState::Died,
                    Level::Quiet,
                    text,
                    Some(why),
                    address.as_ref(),
                )
            }
            Standing::Refused { address, why } => {
                let text = "refused".to_owned();
                (
                    NodeState::Refused,
                    Level::Warn,
                    text,
                    Some(why),
                    Some(address),
                )
            }
        };
        NodeView {
            state,
            level,
            why: why.map(|why| words(why)).filter(|why| !why.is_empty()),
            address: address.map(|it| name(it)).filter(|it| !it.is_empty()),
            ..blank(key, text)
        }
    }

    /// What HAProxy still does for one that is gone.
    fn finishes(&self, key: &str) -> String {
        let servers = self.servers.get(key).into_iter().flatten();
        match servers.map(|(_, stat)| stat.sessions).sum::<u64>() {
            0 => String::new(),
            1 => ", finishes 1 request".to_owned(),
            many => format!(", finishes {many} requests"),
        }
    }
}

/// It is lost, whatever HAProxy says. It may serve all the same, where only its agent is gone.
fn lose(view: &mut NodeView, state: NodeState, text: String, why: &str, server: Option<Server>) {
    let check = view.why.take().map(|check| format!("; {check}"));
    let said = words(why) + check.as_deref().unwrap_or("");
    view.state = state;
    view.level = if server == Some(Server::Serves) {
        Level::Warn
    } else {
        Level::Bad
    };
    view.words = text;
    view.why = Some(said).filter(|said| !said.is_empty());
}

/// HAProxy's words on the last check.
fn why(stat: &Stat) -> Option<String> {
    let text = [&stat.check_words, &stat.check, &stat.status];
    let text = text.into_iter().find(|text| !text.is_empty())?;
    Some(words(text))
}

/// One whose file has gone, of which nothing is said yet.
fn going(node: &Node) -> NodeView {
    NodeView {
        state: NodeState::Drains,
        level: Level::Quiet,
        address: Some(node.place().to_string()),
        ..blank(node.name.as_str(), GOES.to_owned())
    }
}

/// A file that holds no node. It can hold anything, a key that somebody has put into the wrong
/// folder for example, so that nothing of it is shown.
fn no_node(refused: &nodes::Refused) -> NodeView {
    let file = refused.path.file_name().unwrap_or_default();
    let quotes = refused.why.contains('\'');
    let why = (!quotes).then(|| words(&refused.why));
    NodeView {
        why: Some(why.unwrap_or_else(|| "the log of haproxy-gen says why".to_owned())),
        ..blank(&file.to_string_lossy(), "its file holds no node".to_owned())
    }
}

fn blank(key: &str, words: String) -> NodeView {
    NodeView {
        name: name(key),
        state: NodeState::Refused,
        level: Level::Warn,
        words,
        why: None,
        address: None,
        weight: None,
        service: None,
        rate: None,
        check: None,
        rates: Vec::new(),
        checks: Vec::new(),
    }
}
