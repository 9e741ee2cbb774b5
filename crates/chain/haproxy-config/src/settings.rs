//! What a server has besides its address, weight and id: the words of its own line, after
//! those of the `default-server` lines before it.

use std::fmt::{self, Display};
use std::sync::Arc;

use crate::keywords::{Keyword, Release, keyword};
use crate::server::MAX_WEIGHT;

/// The most words that a server can have behind its name and address in `add server`:
/// HAProxy's command line takes 63 (`MAX_CLI_ARGS`), of which `add`, `server`, name,
/// address, weight and id take eight.
const MAX_WORDS: usize = 55;
/// The beginning of a word that takes back another one.
const NOT: &str = "no-";

/// HAProxy's own defaults of these settings (configuration.txt, 5.2).
const BEFORE_3_0: [&str; 4] = [
    "pool-purge-delay 5s",
    "pool-max-conn -1",
    "error-limit 10",
    "on-error fail-check",
];
/// Those of them that count only with `observe`.
const OF_OBSERVE: [&str; 2] = ["error-limit", "on-error"];

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the `server` line itself.
    Own,
    /// In the `default-server` line of this number, counted from 1.
    Default(usize),
}

impl Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => Ok(()),
            Self::Default(line) => write!(f, " (default-server, line {line})"),
        }
    }
}

/// A keyword with its arguments.
#[derive(Clone, Debug)]
struct Setting {
    text: String,
    keyword: &'static Keyword,
    origin: Origin,
}

impl Setting {
    /// Whether it only takes back another word, which is not there any more.
    fn is_void(&self) -> bool {
        self.keyword.name.starts_with(NOT) && self.keyword.added_since.is_none()
    }

    /// Whether it only says how a host name is resolved. A server with an IP address has
    /// nothing of it.
    fn is_of_names(&self) -> bool {
        matches!(
            self.keyword.name,
            "init-addr" | "resolvers" | "resolve-net" | "resolve-opts" | "resolve-prefer"
        )
    }
}

/// The words of `default-server` lines, or of these and a server's own line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    settings: Vec<Setting>,
    pub(crate) weight: Option<u16>,
    pub(crate) disabled: bool,
}

impl Words {
    /// Adds one keyword with its arguments, if `words` begin with a known one and have
    /// all of these, and takes them off. The error is the reason for which they are not
    /// understood.
    pub(crate) fn take<'a>(
        &mut self,
        words: &mut impl Iterator<Item = &'a str>,
        origin: Origin,
    ) -> Result<(), String> {
        let Some(word) = words.next() else {
            return Ok(());
        };
        let keyword = keyword(word).ok_or_else(|| format!("the option {word} is not known"))?;
        let mut text = word.to_owned();
        for _ in 0..keyword.arguments {
            let argument = words
                .next()
                .ok_or_else(|| format!("the option {word} lacks its value"))?;
            text.push(' ');
            text.push_str(argument);
        }
        match keyword.name {
            "weight" => self.weight = Some(weight(&text)?),
            "disabled" => self.disabled = true,
            "enabled" => self.disabled = false,
            // HAProxy complains of it there, and goes on without it.
            _ if origin != Origin::Own && !keyword.counts_in_default_server() => {}
            _ => self.add(Setting {
                text,
                keyword,
                origin,
            }),
        }
        Ok(())
    }

    /// A word and the one that takes it back replace each other.
    fn add(&mut self, setting: Setting) {
        let name = setting.keyword.name;
        let is_other = |other: &str| {
            other.strip_prefix(NOT) == Some(name) || name.strip_prefix(NOT) == Some(other)
        };
        self.settings
            .retain(|setting| !is_other(setting.keyword.name));
        self.settings.push(setting);
    }

    fn last(&self, names: &[&str]) -> Option<&Setting> {
        let mut settings = self.settings.iter().rev();
        settings.find(|setting| names.contains(&setting.keyword.name))
    }

    /// The argument of the last such word.
    fn value(&self, name: &str) -> Option<String> {
        let (_, value) = self.last(&[name])?.text.split_once(' ')?;
        Some(value.to_owned())
    }

    fn has(&self, name: &str) -> bool {
        self.last(&[name]).is_some()
    }

    /// The settings of a server that has these words.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        let words = self.settings.iter().map(|setting| setting.text.as_str());
        let is_said = |setting: &&Setting| !setting.is_void() && !setting.is_of_names();
        let added = self.settings.iter().filter(is_said);
        let added = added.map(|setting| setting.text.as_str());
        let added: Vec<&str> = added.chain(self.implied()).collect();
        let added = added.join(" ");
        Arc::new(Settings {
            is_checked: self.has("check"),
            has_agent: self.has("agent-check"),
            is_backup: self.has("backup"),
            ends_requests: self
                .last(&["on-marked-down"])
                .is_some_and(|setting| setting.text.ends_with(" shutdown-sessions")),
            cookie: self.value("cookie"),
            track: self.value("track"),
            hashes_address: self
                .last(&["hash-key"])
                .is_some_and(|setting| setting.text != "hash-key id"),
            said_before_3_0: self.said_before_3_0(),
            obstacles: self.obstacles(&added),
            words: self.in_words(words),
            added,
        })
    }

    /// All words. What an agent sets cannot be compared, so `disabled` is one of them where
    /// there is one.
    fn in_words<'a>(&self, words: impl Iterator<Item = &'a str>) -> String {
        let disabled = self.disabled && self.has("agent-check");
        let words: Vec<&str> = words.chain(disabled.then_some("disabled")).collect();
        words.join(" ")
    }

    /// What an added server has to be told before 3.0, where it does not begin with the
    /// defaults that a server of the file has (`_srv_parse_init` in HAProxy's server.c).
    fn said_before_3_0(&self) -> String {
        let mut words = String::new();
        for default in BEFORE_3_0 {
            let (name, _) = default.split_once(' ').unwrap_or((default, ""));
            let counts = self.has("observe") || !OF_OBSERVE.contains(&name);
            if counts && !self.has(name) {
                words.push(' ');
                words.push_str(default);
            }
        }
        words
    }

    /// What a server of the file has without saying so, and one that is added has not
    /// (management.txt of HAProxy, `add server`): its checks speak TLS and the PROXY
    /// protocol where its requests do, unless they go to another address or port.
    fn implied<'a>(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let goes_elsewhere = self.has("port") || self.has("addr");
        let implies = self.has("check") && !goes_elsewhere;
        let tls = implies && self.has("ssl") && self.last(&["check-ssl", "no-check-ssl"]).is_none();
        let is_proxy = |setting: &Setting| setting.keyword.name.starts_with("send-proxy");
        let proxy = implies && self.settings.iter().any(is_proxy) && !self.has("check-send-proxy");
        let tls = tls.then_some("check-ssl");
        tls.into_iter().chain(proxy.then_some("check-send-proxy"))
    }

    fn obstacles(&self, added: &str) -> Vec<Obstacle> {
        let settings = self.settings.iter();
        let mut obstacles: Vec<Obstacle> = settings
            .filter(|setting| !setting.is_void() && !setting.is_of_names())
            .filter(|setting| {
                setting
                    .keyword
                    .added_since
                    .is_none_or(|since| since > (2, 6))
            })
            .map(|setting| Obstacle {
                why: format!("{}{}", setting.text, setting.origin),
                until: setting.keyword.added_since,
            })
            .collect();
        let proxies = self.settings.iter().map(|setting| setting.keyword.name);
        let mut proxies: Vec<&str> = proxies.filter(|name| name.contains("send-proxy")).collect();
        proxies.retain(|name| !name.contains("check"));
        proxies.sort_unstable();
        proxies.dedup();
        if proxies.len() > 1 || proxies.iter().any(|name| name.starts_with(NOT)) {
            // Each release has its own idea of what such a mixture means.
            obstacles.push(Obstacle {
                why: proxies.join(" "),
                until: None,
            });
        }
        if added.split(' ').count() > MAX_WORDS {
            obstacles.push(Obstacle {
                why: format!("more than {MAX_WORDS} words"),
                until: None,
            });
        }
        obstacles
    }
}

fn weight(text: &str) -> Result<u16, String> {
    let number = text
        .split_once(' ')
        .and_then(|(_, number)| number.parse().ok());
    number
        .filter(|weight| *weight <= MAX_WEIGHT)
        .ok_or_else(|| format!("HAProxy has no {text}"))
}

/// A word that a server which is added at run time cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Obstacle {
    why: String,
    /// The first release in which it can.
    until: Option<Release>,
}

/// What a server has besides its address, weight and id, with all that it inherits.
///
/// Two are the same if their words are.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent properties of a server"
)]
pub struct Settings {
    /// All of it in words.
    pub words: String,
    /// Whether health checks are asked for.
    pub is_checked: bool,
    /// Whether an agent is asked, which sets state and weight.
    pub has_agent: bool,
    /// Whether it gets requests only where no other server can.
    pub is_backup: bool,
    /// Whether HAProxy ends its requests when it goes down.
    pub ends_requests: bool,
    /// The cookie by which clients name it, if it is said.
    pub(crate) cookie: Option<String>,
    /// The server whose state it follows, if it has no check of its own: `SERVER` or
    /// `BACKEND/SERVER`.
    pub track: Option<String>,
    /// Whether its place on the ring of a consistent hash comes from its address.
    pub hashes_address: bool,
    /// The words for `add server`, also for what HAProxy implies in a file.
    added: String,
    said_before_3_0: String,
    obstacles: Vec<Obstacle>,
}

impl Settings {
    /// The words for `add server` of a HAProxy of this release.
    #[must_use]
    pub fn to_add(&self, release: Release) -> String {
        let more = if release < (3, 0) {
            self.said_before_3_0.as_str()
        } else {
            ""
        };
        format!("{}{more}", self.added)
    }

    /// What a server that is added to a HAProxy of this release cannot have, with where
    /// it stands.
    #[must_use]
    pub fn obstacle(&self, release: Release) -> Option<&str> {
        let mut obstacles = self.obstacles.iter();
        let obstacle = obstacles.find(|it| it.until.is_none_or(|until| release < until));
        obstacle.map(|it| it.why.as_str())
    }
}
