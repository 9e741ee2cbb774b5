//! Hashes of a configuration: those of what a running HAProxy does not report (the
//! fingerprint), one of what decides whether HAProxy accepts it, and one of the
//! whole file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::{self, Display};
use std::iter;
use std::sync::Arc;

use crate::words::{said_in, words};
use crate::{Config, Runtime, Section, Server};

/// FNV-1a with 64 bits. The standard library's hash may change between releases of
/// Rust, and these hashes are stored in files.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add_bytes(&mut self, bytes: impl Iterator<Item = u8>) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Adds a text and an end mark, the byte 0xff, which never occurs in UTF-8.
    fn add(&mut self, text: &str) {
        self.add_bytes(text.bytes().chain([0xff]));
    }

    fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// The hash of a whole file, to tell it from another one.
#[must_use]
pub fn hash_of(file: &[u8]) -> String {
    let mut hash = Fnv::new();
    hash.add_bytes(file.iter().copied());
    hash.hex()
}

/// What a process shows of the file that it was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash of all that only a reload can change.
    pub lines: String,
    /// The hash of the settings of the servers. Commands can lead from one to another, so a
    /// process tells in another place which one it has by now.
    pub servers: String,
    /// The same hash of the servers that stand in the file, without examples: by it an
    /// edited file is known.
    pub written: String,
}

impl Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.lines, self.servers)?;
        if self.written == self.servers {
            return Ok(());
        }
        write!(f, ".{}", self.written)
    }
}

impl Fingerprint {
    /// Reads what [`Fingerprint`] prints.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (lines, rest) = text.split_once('.').unwrap_or((text, ""));
        let (servers, written) = rest.split_once('.').unwrap_or((rest, rest));
        Self {
            lines: lines.to_owned(),
            servers: servers.to_owned(),
            written: written.to_owned(),
        }
    }
}

impl Config<'_> {
    /// The fingerprint that the file sets, if it is the true one. Somebody may have edited
    /// the file after it was made.
    #[must_use]
    pub fn true_fingerprint(&self) -> Option<Fingerprint> {
        let said = Fingerprint::parse(self.fingerprint.as_deref()?);
        let is = fingerprint(self, None);
        let is_true = said.lines == is.lines && said.written == is.servers;
        is_true.then_some(said)
    }
}

/// The hash of all lines that are not plain servers, and of the servers of sections of
/// which nothing is known. Blanks around them, empty lines and
/// comments say nothing to HAProxy, and a loop of a template easily leaves some for each
/// node.
fn hash_lines(config: &Config) -> Fnv {
    let mut hash = Fnv::new();
    for section in &config.sections {
        for line in section.header.iter().chain(&section.lines) {
            let said = said_in(line.text);
            if !said.is_empty() {
                hash.add(said);
            }
        }
        if section.backend.hidden().is_some() {
            add_servers(&mut hash, section);
        } else if section.backend.places_are_lines(&section.servers) {
            for (name, server) in &section.servers {
                hash.add(name);
                hash.add(&server.place.to_string());
            }
        }
    }
    hash
}

/// Adds all of a section's plain servers, which no command touches.
fn add_servers(hash: &mut Fnv, section: &Section) {
    for (name, server) in &section.servers {
        let Runtime { address, weight } = server.runtime;
        let (id, disabled) = (server.id.unwrap_or_default(), server.disabled);
        hash.add(name);
        hash.add(&format!("{address} {weight} {id} {disabled}"));
        hash.add(&server.settings.words);
    }
}

/// The sections that can have servers, each with its header.
fn with_servers<'c, 'a>(
    config: &'c Config<'a>,
) -> impl Iterator<Item = (&'a str, &'c Section<'a>)> {
    let sections = config.sections.iter().filter(|section| section.has_servers);
    sections.filter_map(|section| Some((section.header?.text, section)))
}

/// What a process that is started with this file will show of it.
///
/// Its lines are all that are not plain servers, empty or comments. Its servers are, for
/// each section, the settings that most plain servers have, and the name and settings of
/// each that has others: so it stays as it is while servers with the usual settings come
/// and go. It leaves out what the process reports itself: the [`Runtime`],
/// the ids, which servers are disabled, and the names of those with the usual settings.
///
/// `examples` is the same configuration with a server in each empty section. Such a
/// section counts with the settings of its example, so that its first real server
/// does not change the fingerprint.
#[must_use]
pub fn fingerprint(config: &Config, examples: Option<&Config>) -> Fingerprint {
    let examples: BTreeMap<&str, &Section> = examples.into_iter().flat_map(with_servers).collect();
    let (mut servers, mut written) = (Fnv::new(), Fnv::new());
    for (header, section) in with_servers(config) {
        written.add(header);
        add_settings(&mut written, section, &counted_settings(section));
        let example = examples.get(header).filter(|_| section.servers.is_empty());
        let section = example.copied().unwrap_or(section);
        servers.add(header);
        add_settings(&mut servers, section, &counted_settings(section));
    }
    Fingerprint {
        lines: hash_lines(config).hex(),
        servers: servers.hex(),
        written: written.hex(),
    }
}

/// Adds the settings that most servers of the section have, and the name and settings of
/// each that has others.
fn add_settings(hash: &mut Fnv, section: &Section, counts: &BTreeMap<&str, usize>) {
    let Some((usual, _)) = counts.iter().max_by_key(|(_, count)| **count) else {
        return;
    };
    hash.add(usual);
    let unusual: BTreeMap<&str, &str> = section
        .servers
        .iter()
        .filter(|(_, server)| !is_same(&server.settings.words, usual))
        .map(|(name, server)| (*name, server.settings.words.as_str()))
        .collect();
    for (name, settings) in unusual {
        hash.add(name);
        hash.add(settings);
    }
}

/// The settings that occur in the section, and how many servers have each.
fn counted_settings<'c>(section: &'c Section) -> BTreeMap<&'c str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let alike = |(_, one): &(&str, Server), (_, other): &(&str, Server)| {
        Arc::ptr_eq(&one.settings, &other.settings)
    };
    for servers in section.servers.chunk_by(alike) {
        let first = servers.first().map(|(_, server)| server);
        let words = first.map_or("", |server| &server.settings.words);
        *counts.entry(words).or_default() += servers.len();
    }
    counts
}

/// Whether the two are equal. Servers that follow each other mostly share theirs, so that
/// nothing has to be compared.
fn is_same(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// The hash of everything that decides whether HAProxy accepts the file. `None` if only
/// HAProxy itself can tell, as when two servers of a section share a name or an id.
///
/// Two files with the same hash differ in the names, addresses, weights and ids of their
/// plain servers alone, which are valid ([`Server::parse`]), and in none that another
/// line refers to: a reference (`use-server s1`) is an error without its server. The hash
/// covers which servers have unusual settings, since these can refer to each other's
/// (`track s1`), and all settings that occur in a section: HAProxy may not allow a
/// `server` line where there was none.
#[must_use]
pub fn check_hash(config: &Config) -> Option<String> {
    let names = names_of(config);
    let names_in = |text| words_of(text).filter(|word| names.contains(word));
    let mut referred: BTreeSet<&[u8]> = BTreeSet::new();
    for section in &config.sections {
        let lines = section.header.iter().chain(&section.lines);
        referred.extend(lines.flat_map(|line| names_in(line.text)));
    }
    let mut hash = hash_lines(config);
    for (header, section) in with_servers(config) {
        let counts = counted_settings(section);
        if !is_predictable(section, counts.keys()) {
            return None;
        }
        hash.add(header);
        add_settings(&mut hash, section, &counts);
        for settings in counts.keys() {
            hash.add(settings);
            referred.extend(names_in(settings));
        }
    }
    for (header, section) in with_servers(config) {
        hash.add(header);
        let names = section.servers.iter().map(|(name, _)| *name);
        let referred = names.filter(|name| referred.contains(name.as_bytes()));
        for name in referred.collect::<BTreeSet<_>>() {
            hash.add(name);
        }
    }
    Some(hash.hex())
}

/// Whether the names and ids of the section's plain servers cannot be in the way of
/// each other, of those of its other servers, or of a `guid` that must be unique.
fn is_predictable<'c>(section: &Section, mut settings: impl Iterator<Item = &'c &'c str>) -> bool {
    let servers = section.servers.iter();
    let id = |(_, server): &(&str, Server)| server.id;
    let has_ids = servers.clone().any(|(_, server)| server.id.is_some());
    let has_line = |keyword: &str| {
        let mut lines = section.lines.iter();
        lines.any(|line| {
            let words = words(line.text, &|_| None);
            words.first().is_some_and(|word| word == keyword)
        })
    };
    all_differ(servers.clone().map(|(name, _)| *name))
        && all_differ(servers.filter_map(id))
        && !has_line("server-template")
        && !(has_ids && has_line("server"))
        && !settings.any(|settings| settings.split(' ').any(|word| word == "guid"))
}

/// Whether no item occurs twice. Sorting is fast here, since the servers mostly come
/// in the order of their names.
fn all_differ<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.windows(2).all(|pair| pair[0] != pair[1])
}

fn names_of<'a>(config: &Config<'a>) -> HashSet<&'a [u8]> {
    let servers = config.sections.iter().flat_map(|section| &section.servers);
    servers.map(|(name, _)| name.as_bytes()).collect()
}

/// All parts of the line that can be a server's name. A part with colons can be one as a
/// whole, or the colons can separate names from other words.
fn words_of(line: &str) -> impl Iterator<Item = &[u8]> {
    line.as_bytes()
        .split(|byte| !(byte.is_ascii_alphanumeric() || b"._-:".contains(byte)))
        .flat_map(|word| iter::once(word).chain(word.split(|byte| *byte == b':')))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
