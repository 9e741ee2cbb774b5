//! What a balancer believes of its nodes, read at each place where it says so.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The living backends among the members that `serf` lists.
pub(crate) fn living(serf: &mut Command) -> Vec<String> {
    let words = "members -format=json -status=alive -tag role=backend";
    let output = serf.args(words.split(' ')).output().expect("run serf");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let names = list["members"].as_array().into_iter().flatten();
    sorted(names.filter_map(|member| member["name"].as_str().map(str::to_string)))
}

/// The files of the directory `nodes`.
pub(crate) fn files(nodes: &Path) -> Vec<String> {
    let entries = fs::read_dir(nodes).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    sorted(names.filter(|name| !name.starts_with('.')))
}

/// The names on the server lines of the configuration `file`.
pub(crate) fn configured(file: &Path) -> Vec<String> {
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
