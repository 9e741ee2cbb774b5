//! Two hashes of a configuration: what a running process has in common with it
//! (the fingerprint), and what a check of it has shown (the mark).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::scan::{Scan, Section};

/// FNV-1a: written out, since the hashes outlive a release of Rust.
#[derive(Clone, Copy)]
pub struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a text and its end, which no byte of UTF-8 can be.
    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// What both hashes begin with: the lines that are no servers.
#[must_use]
pub fn hash_lines(scan: &Scan) -> Fnv {
    let mut hash = Fnv::new();
    for line in &scan.lines {
        hash.add(line);
    }
    hash
}

/// The hash of all that a running HAProxy can only take over by a reload.
///
/// That is every line but the servers, and of the servers the options that most
/// of a section have, and who has others. A section without servers counts with
/// the options that its first will have, if `examples` shows them.
#[must_use]
pub fn fingerprint(lines: Fnv, scan: &Scan, examples: Option<&Scan>) -> String {
    let mut hash = lines;
    for section in &scan.sections {
        let example = examples
            .filter(|_| section.servers.is_empty())
            .and_then(|examples| examples.sections.iter().find(same_header(section)));
        hash.add(section.header);
        add_options(&mut hash, example.unwrap_or(section));
    }
    hash.hex()
}

fn same_header<'a>(section: &'a Section) -> impl Fn(&&Section) -> bool + 'a {
    |other| other.header == section.header
}

fn add_options(hash: &mut Fnv, section: &Section) {
    let Some(usual) = usual_options(section) else {
        return;
    };
    hash.add(usual);
    let unusual: BTreeMap<&str, &str> = section
        .servers
        .iter()
        .filter(|server| server.options != usual)
        .map(|server| (server.name, server.options.as_str()))
        .collect();
    for (name, options) in unusual {
        hash.add(name);
        hash.add(options);
    }
}

fn usual_options<'a>(section: &'a Section) -> Option<&'a str> {
    let mut counts: BTreeMap<&'a str, usize> = BTreeMap::new();
    for server in &section.servers {
        *counts.entry(&server.options).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(most.0)
}

/// The hash of all that decides whether HAProxy takes the file; none when that
/// cannot be told from what is hashed.
///
/// Two files with the same mark differ in the names, addresses, weights and ids
/// of their servers alone, and each of these is of a kind that HAProxy takes
/// (see `server`). A name may not be there twice, nor an id: such a file has no
/// mark. A name that a rule refers to (`use-server s1`) is part of the mark, and
/// so are the options of each section's servers: `server` may not be allowed
/// where there was none before.
#[must_use]
pub fn check_mark(lines: Fnv, scan: &Scan) -> Option<String> {
    if !scan.is_unambiguous() {
        return None;
    }
    let names = names_of(&scan.sections);
    let names_in = |text| words_of(text).filter(|word| names.contains(word));
    let lines_name = scan.lines.iter().flat_map(|line| names_in(line));
    let mut referred: BTreeSet<&[u8]> = lines_name.collect();
    let mut hash = lines;
    for section in &scan.sections {
        hash.add(section.header);
        for options in options_of(section) {
            hash.add(options);
            referred.extend(names_in(options));
        }
    }
    for section in &scan.sections {
        hash.add(section.header);
        let names = section.servers.iter().map(|server| server.name);
        let referred = names.filter(|name| referred.contains(name.as_bytes()));
        for name in referred.collect::<BTreeSet<_>>() {
            hash.add(name);
        }
    }
    Some(hash.hex())
}

fn names_of<'a>(sections: &[Section<'a>]) -> HashSet<&'a [u8]> {
    let mut names = HashSet::new();
    for section in sections {
        names.extend(section.servers.iter().map(|server| server.name.as_bytes()));
    }
    names
}

fn options_of<'a>(section: &'a Section) -> BTreeSet<&'a str> {
    let servers = section.servers.iter();
    servers.map(|server| server.options.as_str()).collect()
}

/// All in the line that can be a name.
fn words_of(line: &str) -> impl Iterator<Item = &[u8]> {
    line.as_bytes()
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
