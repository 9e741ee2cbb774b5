//! `backend` and `listen` sections, with what they inherit from `defaults`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::words::words;
use crate::{Config, Section, Server};

/// A `backend` or `listen` section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backend {
    /// The servers of the plain form, by name.
    pub servers: BTreeMap<String, Server>,
    /// The names of servers of another form. They are part of the fingerprint, and no
    /// command ever changes them.
    pub fixed: BTreeSet<String>,
    /// The prefixes of `server-template` lines, whose servers are fixed as well.
    pub templates: BTreeSet<String>,
    /// The value of `balance`, the algorithm that distributes the requests, if there is
    /// one.
    pub balance: Option<String>,
    /// The value of `hash-type`, which matters if the algorithm is a hash.
    pub hash_type: Option<String>,
    /// Whether a `default-server` line applies to its servers.
    pub default_server: bool,
    /// Whether HAProxy derives cookies from the addresses of its servers
    /// (`dynamic-cookie-key`).
    pub dynamic_cookie: bool,
}

impl Backend {
    /// Whether `name` is a server that is not of the plain form.
    #[must_use]
    pub fn is_fixed(&self, name: &str) -> bool {
        self.fixed.contains(name) || self.templates.iter().any(|prefix| numbered(name, prefix))
    }

    fn with_lines(mut self, section: &Section) -> Self {
        for line in &section.lines {
            self.take(&words(line, &|_| None));
        }
        self
    }

    fn take(&mut self, words: &[Cow<str>]) {
        let Some(keyword) = words.first() else { return };
        let value = || Some(words.get(1)?.to_string());
        match keyword.as_ref() {
            "balance" => self.balance = value(),
            "hash-type" => self.hash_type = value(),
            "default-server" => self.default_server = true,
            "dynamic-cookie-key" => self.dynamic_cookie = true,
            "server-template" => self.templates.extend(value()),
            "server" => self.fixed.extend(value()),
            _ => {}
        }
    }
}

/// Whether `name` is the prefix and a number, as `server-template` names its servers.
fn numbered(name: &str, prefix: &str) -> bool {
    let number = name.strip_prefix(prefix).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

impl Config<'_> {
    /// The `backend` and `listen` sections by name, with what they inherit from their
    /// `defaults` sections. Variables are not expanded. Of sections with one name, which
    /// HAProxy refuses, the last one counts.
    #[must_use]
    pub fn into_backends(self) -> BTreeMap<String, Backend> {
        let mut backends = BTreeMap::new();
        let mut last = Backend::default();
        let mut named: BTreeMap<String, Backend> = BTreeMap::new();
        for section in self.sections {
            let header = words(section.header.unwrap_or_default(), &|_| None);
            let name = header.get(1).map(ToString::to_string).unwrap_or_default();
            let from = named_after(&header).and_then(|defaults| named.get(defaults));
            if header.first().is_some_and(|keyword| keyword == "defaults") {
                last = from.cloned().unwrap_or_default().with_lines(&section);
                named.insert(name, last.clone());
            } else if section.has_servers {
                let mut backend = from.unwrap_or(&last).clone().with_lines(&section);
                let servers = section.servers.into_iter();
                backend.servers = servers
                    .map(|(name, server)| (name.to_owned(), server))
                    .collect();
                backends.insert(name, backend);
            }
        }
        backends
    }
}

/// The `defaults` section that a header names, as in `backend web from tcp`.
fn named_after<'a>(header: &'a [Cow<str>]) -> Option<&'a str> {
    let from = header.iter().position(|word| word == "from")?;
    header.get(from + 1).map(AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backends(text: &str) -> BTreeMap<String, Backend> {
        Config::parse(text).into_backends()
    }

    #[test]
    fn what_a_command_cannot_say_is_never_touched() {
        let backends = backends(
            "backend nodes\n server s1 127.0.0.1:3000 check # by hand\n server unix unix@/run/x check\n\
             server named example.org:80\n server quoted \"127.0.0.1:3000\"\n\
             server off 127.0.0.1:3000 disabled\n server heavy 127.0.0.1:3000 weight 257\n\
             server odd 127.0.0.1:3000 check;shutdown\n server-template slot 1-5 127.0.0.1:1\n",
        );
        let nodes = &backends["nodes"];
        for name in [
            "unix", "named", "quoted", "off", "heavy", "odd", "slot1", "slot12",
        ] {
            assert!(nodes.is_fixed(name), "{name}");
        }
        for name in ["s1", "slot", "slotx"] {
            assert!(!nodes.is_fixed(name), "{name}");
        }
    }

    #[test]
    fn a_server_elsewhere_is_none_of_a_backend() {
        let backends = backends("backend a\nlisten b\npeers p\n server s 127.0.0.1:1\n");
        let names: Vec<&str> = backends.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(backends.values().all(|backend| backend.servers.is_empty()));
    }

    #[test]
    fn defaults_are_inherited_from_the_last_or_the_named_section() {
        let backends = backends(
            "defaults one\n balance source\ndefaults two from one\n default-server check\n\
             backend a\nbackend b from one\n balance first\n",
        );
        let (a, b) = (&backends["a"], &backends["b"]);
        assert_eq!(
            (a.balance.as_deref(), a.default_server),
            (Some("source"), true)
        );
        assert_eq!(
            (b.balance.as_deref(), b.default_server),
            (Some("first"), false)
        );
    }
}
