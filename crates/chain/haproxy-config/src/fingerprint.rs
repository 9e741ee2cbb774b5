//! Hashes of a configuration: one of what only a reload can change (the
//! fingerprint), one of what decides whether HAProxy accepts it, and one of the
//! whole file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::iter;

use crate::words::words;
use crate::{Config, Section, Server};

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

    /// Adds the options of a server with a blank before them, as in its line.
    fn add_options(&mut self, options: &str) {
        let blank = (!options.is_empty()).then_some(b' ');
        self.add_bytes(blank.into_iter().chain(options.bytes()).chain([0xff]));
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

/// The beginning of both other hashes: all lines that are not plain servers. Empty lines
/// and comments say nothing to HAProxy, and a loop of a template easily leaves some for
/// each node.
fn hash_lines(config: &Config) -> Fnv {
    let mut hash = Fnv::new();
    for section in &config.sections {
        let lines = section.header.iter().chain(&section.lines);
        for line in lines.filter(|line| says_something(line)) {
            hash.add(line);
        }
    }
    hash
}

fn says_something(line: &str) -> bool {
    let text = line.trim_ascii_start();
    !text.is_empty() && !text.starts_with('#')
}

/// The sections that can have servers, each with its header.
fn with_servers<'c, 'a>(
    config: &'c Config<'a>,
) -> impl Iterator<Item = (&'a str, &'c Section<'a>)> {
    let sections = config.sections.iter().filter(|section| section.has_servers);
    sections.filter_map(|section| Some((section.header?, section)))
}

/// The hash of everything that a running HAProxy can only take over by a reload.
///
/// This covers all lines that are not plain servers, empty or comments. Of the plain
/// servers it covers, for each section, the options that most of them have, and the name
/// and options of each server that has others. It leaves out their [`Runtime`](crate::Runtime) and
/// the names of the servers with the usual options, since the process reports these.
///
/// `examples` is the same configuration with a server in each empty section. Such a
/// section counts with the options of its example, so that its first real server
/// does not change the fingerprint.
#[must_use]
pub fn fingerprint(config: &Config, examples: Option<&Config>) -> String {
    let examples: BTreeMap<&str, &Section> = examples.into_iter().flat_map(with_servers).collect();
    let mut hash = hash_lines(config);
    for (header, section) in with_servers(config) {
        let example = examples.get(header).filter(|_| section.servers.is_empty());
        let section = example.copied().unwrap_or(section);
        hash.add(header);
        add_options(&mut hash, section, &counted_options(section));
    }
    hash.hex()
}

/// Adds the options that most servers of the section have, and the name and options of
/// each that has others.
fn add_options(hash: &mut Fnv, section: &Section, counts: &BTreeMap<&str, usize>) {
    let Some((usual, _)) = counts.iter().max_by_key(|(_, count)| **count) else {
        return;
    };
    hash.add_options(usual);
    let unusual: BTreeMap<&str, &str> = section
        .servers
        .iter()
        .filter(|(_, server)| server.options != *usual)
        .map(|(name, server)| (*name, server.options.as_str()))
        .collect();
    for (name, options) in unusual {
        hash.add(name);
        hash.add_options(options);
    }
}

/// The options that occur in the section, and how many servers have each.
fn counted_options<'c>(section: &'c Section) -> BTreeMap<&'c str, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, server) in &section.servers {
        *counts.entry(&server.options).or_default() += 1;
    }
    counts
}

/// The hash of everything that decides whether HAProxy accepts the file. `None` if only
/// HAProxy itself can tell, as when two servers of a section share a name or an id.
///
/// Two files with the same hash differ in the names, addresses, weights and ids of their
/// plain servers alone, which are valid ([`Server::parse`]), and in none that another
/// line refers to: a reference (`use-server s1`) is an error without its server. The hash
/// covers which servers have unusual options, since options can refer to each other's
/// (`track s1`), and all options that occur in a section: HAProxy may not allow a
/// `server` line where there was none.
#[must_use]
pub fn check_hash(config: &Config) -> Option<String> {
    let names = names_of(config);
    let names_in = |text| words_of(text).filter(|word| names.contains(word));
    let mut referred: BTreeSet<&[u8]> = BTreeSet::new();
    for section in &config.sections {
        let lines = section.header.iter().chain(&section.lines);
        referred.extend(lines.flat_map(|line| names_in(line)));
    }
    let mut hash = hash_lines(config);
    for (header, section) in with_servers(config) {
        let counts = counted_options(section);
        if !is_predictable(section, counts.keys()) {
            return None;
        }
        hash.add(header);
        add_options(&mut hash, section, &counts);
        for options in counts.keys() {
            hash.add_options(options);
            referred.extend(names_in(options));
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
fn is_predictable<'c>(section: &Section, mut options: impl Iterator<Item = &'c &'c str>) -> bool {
    let servers = section.servers.iter();
    let id = |(_, server): &(&str, Server)| server.id;
    let has_ids = servers.clone().any(|(_, server)| server.id.is_some());
    let has_line = |keyword: &str| {
        let first = |line: &&str| {
            words(line, &|_| None)
                .first()
                .is_some_and(|it| it == keyword)
        };
        section.lines.iter().any(first)
    };
    all_differ(servers.clone().map(|(name, _)| *name))
        && all_differ(servers.filter_map(id))
        && !has_line("server-template")
        && !(has_ids && has_line("server"))
        && !options.any(|options| options.split(' ').any(|word| word == "guid"))
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
