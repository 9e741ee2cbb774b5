//! The working directory and the environment of a HAProxy, and what a configuration
//! can see of them.

use std::env;
use std::ffi::OsString;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::{FINGERPRINT, hash_of};

/// Variables that change without a change of what a configuration means: HAProxy sets
/// them anew at each start (and a reload starts it with those that it has set), or a
/// shell does at each command. A configuration that names one of them is checked again
/// with each of its values all the same.
const FLEETING: [&str; 13] = [
    "HAPROXY_BRANCH",
    "HAPROXY_CFGFILES",
    "HAPROXY_CLI",
    "HAPROXY_HTTPS_LOG_FMT",
    "HAPROXY_HTTP_CLF_LOG_FMT",
    "HAPROXY_HTTP_LOG_FMT",
    "HAPROXY_LOCALPEER",
    "HAPROXY_MASTER_CLI",
    "HAPROXY_STARTUP_VERSION",
    "HAPROXY_TCP_CLF_LOG_FMT",
    "HAPROXY_TCP_LOG_FMT",
    "OLDPWD",
    "PWD",
];
/// Names that begin so are those of an event, of which a Serf agent tells its handler.
const EVENT: &str = "SERF_";
/// Variables that decide nothing: the file sets the first one itself, the check has our
/// own PATH and nothing that a master tells its worker, and shells count in the others.
const UNSEEN: [&str; 9] = [
    FINGERPRINT,
    "HAPROXY_MWORKER",
    "HAPROXY_MWORKER_REEXEC",
    "HAPROXY_MWORKER_WAIT_ONLY",
    "HAPROXY_PROCESSES",
    "HAPROXY_STARTUPLOGS_FD",
    "PATH",
    "SHLVL",
    "_",
];

/// Where a HAProxy runs, and with what: relative paths in its file begin at its
/// directory, and variables in it have their values from its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Its working directory; `None` for our own.
    pub directory: Option<PathBuf>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Surroundings {
    /// Our own, as they are for a program that we start.
    #[must_use]
    pub fn own() -> Self {
        Self {
            directory: env::current_dir().ok(),
            environment: env::vars_os().collect(),
        }
    }

    /// The hash of what a configuration with this text can see of them. The order of the
    /// environment does not count.
    #[must_use]
    pub fn hash(&self, text: &str) -> String {
        let is_named = |name: &str| {
            let mut lines = text.lines().filter(|line| can_name(line));
            text.contains(name) && lines.any(|line| names(line, name))
        };
        let is_seen = |name: &str| {
            let is_fleeting = FLEETING.contains(&name) || name.starts_with(EVENT);
            !UNSEEN.contains(&name) && (!is_fleeting || is_named(name))
        };
        let environment = self.environment.iter();
        let mut seen: Vec<_> = environment
            .filter(|(name, _)| is_seen(&name.to_string_lossy()))
            .collect();
        seen.sort_unstable();
        let directory = self.directory.as_deref().unwrap_or(Path::new(""));
        let all = seen
            .into_iter()
            .flat_map(|(name, value)| [name.as_os_str(), value])
            .chain(iter::once(directory.as_os_str()));
        let all: Vec<&[u8]> = all.map(OsStrExt::as_bytes).collect();
        hash_of(&all.join(&0))
    }
}

/// Whether the line can name a variable. Thousands of servers do not.
fn can_name(line: &str) -> bool {
    !line.trim_start().starts_with("server ") || line.contains('$')
}

/// Whether `name` stands in the line as a whole word.
fn names(line: &str, name: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = line.as_bytes();
    line.match_indices(name).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(start + name.len());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "global\n bind \"${HAPROXY_CLI_BIND-*:1}\"\n log $SERF_TAG_LOG\n";

    fn hash_with(directory: &str, environment: &[&str]) -> String {
        let environment = environment.iter().filter_map(|pair| pair.split_once('='));
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let environment = environment.collect();
        let directory = Some(directory.into());
        Surroundings {
            directory,
            environment,
        }
        .hash(TEXT)
    }

    #[test]
    fn a_variable_or_a_directory_more_or_another_is_another_hash() {
        let before = hash_with("/a", &["A=1", "B=2"]);
        assert_eq!(hash_with("/a", &["B=2", "A=1"]), before);
        for (directory, environment) in [
            ("/b", &["A=1", "B=2"][..]),
            ("/a", &["A=1"]),
            ("/a", &["A=1", "B=3"]),
            ("/a", &["A=1", "B=2", "C="]),
            ("/a", &["A=1", "B=2", "SERF_TAG_LOG=x"]),
        ] {
            assert_ne!(hash_with(directory, environment), before, "{environment:?}");
        }
    }

    #[test]
    fn what_every_reload_event_or_command_changes_does_not_count_unless_it_is_named() {
        let before = hash_with("/", &[]);
        for name in [
            "CONFIG_FINGERPRINT",
            "HAPROXY_CLI",
            "SERF_EVENT",
            "PWD",
            "SHLVL",
            "PATH",
        ] {
            assert_eq!(hash_with("/", &[&format!("{name}=x")]), before, "{name}");
        }
    }
}
