//! What commands have made of the servers' settings, as the worker itself keeps it.
//!
//! HAProxy does not tell the settings of its servers. The worker's environment has the
//! fingerprint of the file that it was started with, and this text the one that it has
//! after commands: `HASH+BACKEND/NAME=HASH...`. The first hash is that of the servers of
//! the last file with which the worker agreed; then come the servers that left, run on in
//! maintenance, and have other settings than most of their backend, and those that have
//! been added since.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use haproxy_config::hash_of;

/// What stands for a hash that nobody knows.
const UNKNOWN: &str = "-";
/// What stands for the settings of other servers that nobody knows.
const UNKNOWN_OTHERS: &str = "+*";
/// The longest text that is kept in the worker, in bytes. With more servers that left,
/// none of them is known.
const LONGEST: usize = 8 << 10;

/// The settings of the running servers, as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// That of the file's servers ([`haproxy_config::Fingerprint::servers`]).
    pub(crate) servers: String,
    /// Those of the servers that left or were added since, by `BACKEND/NAME`. `None` if they are not known.
    pub(crate) exceptions: Option<BTreeMap<String, String>>,
}

impl Made {
    /// What is said while nobody knows which settings the servers have.
    pub(crate) fn unknown() -> Self {
        Self {
            servers: UNKNOWN.to_owned(),
            exceptions: None,
        }
    }

    /// Whether it says of more servers than can be kept.
    pub(crate) fn is_too_long(&self) -> bool {
        self.to_string().ends_with(UNKNOWN_OTHERS)
    }

    /// Reads what [`Made`] prints.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.split('+');
        let servers = parts.next().unwrap_or(UNKNOWN).to_owned();
        let exceptions = parts.map(|part| {
            let (server, hash) = part.rsplit_once('=')?;
            Some((server.to_owned(), hash.to_owned()))
        });
        Self {
            servers,
            exceptions: exceptions.collect(),
        }
    }
}

impl Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exceptions = self.exceptions.as_ref().map(|exceptions| {
            let parts = exceptions
                .iter()
                .map(|(server, hash)| format!("+{server}={hash}"));
            parts.collect::<String>()
        });
        let exceptions = exceptions.filter(|exceptions| exceptions.len() < LONGEST);
        write!(
            f,
            "{}{}",
            self.servers,
            exceptions.as_deref().unwrap_or(UNKNOWN_OTHERS)
        )
    }
}

/// The hash of a server's settings.
pub(crate) fn hash_of_settings(words: &str) -> String {
    hash_of(words.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let exceptions = BTreeMap::from([("b/s-1".to_owned(), "01".to_owned())]);
        for exceptions in [Some(exceptions), Some(BTreeMap::new()), None] {
            let made = Made {
                servers: "0123".to_owned(),
                exceptions,
            };
            assert_eq!(Made::parse(&made.to_string()), made);
        }
    }

    #[test]
    fn of_too_many_that_left_none_is_known() {
        let many = (0..1_000).map(|n| (format!("b/s{n}"), "0".repeat(16)));
        let made = Made {
            servers: "0123".to_owned(),
            exceptions: Some(many.collect()),
        };
        assert_eq!(made.to_string(), "0123+*");
    }
}
