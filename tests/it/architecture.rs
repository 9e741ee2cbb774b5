//! The rules that docs/architecture.md gives, held against the sources.

mod layers;
mod numbers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// One of our crates.
struct Crate {
    /// From the root of the repository.
    folder: String,
    /// Those of ours that it is built or tested with.
    needs: BTreeSet<String>,
    /// Those of ours that it is built with.
    is_built_with: BTreeSet<String>,
}

/// Our crates by name, as cargo sees them.
fn crates() -> BTreeMap<String, Crate> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = cargo.current_dir(harness::root()).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let read = |package: &Value| {
        let ours = |is_built: bool| {
            let all = package["dependencies"].as_array().unwrap().iter();
            let ours = all.filter(move |it| !it["path"].is_null());
            ours.filter(move |it| !is_built || it["kind"].is_null())
                .map(name)
                .collect()
        };
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().strip_prefix(harness::root());
        let folder = folder.unwrap().to_str().unwrap().to_owned();
        let it = Crate {
            folder,
            needs: ours(false),
            is_built_with: ours(true),
        };
        (name(package), it)
    };
    let crates: BTreeMap<String, Crate> = packages.iter().map(read).collect();
    assert!(crates.len() > 10, "{:?}", crates.keys());
    crates
}

/// All that one of our crates needs, and what these need, and so on.
fn reach(crates: &BTreeMap<String, Crate>, from: &str) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = crates[from].needs.clone();
    let mut next: Vec<String> = reached.iter().cloned().collect();
    while let Some(name) = next.pop() {
        let more = crates[&name].is_built_with.difference(&reached);
        let more: Vec<String> = more.cloned().collect();
        reached.extend(more.iter().cloned());
        next.extend(more);
    }
    reached
}

/// The crates that `user` may not need, and does.
fn forbidden(user: impl Fn(&str) -> bool, needed: impl Fn(&str) -> bool) -> Vec<String> {
    let crates = crates();
    let mut found = Vec::new();
    for (name, it) in crates.iter().filter(|(_, it)| user(&it.folder)) {
        let all = reach(&crates, name);
        let forbidden = all.iter().filter(|other| needed(&crates[*other].folder));
        found.extend(forbidden.map(|other| format!("{} needs {other}", it.folder)));
    }
    found
}

fn is_of_the_chain(folder: &str) -> bool {
    folder.starts_with("crates/chain/")
}

fn is_of_the_supervisor(folder: &str) -> bool {
    folder.starts_with("crates/supervisor/")
}

#[test]
fn supervisor_and_web_application_know_nothing_of_the_chain() {
    let user = |folder: &str| is_of_the_supervisor(folder) || folder == "webapp";
    assert_eq!(forbidden(user, is_of_the_chain), [""; 0]);
}

#[test]
fn the_chain_knows_nothing_of_service_directories_but_for_the_page_that_shows_both() {
    let chain = |folder: &str| is_of_the_chain(folder) && folder != "crates/chain/page";
    assert_eq!(forbidden(chain, is_of_the_supervisor), [""; 0]);
}

#[test]
fn what_both_families_stand_on_stands_on_nothing_of_ours() {
    let crates = crates();
    for name in ["exit", "files", "limit"] {
        assert_eq!(crates[name].needs, BTreeSet::new(), "{name}");
    }
}

#[test]
fn tests_and_benchmark_do_not_know_each_other_and_nobody_knows_them() {
    let theirs = |folder: &str| folder == "tests" || folder == "bench";
    assert_eq!(forbidden(|_| true, theirs), [""; 0]);
}

#[test]
fn no_program_is_built_with_what_only_tests_need() {
    for it in crates().values().filter(|it| it.folder != "bench") {
        assert!(!it.is_built_with.contains("harness"), "{}", it.folder);
    }
}

#[test]
fn a_crate_is_called_as_its_folder() {
    for (name, it) in crates().iter().filter(|(_, it)| it.folder != "tests") {
        assert!(
            it.folder.ends_with(name.as_str()),
            "{} is {name}",
            it.folder
        );
        assert!(!["common", "util", "utils", "helper", "helpers"].contains(&name.as_str()));
    }
}

/// The files of shipped code in `folder`, with their text up to their tests.
fn shipped(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![harness::root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") && name != "tests.rs" {
                files.push(read(&path));
            }
        }
    }
    files
}

fn read(path: &Path) -> (String, String) {
    let text = fs::read_to_string(path).unwrap();
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let place = path.strip_prefix(harness::root()).unwrap();
    (place.to_str().unwrap().to_owned(), shipped.to_owned())
}

/// The lines of code that hold one of `words`, but in the files that `may` name.
fn lines_with(folder: &str, words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let files = shipped(folder);
    assert!(!files.is_empty(), "{folder}");
    let others = files.iter().filter(|(path, _)| !may(path));
    let has_one = |line: &&str| words.iter().any(|word| line.contains(word));
    others
        .flat_map(|(path, text)| {
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            code.filter(has_one)
                .map(move |line| format!("{path}: {line}"))
        })
        .collect()
}

#[test]
fn only_haproxy_config_knows_the_grammar_of_haproxy() {
    let grammar = [
        "\"listen\"",
        "\"frontend\"",
        "\"defaults\"",
        "\"global\"",
        "\"server\"",
        "\"default-server\"",
        "\"server-template\"",
        "CONFIG_FINGERPRINT",
        "HAPROXY_MWORKER",
        "/usr/sbin",
    ];
    // The page counts servers, in words.
    let words = "crates/chain/page/src/view/chain.rs";
    let may = |path: &str| path.starts_with("crates/chain/haproxy-config/") || path == words;
    assert_eq!(lines_with("crates/chain", &grammar, may), [""; 0]);
}

#[test]
fn one_file_calls_the_kernel_past_the_libraries() {
    let may = |path: &str| path == "crates/supervisor/init/src/process/sys.rs";
    let words = ["unsafe {", "unsafe fn", "unsafe extern", "unsafe impl"];
    for folder in ["crates", "webapp", "bench"] {
        assert_eq!(lines_with(folder, &words, may), [""; 0]);
    }
}

/// Whatever lasts over runs or waits has another clock beside this one, which jumps.
#[test]
fn the_wall_clock_is_read_in_a_few_files() {
    let may = |path: &str| {
        let path = path.trim_start_matches("crates/");
        [
            // Dates that are shown, and those of s6's record.
            "supervisor/init/src/output/clock.rs",
            "supervisor/servicedir/src/stamp.rs",
            "supervisor/svc/src/bin/svstat/main.rs",
            "chain/serf-nodes/src/log.rs",
            "chain/journal/src/record.rs",
            "chain/haproxy-reload/src/status/look.rs",
            "chain/page/src/facts.rs",
            "chain/page/src/facts.rs",
            // Moments that are files' own, or the next run's.
            "chain/haproxy-reload/src/loaded/certificates.rs",
            "chain/haproxy-reload/src/reload/refused.rs",
            "chain/node-health/src/mark.rs",
            "chain/serf-nodes/src/handler.rs",
            "chain/serf-nodes/src/marks.rs",
            "chain/serf-watch/src/follow.rs",
        ]
        .contains(&path)
            || path.starts_with("harness/")
    };
    let words = [
        "SystemTime::now",
        ".elapsed().ok()",
        ".modified()",
        "CLOCK_REALTIME",
    ];
    for folder in ["crates", "webapp"] {
        assert_eq!(lines_with(folder, &words, may), [""; 0]);
    }
}

#[test]
fn one_place_prints_and_ends_a_program() {
    let may = |path: &str| path == "crates/exit/src/lib.rs" || path.starts_with("crates/harness/");
    let words = ["println!", "eprintln!", "process::exit"];
    assert_eq!(lines_with("crates", &words, may), [""; 0]);
    let goes_on = |path: &str| {
        path.ends_with("/init/src/output/sink.rs") || path.ends_with("/serf-nodes/src/log.rs")
    };
    let writes = lines_with("crates", &["stderr()"], |path| may(path) || goes_on(path));
    assert_eq!(writes, [""; 0]);
}

#[test]
fn the_folders_of_init_stand_one_on_another() {
    let order = [
        "main",
        "bin",
        "lib",
        "run",
        "supervisor",
        "service",
        "overlay",
        "process",
        "output",
    ];
    let sources = harness::root().join("crates/supervisor/init/src");
    assert_eq!(layers::faults(&sources, &order), [""; 0]);
}

#[test]
fn the_folders_of_haproxy_reload_stand_one_on_another() {
    let order = [
        "main",
        "waiting",
        "status",
        "converge",
        "record",
        "loaded",
        "situation",
        "plan",
        "reload",
        "file",
        "haproxy",
    ];
    let sources = harness::root().join("crates/chain/haproxy-reload/src");
    assert_eq!(layers::faults(&sources, &order), [""; 0]);
}

#[test]
fn the_page_of_the_architecture_names_each_crate() {
    let root = harness::root();
    for page in ["docs/architecture.md", "README.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for name in crates().into_values().map(|it| it.folder) {
            let folder = Path::new(&name).file_name().unwrap().to_str().unwrap();
            assert!(text.contains(&format!("{folder}/")), "{page} has no {name}");
        }
    }
}

/// In code spans, what looks like a source file is one, by its whole path or by the end
/// of it.
#[test]
fn what_the_pages_name_is_there() {
    let sources = shipped("crates");
    for page in ["docs/architecture.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(harness::root().join(page)).unwrap();
        let spans = text.split('`').skip(1).step_by(2);
        let is_source = |it: &&str| Path::new(it).extension().is_some_and(|it| it == "rs");
        let paths: Vec<&str> = spans
            .filter(|it| it.contains('/') && is_source(it))
            .collect();
        assert!(!paths.is_empty(), "{page}");
        for path in paths {
            let is_it = |(file, _): &(String, String)| file.ends_with(&format!("/{path}"));
            let is_there = harness::root().join(path).exists() || sources.iter().any(is_it);
            assert!(is_there, "{page}: {path}");
        }
    }
}
