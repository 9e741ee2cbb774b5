//! The messages of the Serf agent's RPC, of which we need four questions.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use anyhow::Context as _;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) const HANDSHAKE: u64 = 0;
pub(crate) const AUTH: u64 = 1;
pub(crate) const MONITOR: u64 = 2;
pub(crate) const FIRST_MEMBERS: u64 = 3;

/// At DEBUG the agent tells of a leave 0.8 s earlier than at INFO.
const LOG_LEVEL: &str = "DEBUG";

/// What the agent's log calls a change of its members. The agent logs much else, and a line may
/// say anything, since names are in it: it is a reason to look, and nothing more.
const SIGNS: [&[u8]; 2] = [b"EventMember", b"messageLeaveType"];

/// A member says that it stays, as each one does whenever any agent is told to join. It changes
/// only a member that is leaving, and then no other line tells of it.
const STAYS: &[u8] = b"messageJoinType";
const LEAVING: &[u8] = b"leaving";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    command: &'a str,
    seq: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Reply<'a> {
    pub(crate) seq: u64,
    #[serde(borrow, default)]
    pub(crate) error: Bytes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(borrow)]
    log: Bytes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    /// Nil is a list of nobody, but what has no such field is no list.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    members: Option<Vec<Member<'a>>>,
}

/// Tags are sorted: their order on the wire is another one each time.
#[derive(Deserialize, Hash)]
#[serde(rename_all = "PascalCase")]
struct Member<'a> {
    #[serde(borrow)]
    name: Bytes<'a>,
    #[serde(borrow)]
    addr: Option<Bytes<'a>>,
    port: u16,
    #[serde(borrow)]
    tags: Option<BTreeMap<Bytes<'a>, Bytes<'a>>>,
    #[serde(borrow)]
    status: Bytes<'a>,
}

/// A member list, as little of it as tells whether another one is the same: the sum of its
/// members' hashes. Their keys are this process's own, so nobody can choose members that
/// cancel out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListHash {
    members: usize,
    sum: u64,
    /// Whether any of them is on its way out.
    pub(crate) leaving: bool,
}

/// A string of the agent's, which need not be UTF-8.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
        Ok(Bytes(bytes))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Bytes<'de>, E> {
        Ok(Bytes(text.as_bytes()))
    }
}

/// The first words on a connection, all at once: an agent that refuses one says which.
pub(crate) fn greeting(key: Option<&str>) -> anyhow::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        auth_key: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        log_level: Option<&'a str>,
    }
    let nothing = || Body {
        version: None,
        auth_key: None,
        log_level: None,
    };
    let mut bytes = request("handshake", HANDSHAKE)?;
    bytes.extend(encode(&Body {
        version: Some(1),
        ..nothing()
    })?);
    if key.is_some() {
        bytes.extend(request("auth", AUTH)?);
        bytes.extend(encode(&Body {
            auth_key: key,
            ..nothing()
        })?);
    }
    bytes.extend(request("monitor", MONITOR)?);
    bytes.extend(encode(&Body {
        log_level: Some(LOG_LEVEL),
        ..nothing()
    })?);
    Ok(bytes)
}

pub(crate) fn ask_members(seq: u64) -> anyhow::Result<Vec<u8>> {
    request("members", seq)
}

fn request(command: &str, seq: u64) -> anyhow::Result<Vec<u8>> {
    encode(&Request { command, seq })
}

fn encode(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).context("write a question to the agent")
}

pub(crate) fn reply(bytes: &[u8]) -> anyhow::Result<Reply<'_>> {
    rmp_serde::from_slice(bytes).context("understand the agent's answer")
}

/// Whether a line of the agent's log is a reason to look at its members, of which one may be
/// `leaving`.
pub(crate) fn is_hint(record: &[u8], leaving: bool) -> anyhow::Result<bool> {
    let record: Record = rmp_serde::from_slice(record).context("understand the agent's log")?;
    let has = |sign: &[u8]| record.log.0.windows(sign.len()).any(|part| part == sign);
    Ok(SIGNS.into_iter().any(has) || (leaving && has(STAYS)))
}

pub(crate) fn hash_of_list(list: &[u8], keys: &RandomState) -> anyhow::Result<ListHash> {
    let list: List = rmp_serde::from_slice(list).context("understand the agent's member list")?;
    let members = list.members.unwrap_or_default();
    let sum = members.iter().fold(0, |sum: u64, member| {
        sum.wrapping_add(keys.hash_one(member))
    });
    Ok(ListHash {
        members: members.len(),
        sum,
        leaving: members.iter().any(|member| member.status.0 == LEAVING),
    })
}

#[cfg(test)]
mod tests;
