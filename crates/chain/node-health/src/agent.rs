//! Asks the Serf agent.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serf_rpc::{Agent, Filter, any_of, members};

use crate::verdict::Membership;

/// What the agent says of the membership, and the address of its own node.
pub(crate) fn ask(agent: &Agent, limit: Duration) -> Result<(Membership, Option<SocketAddr>)> {
    let mut client = agent.connect(limit)?;
    let stats = client.stats()?;
    let list = client.members_filtered(&Filter {
        name: any_of([&stats.name[..]]),
        ..Filter::default()
    })?;
    let list = members(&list)?;
    let own = list.iter().find(|member| member.name.0 == stats.name);
    let gone = stats.failed.saturating_add(stats.left);
    let membership = Membership {
        leaves: own.is_some_and(|own| matches!(own.status.0, b"leaving" | b"left")),
        others: stats.members.saturating_sub(gone).saturating_sub(1),
        lost: gone,
    };
    let own = own.and_then(|own| Some(SocketAddr::new(own.ip()?, own.port)));
    Ok((membership, own))
}
