//! What a balancer believes of its nodes, read at each place where it says so.

use std::fs;
use std::path::Path;

/// The files of the directory `nodes`.
pub fn files(nodes: &Path) -> Vec<String> {
    let entries = fs::read_dir(nodes).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    sorted(names.filter(|name| !name.starts_with('.')))
}

/// The names on the server lines of the configuration `file`.
pub fn configured(file: &Path) -> Vec<String> {
    let config = fs::read_to_string(file).unwrap_or_default();
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == "server").then(|| words.next().map(str::to_string))?
    };
    config.lines().filter_map(server).collect()
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
