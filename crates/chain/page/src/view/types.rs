//! What the page shows, in words: the HTML, `--once` and `/state.json` are made of it.
//!
//! All text is plain: whatever could steer a terminal or turn a line around is spelled out
//! already. HTML is escaped where it is made.

use std::collections::BTreeMap;

use serde::Serialize;

/// How good something is. A colour is never its only sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    #[default]
    Well,
    /// It serves, but somebody should look.
    Warn,
    /// It does not do what it is there for.
    Bad,
    /// Nothing to judge: what has left.
    Quiet,
}

/// The whole page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct View {
    /// The balancer's name.
    pub(crate) name: String,
    /// When this was read, as `14:04:51` in UTC.
    pub(crate) as_of: String,
    pub(crate) sentence: Sentence,
    /// Serf, /nodes, haproxy.cfg and HAProxy, in this order.
    pub(crate) chain: Vec<Stage>,
    /// In name order, or, from [`TILES`] on, the worst first.
    pub(crate) nodes: Vec<NodeView>,
    /// Whether the nodes are squares, since they are too many for tiles.
    pub(crate) squares: bool,
    /// How many nodes are in each state, those in none left out.
    pub(crate) counts: BTreeMap<NodeState, usize>,
    /// What happened, newest first.
    pub(crate) events: Vec<Event>,
    pub(crate) services: Vec<Service>,
    /// The other balancers.
    pub(crate) balancers: Vec<Balancer>,
}

/// The most nodes that are shown as tiles.
pub(crate) const TILES: usize = 60;

/// The one sentence at the top.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sentence {
    pub(crate) level: Level,
    /// Such as `5 of 5 nodes serve`.
    pub(crate) text: String,
    /// A command that a person can run now.
    pub(crate) command: Option<String>,
}

/// A box of the chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Stage {
    /// `serf`, `nodes`, `config` or `haproxy`: the end of its element's id.
    pub(crate) id: &'static str,
    /// Such as `HAProxy 3.0.11`.
    pub(crate) title: String,
    pub(crate) level: Level,
    /// `None` where it is not known.
    pub(crate) count: Option<u64>,
    /// What is counted: `members alive`, `files`, `servers`, `serve`.
    pub(crate) unit: &'static str,
    /// Such as `1 failed, 2 left` or `fails since 27 s: ...`.
    pub(crate) note: String,
}

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
    /// HAProxy does not say, since it cannot be asked.
    Unknown,
    /// A member that cannot be a node.
    Refused,
    /// In /nodes, and not yet in HAProxy.
    New,
    /// Finishes its requests, gets no more.
    Drains,
    /// Was lost, and is gone.
    Died,
    /// Has left in good order.
    Left,
    Serves,
}

/// A tile, or a square.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NodeView {
    pub(crate) name: String,
    pub(crate) state: NodeState,
    pub(crate) level: Level,
    /// The state in words: `serves`, `does not answer`, `lost, goes in 27 s`, `left 2 min ago`.
    pub(crate) words: String,
    /// Why, where that is known: HAProxy's words on the check, the reason of a refusal.
    pub(crate) why: Option<String>,
    /// `10.0.0.7:3000`; `None` where nobody knows it any more.
    pub(crate) address: Option<String>,
    pub(crate) weight: Option<u32>,
    pub(crate) service: Option<String>,
    /// Requests in the last second.
    pub(crate) rate: Option<u64>,
    /// Milliseconds of the last check; `None` if it fails, since these say nothing of the node.
    pub(crate) check: Option<u64>,
    /// Requests a second of the last minute, oldest first; empty for squares.
    pub(crate) rates: Vec<u64>,
    /// Milliseconds of the checks of the last minute, as `rates`.
    pub(crate) checks: Vec<u64>,
}

/// A line of what happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Event {
    /// Tells it from all others, and stays its own: letters, digits and `-`.
    pub(crate) key: String,
    /// `14:04:48.358`, in UTC.
    pub(crate) time: String,
    /// Such as `2026-11-30`, for those of another day than the one before; else `None`.
    pub(crate) day: Option<String>,
    /// `joined`, `left`, `died`, `lost`, `back`, `held`, `refused`, `changed`, `failed`,
    /// `mended`, `haproxy` or `reload`.
    pub(crate) kind: &'static str,
    pub(crate) level: Level,
    /// Such as `s7 joined, at 10.0.0.7`.
    pub(crate) text: String,
}

/// A service of this balancer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) level: Level,
    /// `up`, `down`, `finishes`, `paused`, or `unknown` where its record cannot be read.
    pub(crate) state: &'static str,
    /// Such as `up 3 min`, `down 2 s, wanted up`, `ended 3 h ago`.
    pub(crate) words: String,
    /// Deaths that its record has.
    pub(crate) restarts: u64,
}

/// Another balancer of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Balancer {
    pub(crate) name: String,
    pub(crate) address: String,
    /// `None`: it cannot be asked.
    pub(crate) agrees: Option<bool>,
    pub(crate) level: Level,
    /// Such as `agrees`, `lacks s4 and s5`, `its page does not answer`.
    pub(crate) words: String,
}
