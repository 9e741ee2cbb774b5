//! What is wanted: haproxy.cfg, read as far as servers and bind addresses go.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher as _};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::bail;

use haproxy_config::{is_plain, words};

/// More than a hundred thousand servers; what is longer is no configuration.
pub(crate) const LONGEST: u64 = 64 << 20;

/// Every keyword that begins a section, since a `server` line means something
/// else below `peers` or `ring`.
const SECTIONS: [&str; 18] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "peers",
    "resolvers",
    "userlist",
    "mailers",
    "cache",
    "program",
    "ring",
    "log-forward",
    "http-errors",
    "fcgi-app",
    "crt-store",
    "traces",
    "acme",
];

/// haproxy.cfg.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    /// Of the bytes of the file.
    pub(crate) digest: String,
    /// What haproxy-gen wrote: a hash of everything but the servers.
    pub(crate) fingerprint: Option<String>,
    pub(crate) backends: BTreeMap<String, Backend>,
    /// `bind` and `stats socket` lines as they stand there.
    pub(crate) binds: Vec<String>,
    /// Whether there is a `bind` that clients can reach.
    pub(crate) listens: bool,
    /// Whether the file gives it a socket for commands.
    pub(crate) commandable: bool,
}

/// A `backend` or `listen` section.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Backend {
    pub(crate) servers: BTreeMap<String, Server>,
    /// Servers of another form: part of the fingerprint, never touched here.
    pub(crate) fixed: BTreeSet<String>,
    /// Prefixes of `server-template`, to which the same applies.
    pub(crate) templates: BTreeSet<String>,
    pub(crate) balance: Option<String>,
    pub(crate) hash_type: Option<String>,
    pub(crate) default_server: bool,
    /// Cookies that HAProxy makes of addresses.
    pub(crate) dynamic_cookie: bool,
}

/// `server NAME IP:PORT OPTIONS... weight N`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) weight: u16,
    /// All but the weight and the id.
    pub(crate) options: String,
}

impl Server {
    pub(crate) fn is_checked(&self) -> bool {
        self.has("check")
    }

    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.split(' ').any(|word| word == option)
    }
}

impl Backend {
    pub(crate) fn is_fixed(&self, name: &str) -> bool {
        self.fixed.contains(name) || self.templates.iter().any(|prefix| numbered(name, prefix))
    }
}

fn numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

pub(crate) fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    match files::read(path, LONGEST)? {
        Some(bytes) => Ok(bytes),
        None => bail!(
            "read {}: there is no such file; haproxy-gen makes it",
            path.display()
        ),
    }
}

/// What the file says, refused if HAProxy would lose its listeners by it:
/// version 2.6 takes an empty file and serves nothing.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<Wanted> {
    let wanted = Wanted::parse(bytes);
    match wanted.unfit(bytes) {
        Some(why) => bail!(
            "read {}: {why}; the running HAProxy stays as it is",
            path.display()
        ),
        None => Ok(wanted),
    }
}

/// Only to tell one file from the next.
fn digest(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}

impl Wanted {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut wanted = Self {
            digest: digest(bytes),
            ..Self::default()
        };
        let mut reader = Reader::default();
        // Which is much faster where the text is right, as it nearly always is.
        let text = str::from_utf8(bytes).map(Cow::Borrowed);
        for line in text
            .unwrap_or_else(|_| String::from_utf8_lossy(bytes))
            .lines()
        {
            reader.line(line, &mut wanted);
        }
        wanted
    }

    fn unfit(&self, bytes: &[u8]) -> Option<&'static str> {
        if bytes.is_empty() {
            Some("it is empty")
        } else if bytes.contains(&0) {
            Some("it holds zero bytes, so it is no text")
        } else if bytes.last() != Some(&b'\n') {
            Some("its last line has no end, so a part of it is missing")
        } else if !self.listens {
            Some("it has no `bind` line, so nothing would be served")
        } else if !self.commandable {
            Some("it has no `stats socket PATH level admin`, so no later change could be made")
        } else {
            None
        }
    }
}

/// Where in the file we are.
#[derive(Default)]
struct Reader {
    section: String,
    name: String,
    /// What the last `defaults` section hands down.
    defaults: Backend,
    named: BTreeMap<String, Backend>,
}

impl Reader {
    fn line(&mut self, line: &str, wanted: &mut Wanted) {
        if let Some(backend) = self.backend(wanted)
            && let Some((name, server)) = usual(line)
        {
            backend.servers.entry(name.to_owned()).or_insert(server);
            return;
        }
        let words = words(line, &|_| None);
        let Some(first) = words.first() else { return };
        if SECTIONS.contains(&first.as_ref()) {
            self.begin(&words, wanted);
            return;
        }
        match (self.section.as_str(), first.as_ref()) {
            ("global", "setenv") if words.len() > 2 && words[1] == "CONFIG_FINGERPRINT" => {
                wanted.fingerprint = Some(words[2].to_string());
            }
            ("global", "stats") => {
                let admin = words.windows(2).any(|pair| pair == ["level", "admin"]);
                wanted.commandable |=
                    words[1..].first().is_some_and(|word| word == "socket") && admin;
                wanted.binds.push(line.trim().to_owned());
            }
            ("frontend" | "listen", "bind") => {
                wanted.listens = true;
                wanted.binds.push(line.trim().to_owned());
            }
            ("defaults", _) => {
                setting(&mut self.defaults, &words);
                self.named.insert(self.name.clone(), self.defaults.clone());
            }
            _ => {
                if let Some(backend) = self.backend(wanted) {
                    setting(backend, &words);
                }
            }
        }
    }

    /// The section that we are in, if it can have servers.
    fn backend<'a>(&self, wanted: &'a mut Wanted) -> Option<&'a mut Backend> {
        let has_servers = matches!(self.section.as_str(), "backend" | "listen");
        has_servers.then(|| wanted.backends.get_mut(&self.name))?
    }

    fn begin(&mut self, words: &[Cow<str>], wanted: &mut Wanted) {
        self.section = words[0].to_string();
        self.name = words.get(1).map(ToString::to_string).unwrap_or_default();
        let from = words.iter().position(|word| word == "from");
        let from = from.and_then(|at| self.named.get(words.get(at + 1)?.as_ref()));
        match self.section.as_str() {
            "defaults" => self.defaults = from.cloned().unwrap_or_default(),
            "backend" | "listen" => {
                let inherited = from.unwrap_or(&self.defaults).clone();
                wanted.backends.insert(self.name.clone(), inherited);
            }
            _ => {}
        }
    }
}

fn setting(backend: &mut Backend, words: &[Cow<str>]) {
    let value = || Some(words.get(1)?.to_string());
    match words[0].as_ref() {
        "balance" => backend.balance = value(),
        "hash-type" => backend.hash_type = value(),
        "default-server" => backend.default_server = true,
        "dynamic-cookie-key" => backend.dynamic_cookie = true,
        "server-template" => backend.templates.extend(value()),
        "server" => backend.fixed.extend(value()),
        _ => {}
    }
}

/// The server of a line that the Runtime API can say as well, with its name.
fn usual(line: &str) -> Option<(&str, Server)> {
    let code = line.split('#').next().unwrap_or_default();
    let mut words = code.split_ascii_whitespace();
    let (keyword, name, address) = (words.next()?, words.next()?, words.next()?);
    let speakable = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    if keyword != "server" || !is_plain(code) || code.contains(';') || !name.bytes().all(speakable)
    {
        return None;
    }
    let address = address.parse::<SocketAddr>().ok()?;
    let (mut options, mut weight) = (String::with_capacity(line.len()), 1);
    while let Some(word) = words.next() {
        match word {
            "weight" => weight = words.next()?.parse().ok().filter(|&weight| weight <= 256)?,
            "id" => _ = words.next()?,
            "disabled" => return None,
            word => {
                options.push_str(if options.is_empty() { "" } else { " " });
                options.push_str(word);
            }
        }
    }
    let server = Server {
        address,
        weight,
        options,
    };
    (address.port() != 0).then_some((name, server))
}

#[cfg(test)]
#[path = "wanted/tests.rs"]
mod tests;
