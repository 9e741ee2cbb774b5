//! What an agent says of itself.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};

use crate::Bytes;

/// What an agent says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Stats {
    /// The name of its node.
    pub name: Vec<u8>,
    /// How many members its list has, itself included.
    pub members: usize,
    /// How many of these have failed.
    pub failed: usize,
    /// How many of these have left.
    pub left: usize,
}

impl Stats {
    /// Reads what it says.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        type Groups<'a> = BTreeMap<Bytes<'a>, BTreeMap<Bytes<'a>, Bytes<'a>>>;
        let groups: Groups =
            rmp_serde::from_slice(bytes).context("understand the agent's stats")?;
        let get = |group: &'static str, key: &'static str| -> anyhow::Result<&[u8]> {
            let value = groups.get(&Bytes(group.as_bytes()));
            let value = value.and_then(|group| group.get(&Bytes(key.as_bytes())));
            let value = value.map(|value| value.0);
            value.ok_or_else(|| anyhow!("understand the agent's stats: there is no {group}.{key}"))
        };
        let number = |key: &'static str| {
            let text = str::from_utf8(get("serf", key)?).unwrap_or_default();
            let number = text.parse::<usize>();
            number.with_context(|| format!("understand the agent's stats: serf.{key}"))
        };
        Ok(Self {
            name: get("agent", "name")?.to_owned(),
            members: number("members")?,
            failed: number("failed")?,
            left: number("left")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(members: &str) -> Vec<u8> {
        let serf = BTreeMap::from([("members", members), ("failed", "1"), ("left", "2")]);
        let agent = BTreeMap::from([("name", "ha")]);
        rmp_serde::to_vec(&BTreeMap::from([("agent", agent), ("serf", serf)])).unwrap()
    }

    #[test]
    fn they_are_numbers_in_strings() {
        let stats = Stats::parse(&encode("4")).unwrap();
        assert_eq!((stats.members, stats.failed, stats.left), (4, 1, 2));
        assert_eq!(stats.name, b"ha");
    }

    #[test]
    fn what_is_missing_or_no_number_is_named() {
        let error = Stats::parse(&encode("many")).unwrap_err();
        assert!(error.to_string().ends_with(": serf.members"), "{error}");
        let error = Stats::parse(&[0x80]).unwrap_err();
        assert!(error.to_string().ends_with("no agent.name"), "{error}");
    }
}
