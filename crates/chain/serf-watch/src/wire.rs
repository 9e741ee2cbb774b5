//! The messages of the Serf agent's RPC, of which this program uses four commands.

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

/// With DEBUG the agent's log shows a leave 0.8 s earlier than with INFO.
const LOG_LEVEL: &str = "DEBUG";

/// Words in the agent's log that may announce a change of its members. Since lines contain names
/// that anybody can choose, such a line is only a reason to ask for the member list.
const SIGNS: [&[u8]; 2] = [b"EventMember", b"messageLeaveType"];

/// The message that every member repeats whenever any agent is told to join. It is no news,
/// except that it calls off a leave, which no other line shows.
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
    /// Nil means that there are no members, but a message without the field is an error.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    members: Option<Vec<Member<'a>>>,
}

/// A member of the list. Its tags are sorted before they are hashed, since their order on the
/// wire is a different one each time.
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

/// What is kept of a member list to see whether the next one differs. The sum of the members'
/// hashes does not depend on their order. The hash keys are random and known to this process
/// alone, so nobody can choose members whose changes cancel out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListHash {
    members: usize,
    sum: u64,
    /// Whether any member is leaving.
    pub(crate) leaving: bool,
}

/// A string from the agent, which need not be UTF-8.
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

/// The first requests on a connection. They are sent without waiting for answers, since an agent
/// that refuses one says which.
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

/// Whether a line of the agent's log is a reason to ask for its members. `leaving` says whether
/// one of them may be leaving.
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
