//! The list of members.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Context as _;
use serde::Deserialize;

use crate::Bytes;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    /// Nil means that there are no members, but a message without the field is an error.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    members: Option<Vec<Member<'a>>>,
}

/// A member of the list. Its tags are sorted, since their order on the wire is a different one
/// each time.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "PascalCase")]
pub struct Member<'a> {
    /// What anybody may have chosen.
    #[serde(borrow)]
    pub name: Bytes<'a>,
    /// The bytes of its IP address: 4 or 16, or as many as a forger liked.
    #[serde(borrow)]
    pub addr: Option<Bytes<'a>>,
    /// The port of its gossip.
    pub port: u16,
    /// What it says of itself.
    #[serde(borrow)]
    pub tags: Option<BTreeMap<Bytes<'a>, Bytes<'a>>>,
    /// `alive`, `leaving`, `left`, `failed` or `none`.
    #[serde(borrow)]
    pub status: Bytes<'a>,
    /// The lowest version of Serf's protocol that it speaks.
    #[serde(default)]
    pub delegate_min: u8,
    /// The highest one.
    #[serde(default)]
    pub delegate_max: u8,
    /// The one that it speaks.
    #[serde(default)]
    pub delegate_cur: u8,
}

impl Member<'_> {
    /// Its address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        let bytes = self.addr?.0;
        let ip = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        let ip = ip.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
        ip.ok().map(|ip| ip.to_canonical())
    }
}

/// Reads a list.
pub fn members(list: &[u8]) -> anyhow::Result<Vec<Member<'_>>> {
    let list: List = rmp_serde::from_slice(list).context("understand the agent's member list")?;
    Ok(list.members.unwrap_or_default())
}
