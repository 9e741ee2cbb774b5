//! Hashes of a configuration: what a running process has in common with it (the
//! fingerprint), what a check of it has shown, and the whole.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{Config, Section, Server};

/// FNV-1a of 64 bits, which outlives a release of Rust, as its own hash does not.
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

    /// Adds a text and its end, which no byte of UTF-8 can be.
    fn add(&mut self, text: &str) {
        self.add_bytes(text.bytes().chain([0xff]));
    }

    /// Adds options with a blank before them, as they stand behind an address.
    fn add_options(&mut self, options: &str) {
        let blank = (!options.is_empty()).then_some(b' ');
        self.add_bytes(blank.into_iter().chain(options.bytes()).chain([0xff]));
    }

    fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// Tells one file from another.
#[must_use]
pub fn hash_of(file: &[u8]) -> String {
    let mut hash = Fnv::new();
    hash.add_bytes(file.iter().copied());
    hash.hex()
}

/// What both hashes begin with: the lines that are no plain servers.
fn hash_lines(config: &Config) -> Fnv {
    let mut hash = Fnv::new();
    for section in &config.sections {
        for line in section.header.iter().chain(&section.lines) {
            hash.add(line);
        }
    }
    hash
}

/// The sections that can have servers, each with the line that begins it.
fn with_servers<'c, 'a>(
    config: &'c Config<'a>,
) -> impl Iterator<Item = (&'a str, &'c Section<'a>)> {
    let sections = config.sections.iter().filter(|section| section.has_servers);
    sections.filter_map(|section| Some((section.header?, section)))
}

/// The hash of all that a running HAProxy can only take over by a reload.
///
/// That is every line but the plain servers, and of these the options that most of
/// a section have, and who has others. Their [`Runtime`](crate::Runtime), and who
/// has the usual options, is left out: the process tells that itself. A section
/// without servers counts with the options that its first will have, if `examples`
/// shows them.
#[must_use]
pub fn fingerprint(config: &Config, examples: Option<&Config>) -> String {
    let mut hash = hash_lines(config);
    for (header, section) in with_servers(config) {
        let example = examples
            .filter(|_| section.servers.is_empty())
            .and_then(|examples| with_servers(examples).find(|(other, _)| *other == header));
        hash.add(header);
        add_options(&mut hash, example.map_or(section, |(_, example)| example));
    }
    hash.hex()
}

fn add_options(hash: &mut Fnv, section: &Section) {
    let Some(usual) = usual_options(section) else {
        return;
    };
    hash.add_options(usual);
    let unusual: BTreeMap<&str, &str> = section
        .servers
        .iter()
        .filter(|(_, server)| server.options != usual)
        .map(|(name, server)| (*name, server.options.as_str()))
        .collect();
    for (name, options) in unusual {
        hash.add(name);
        hash.add_options(options);
    }
}

fn usual_options<'c>(section: &'c Section) -> Option<&'c str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, server) in &section.servers {
        *counts.entry(&server.options).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(most.0)
}

/// The hash of all that decides whether HAProxy takes the file; none when that
/// cannot be told from what is hashed.
///
/// Two files with the same hash differ in the names, addresses, weights and ids
/// of their servers alone, and each of these is of a kind that HAProxy takes
/// ([`Server::parse`]). A name may not be there twice, nor an id: such a file has no
/// hash. A name that a rule refers to (`use-server s1`) is part of the hash, and
/// so are the options of each section's servers: `server` may not be allowed
/// where there was none before.
#[must_use]
pub fn check_hash(config: &Config) -> Option<String> {
    if !config.sections.iter().all(is_unambiguous) {
        return None;
    }
    let names = names_of(config);
    let names_in = |text| words_of(text).filter(|word| names.contains(word));
    let mut referred: BTreeSet<&[u8]> = BTreeSet::new();
    for section in &config.sections {
        let lines = section.header.iter().chain(&section.lines);
        referred.extend(lines.flat_map(|line| names_in(line)));
    }
    let mut hash = hash_lines(config);
    for (header, section) in with_servers(config) {
        hash.add(header);
        for options in options_of(section) {
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

/// Whether no two servers of the section share a name or an id.
fn is_unambiguous(section: &Section) -> bool {
    let servers = section.servers.iter();
    let id = |(_, server): &(&str, Server)| server.runtime.id;
    all_differ(servers.clone().map(|(name, _)| *name)) && all_differ(servers.filter_map(id))
}

/// Sorting is quick here, since the servers come in the order of their names.
fn all_differ<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.windows(2).all(|pair| pair[0] != pair[1])
}

fn names_of<'a>(config: &Config<'a>) -> HashSet<&'a [u8]> {
    let servers = config.sections.iter().flat_map(|section| &section.servers);
    servers.map(|(name, _)| name.as_bytes()).collect()
}

fn options_of<'c>(section: &'c Section) -> BTreeSet<&'c str> {
    let servers = section.servers.iter();
    servers.map(|(_, server)| server.options.as_str()).collect()
}

/// All in the line that can be a name.
fn words_of(line: &str) -> impl Iterator<Item = &[u8]> {
    line.as_bytes()
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
