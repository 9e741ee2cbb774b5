//! What the page says, worked out from what was read.

mod chain;
mod events;
mod history;
mod order;
mod safe;
mod sentence;
mod services;
#[cfg(test)]
mod tests;
mod tiles;
mod time;
mod types;

use std::collections::BTreeMap;

use journal::Facts;

pub(crate) use history::History;
pub(crate) use safe::name;
pub(crate) use types::*;

use crate::facts::Snapshot;

/// What is to be shown of `snapshot`, which was read last, and of those before.
///
/// Nodes are those that have a file in /nodes, or that the chain still knows, and their servers
/// are those of the same name in any backend but `repeated`: what a template has besides is no
/// part of the cluster.
pub(crate) fn view(snapshot: &Snapshot, history: &History) -> View {
    let state = snapshot.chain.as_ref().ok().and_then(Option::as_ref);
    let none = Facts::default();
    let facts = state.map_or(&none, |state| &state.facts);
    let found = tiles::tiles(snapshot, facts, history);
    let mut counts = BTreeMap::new();
    for node in &found.views {
        *counts.entry(node.state).or_insert(0) += 1;
    }
    View {
        name: safe::name(&snapshot.name),
        as_of: time::clock(snapshot.now),
        sentence: sentence::sentence(snapshot, facts, &found),
        chain: chain::chain(snapshot, facts, &found),
        squares: found.squares,
        counts,
        events: events::events(&snapshot.journal, snapshot.now),
        services: services::services(&snapshot.services),
        balancers: balancers(facts),
        nodes: found.views,
    }
}

/// The other balancers, none of which has been asked yet.
fn balancers(facts: &Facts) -> Vec<Balancer> {
    let balancers = facts.balancers.iter();
    let balancer = |(name, address): (&String, &String)| Balancer {
        name: safe::name(name),
        address: safe::name(address),
        agrees: None,
        level: Level::Quiet,
        words: "not asked yet".to_owned(),
    };
    balancers.map(balancer).collect()
}
