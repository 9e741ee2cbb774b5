//! What stands on what in this crate: see the crate's own page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders from the top to the bottom.
const ORDER: [&str; 6] = [
    "run",
    "supervisor",
    "service",
    "overlay",
    "process",
    "output",
];

/// Each module as `folder` or `folder::module`, and the modules that it names.
type Graph = BTreeMap<String, BTreeSet<String>>;

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

/// The text of each module below the crate itself, without tests.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    for path in files(&root) {
        let place = path.strip_prefix(&root).unwrap().with_extension("");
        let name = place.to_str().unwrap().replace('/', "::");
        let folder = name.split("::").next().unwrap();
        if ORDER.contains(&folder) && !name.ends_with("::tests") {
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
        used.retain(|it| it != name && ORDER.contains(&it.split("::").next().unwrap()));
        graph.insert(name.clone(), used);
    }
    graph
}

fn layer_of(module: &str) -> usize {
    let folder = module.split("::").next().unwrap();
    ORDER.iter().position(|layer| *layer == folder).unwrap()
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
fn no_folder_uses_one_above_it() {
    let graph = graph(&modules());
    let arrows = graph
        .iter()
        .flat_map(|(user, used)| used.iter().map(move |used| (user, used)));
    let mut count = 0;
    for (user, used) in arrows {
        assert!(layer_of(user) <= layer_of(used), "{user} uses {used}");
        count += 1;
    }
    assert!(
        count > 40,
        "only {count} uses were found, so they were not seen"
    );
}

#[test]
fn no_module_stands_on_itself() {
    let graph = graph(&modules());
    for module in graph.keys() {
        let mut way = Vec::new();
        assert!(!circle(&graph, module, &mut way), "{}", way.join(" > "));
    }
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
