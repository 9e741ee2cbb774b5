//! What stands on what within a crate, read from its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module as `folder` or `folder::module`, and the modules that it names.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// What is wrong with a crate whose modules and folders stand one on another in
/// `order`, from the top to the bottom.
pub(crate) fn faults(sources: &Path, order: &[&str]) -> Vec<String> {
    let graph = graph(&modules(sources));
    let layer = |module: &str| order.iter().position(|it| *it == folder_of(module));
    let mut faults = Vec::new();
    for (user, used) in &graph {
        if layer(user).is_none() {
            faults.push(format!("{user} has no place in the order"));
        }
        let above = used.iter().filter(|used| layer(used) < layer(user));
        faults.extend(above.map(|used| format!("{user} uses {used}")));
        let mut way = Vec::new();
        if circle(&graph, user, &mut way) {
            faults.push(way.join(" > "));
        }
    }
    let uses: usize = graph.values().map(BTreeSet::len).sum();
    if uses <= graph.len() {
        faults.push(format!("only {uses} uses were found"));
    }
    faults
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The text of each module of a crate, without tests.
fn modules(sources: &Path) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    for path in files(sources) {
        let place = path.strip_prefix(sources).unwrap().with_extension("");
        let name = place.to_str().unwrap().replace('/', "::");
        if !name.split("::").any(|part| part == "tests") {
            let text = fs::read_to_string(&path).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap();
            modules.insert(name, shipped.to_string());
        }
    }
    modules
}

/// The paths behind each `prefix` in a text: one, or several in braces.
fn behind<'a>(text: &'a str, prefix: &str) -> Vec<Vec<&'a str>> {
    let is_path = |it: char| it.is_alphanumeric() || it == '_' || it == ':';
    let several = |rest: &'a str| match rest.strip_prefix('{') {
        Some(inner) => inner.split('}').next().unwrap().split(',').collect(),
        None => vec![rest],
    };
    let all = text.split(prefix).skip(1).flat_map(several);
    all.map(|rest| rest.trim_start().split(|it| !is_path(it)).next().unwrap())
        .map(|path| path.split("::").collect())
        .collect()
}

fn graph(modules: &BTreeMap<String, String>) -> Graph {
    let known = |folder: &str, name: Option<&&str>| {
        let module = format!("{folder}::{}", name.unwrap_or(&""));
        let is_one = modules.contains_key(&module);
        if is_one { module } else { folder.to_string() }
    };
    let folders: BTreeSet<&str> = modules.keys().map(|name| folder_of(name)).collect();
    let mut graph = Graph::new();
    for (name, text) in modules {
        assert!(!text.contains("super::super"), "{name} hides what it uses");
        let (folder, child) = name.split_once("::").unwrap_or((name, ""));
        let mut used = BTreeSet::new();
        for path in behind(text, "crate::") {
            used.insert(known(path[0], path.get(1)));
        }
        let own = if child.is_empty() { "use " } else { "super::" };
        for path in behind(text, own) {
            let is_own = !child.is_empty() || known(folder, path.first()) != folder;
            used.extend(is_own.then(|| known(folder, path.first())));
        }
        used.retain(|it| it != name && folders.contains(folder_of(it)));
        graph.insert(name.clone(), used);
    }
    graph
}

fn folder_of(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// The way from `from` back to a module that is on it already, if there is one.
fn circle(graph: &Graph, from: &str, way: &mut Vec<String>) -> bool {
    let is_on_it = way.iter().any(|it| it == from);
    way.push(from.to_string());
    let next = graph.get(from).filter(|_| !is_on_it);
    if is_on_it || next.is_some_and(|next| next.iter().any(|it| circle(graph, it, way))) {
        return true;
    }
    way.pop();
    false
}

#[test]
fn uses_are_seen_wherever_they_stand() {
    let text = |name: &str, text: &str| (name.to_string(), text.to_string());
    let modules = BTreeMap::from([
        text("output", "mod sink;\npub use sink::Sink;\nuse std::io;"),
        text("output::sink", "fn f() { crate::process::sys::kill() }"),
        text("process", ""),
        text("process::sys", "use super::{Other};\nuse crate::run;"),
        text("run", "use crate::output::Sink;"),
    ]);
    let graph = graph(&modules);
    let of = |name: &str| graph[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("output"), ["output::sink"]);
    assert_eq!(of("output::sink"), ["process::sys"]);
    assert_eq!(of("process::sys"), ["process", "run"]);
    assert!(circle(&graph, "run", &mut Vec::new()));
}
