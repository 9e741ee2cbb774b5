//! What a section says of how its requests are distributed, as far as that decides what a
//! command can do. Sections inherit it from `defaults`.

use crate::config::Line;

/// How a backend chooses a server for a request (`balance`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// `roundrobin`, `leastconn` or `random`: neither order nor ids count.
    #[default]
    Any,
    /// `static-rr`: the servers are fixed, and their order counts.
    Static,
    /// `first`: the usable server with the lowest id.
    First,
    /// A hash over a table of all usable servers in their order (`hash-type map-based`).
    Table,
    /// A hash over a ring on which each server has its places (`hash-type consistent`).
    Ring,
    /// One that is not known, or that is not known to be the section's.
    Unknown(String),
}

/// The lines of a section that count for its servers.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is what one line says")]
pub(crate) struct Proxy {
    balance: Option<String>,
    is_ring: bool,
    /// Whether clients name their server by a cookie.
    pub(crate) has_cookie: bool,
    /// Whether it says what HAProxy makes cookies with.
    has_cookie_key: bool,
    /// Whether HAProxy is asked to make the servers' cookies.
    is_dynamic: bool,
    /// Whether all backup servers are used at once, rather than the first of them.
    pub(crate) all_backups: bool,
    /// Whether clients stay with a server that is down.
    pub(crate) persists: bool,
    /// Whether each request has a connection of its own to its server.
    pub(crate) never_reuses: bool,
    /// Why its algorithm is not known.
    unknown: Option<String>,
    /// The line that disables the section.
    pub(crate) disabled: Option<usize>,
    /// Where external programs are made the checks.
    pub(crate) external_check: Option<String>,
    /// Why a server cannot be added by a command, whatever its own words are.
    pub(crate) obstacle: Option<String>,
}

/// Whether lines that begin with this word say what [`Proxy::understand`] looks for in their
/// other words.
pub(crate) fn decides(word: &str) -> bool {
    matches!(
        word,
        "balance" | "hash-type" | "cookie" | "option" | "no" | "default" | "mode" | "http-reuse"
    )
}

impl Proxy {
    /// Takes one line into account.
    pub(crate) fn understand(&mut self, line: Line, words: &[&str]) {
        match words {
            ["balance", algorithm, ..] => self.balance = Some((*algorithm).to_owned()),
            ["hash-type", kind, ..] => self.is_ring = *kind == "consistent",
            ["dynamic-cookie-key", ..] => self.has_cookie_key = true,
            // The last line counts.
            ["cookie", _, options @ ..] => {
                self.has_cookie = true;
                self.is_dynamic = options.contains(&"dynamic");
            }
            ["option", "allbackups", ..] => self.all_backups = true,
            ["no" | "default", "option", "allbackups", ..] => self.all_backups = false,
            ["option", "persist", ..] | ["force-persist", ..] => self.persists = true,
            ["no" | "default", "option", "persist", ..] => self.persists = false,
            ["http-reuse", mode, ..] => self.never_reuses = *mode == "never",
            ["option", "external-check", ..] => {
                self.external_check = Some(format!("option external-check, line {}", line.number));
            }
            ["disabled", ..] => self.disabled = Some(line.number),
            ["enabled", ..] => self.disabled = None,
            ["mode", mode, ..] if !matches!(*mode, "http" | "tcp") => {
                self.is_obstacle(line, &format!("mode {mode}"));
            }
            _ => {}
        }
    }

    fn is_obstacle(&mut self, line: Line, what: &str) {
        let why = format!("{what}, line {}", line.number);
        self.obstacle.get_or_insert(why);
    }

    /// Notes that something about the section is not known.
    pub(crate) fn is_unknown(&mut self, why: &str) {
        self.obstacle.get_or_insert_with(|| why.to_owned());
        self.unknown.get_or_insert_with(|| why.to_owned());
    }

    /// Whether HAProxy makes the servers' cookies of their addresses.
    pub(crate) fn has_dynamic_cookie(&self) -> bool {
        self.has_cookie_key && self.is_dynamic
    }

    /// The algorithm that the section has.
    pub(crate) fn algorithm(&self) -> Algorithm {
        if let Some(why) = &self.unknown {
            return Algorithm::Unknown(why.clone());
        }
        let balance = self.balance.as_deref().unwrap_or("roundrobin");
        match balance.split('(').next().unwrap_or(balance) {
            "roundrobin" | "leastconn" | "random" => Algorithm::Any,
            "static-rr" => Algorithm::Static,
            "first" => Algorithm::First,
            "source" | "uri" | "url_param" | "hdr" | "rdp-cookie" | "hash" => {
                if self.is_ring {
                    Algorithm::Ring
                } else {
                    Algorithm::Table
                }
            }
            _ => Algorithm::Unknown(balance.to_owned()),
        }
    }
}

impl Algorithm {
    /// Why no server can be added by a command; `None` if the algorithm allows it.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Any | Self::First | Self::Ring => None,
            Self::Static => Some("balance static-rr has fixed servers".to_owned()),
            Self::Table => {
                Some("its balance keeps a fixed table (`hash-type consistent` does not)".to_owned())
            }
            Self::Unknown(name) => Some(format!("its balance is not known: {name}")),
        }
    }

    /// Whether it goes by the order of the servers.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        matches!(self, Self::Static | Self::Table)
    }

    /// Whether it goes by the ids of the servers.
    #[must_use]
    pub fn goes_by_ids(&self) -> bool {
        matches!(self, Self::First | Self::Ring)
    }
}
