//! What this program asks of the Serf agent's RPC, and what it takes from the answers.

use std::hash::{BuildHasher as _, RandomState};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serf_rpc::{Bytes, FIRST_QUESTION, Filter, NOT_LEFT, request};

pub(crate) const MONITOR: u64 = FIRST_QUESTION;
pub(crate) const FIRST_MEMBERS: u64 = MONITOR + 1;

/// With DEBUG the agent's log shows a leave 0.8 s earlier than with INFO.
const LOG_LEVEL: &str = "DEBUG";

/// Words in the agent's log that may announce a change of its members. Since lines contain names
/// that anybody can choose, such a line is only a reason to ask for the member list.
const SIGNS: [&[u8]; 2] = [b"EventMember", b"messageLeaveType"];

/// The message that every member repeats whenever any agent is told to join. It is no news,
/// except that it calls off a leave, which no other line shows.
const STAYS: &[u8] = b"messageJoinType";
const LEAVING: &[u8] = b"leaving";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(borrow)]
    log: Bytes<'a>,
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

/// The first requests on a connection: who we are, and that we follow the log.
pub(crate) fn greeting(key: Option<&str>) -> anyhow::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Monitor {
        log_level: &'static str,
    }
    let monitor = Monitor {
        log_level: LOG_LEVEL,
    };
    let mut bytes = serf_rpc::greeting(key)?;
    bytes.extend(request("monitor", MONITOR, Some(&monitor))?);
    Ok(bytes)
}

/// Asks for the members. Those that have left are not asked for: the agent keeps them for a
/// long time, and that one is missing from the list is a change as well.
pub(crate) fn ask_members(seq: u64) -> anyhow::Result<Vec<u8>> {
    let filter = Filter {
        status: NOT_LEFT.to_owned(),
        ..Filter::default()
    };
    request("members-filtered", seq, Some(&filter))
}

/// Whether a line of the agent's log is a reason to ask for its members. `leaving` says whether
/// one of them may be leaving.
pub(crate) fn is_hint(record: &[u8], leaving: bool) -> anyhow::Result<bool> {
    let record: Record = rmp_serde::from_slice(record).context("understand the agent's log")?;
    let has = |sign: &[u8]| record.log.0.windows(sign.len()).any(|part| part == sign);
    Ok(SIGNS.into_iter().any(has) || (leaving && has(STAYS)))
}

pub(crate) fn hash_of_list(list: &[u8], keys: &RandomState) -> anyhow::Result<ListHash> {
    let members = serf_rpc::members(list)?;
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
