//! `docs/settings.md` says of every environment variable who reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use harness::root;

/// Variables, and who reads each.
type Readers = BTreeMap<String, BTreeSet<String>>;

/// The shell's own, and cargo's for what it runs.
const OF_NOBODY: [&str; 7] = [
    "PATH",
    "HOME",
    "PWD",
    "OLDPWD",
    "PPID",
    "CARGO",
    "CARGO_PKG_NAME",
];

/// What is searched: all that people run, but for the finished labs of students.
const SOURCES: [&str; 10] = [
    "Dockerfile",
    "bench/src",
    "crates",
    "docker-compose.yml",
    "examples/nodes",
    "examples/templates",
    "ha",
    "scripts",
    "tests/it",
    "webapp",
];
const SKIPPED: [&str; 2] = ["tests/it/containers/students", "tests/it/serf"];

/// What stands before the name of a variable that a program of ours reads.
const IN_RUST: [&str; 5] = [
    "env = \"",
    "env::var(\"",
    "env::var_os(\"",
    "variable(\"",
    "variable_number(\"",
];
/// The same in a shell script, a template or a compose file.
const ELSEWHERE: [&str; 3] = ["${", "$", "setting "];

#[test]
fn the_page_and_the_sources_have_the_same_variables_with_the_same_readers() {
    let (read, page) = (read_by_sources(), on_the_page());
    let wrong = read.iter().filter_map(|(name, readers)| {
        let shown = page.get(name).map(|row| &row.readers);
        (shown != Some(readers))
            .then(|| format!("{name} is read by {readers:?}, and not {shown:?}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unread: Vec<_> = page
        .keys()
        .filter(|name| !read.contains_key(*name))
        .collect();
    assert!(unread.is_empty(), "nobody reads {unread:?}");
    // That the search itself finds what it is there for.
    for name in [
        "NODES_HOLD",
        "MUSTER_SEED",
        "S6_KEEP_ENV",
        "NODE_RANGE",
        "SERF_JOIN",
    ] {
        assert!(read.contains_key(name), "{name}");
    }
}

#[test]
fn the_defaults_of_programs_are_those_on_the_page() {
    let page = on_the_page();
    let mut number = 0;
    for file in sources().iter().filter(|file| file.is_rust()) {
        for option in file.text.split("#[arg(").skip(1) {
            let option = option.split(")]\n").next().unwrap();
            let (Some(name), Some(default)) = (
                quoted(option, "env = \""),
                quoted(option, "default_value = \""),
            ) else {
                continue;
            };
            let shown = if default.is_empty() {
                continue;
            } else {
                format!("`{default}`")
            };
            assert_eq!(page[name].default, shown, "{name} in {}", file.path);
            number += 1;
        }
    }
    assert!(number > 15, "{number}");
}

#[test]
fn what_the_images_set_is_on_the_page() {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let page = on_the_page();
    let text = dockerfile.replace("\\\n", " ");
    let set = text.lines().filter_map(|line| line.strip_prefix("ENV "));
    let set: Vec<_> = set.flat_map(str::split_ascii_whitespace).collect();
    assert!(set.contains(&"ROLE=balancer"), "{set:?}");
    for word in set {
        let (name, _) = word.split_once('=').unwrap();
        assert!(page.contains_key(name), "{name}");
    }
}

struct Row {
    readers: BTreeSet<String>,
    default: String,
}

/// The rows of all tables, each of which has its variable in the first column.
fn on_the_page() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let mut page = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, readers, default, _, _] = columns[..] else {
            panic!("four columns: {line}");
        };
        let readers = readers
            .split(", ")
            .map(|name| name.trim_matches('`').to_owned());
        let row = Row {
            readers: readers.collect(),
            default: default.to_owned(),
        };
        let name = name.trim_matches('`').to_owned();
        assert!(page.insert(name.clone(), row).is_none(), "{name} twice");
    }
    page
}

fn read_by_sources() -> Readers {
    let mut read = Readers::new();
    for file in sources() {
        for name in file.variables() {
            if !OF_NOBODY.contains(&name.as_str()) {
                read.entry(name).or_default().insert(file.reader());
            }
        }
    }
    read
}

struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for path in SOURCES {
        collect(path, &mut sources);
    }
    sources
}

fn collect(path: &str, sources: &mut Vec<Source>) {
    let full = root().join(path);
    if SKIPPED.contains(&path) || full.extension().is_some_and(|it| it == "md") {
        return;
    }
    if full.is_dir() {
        for entry in fs::read_dir(&full).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            collect(&format!("{path}/{name}"), sources);
        }
    } else if let Ok(text) = fs::read_to_string(full) {
        let path = path.to_owned();
        sources.push(Source { path, text });
    }
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|it| it == "rs")
    }

    /// As the page calls it: a program or a script of the images by its name, all tests
    /// together, anything else by its path.
    fn reader(&self) -> String {
        let parts: Vec<&str> = self.path.split('/').collect();
        let is_test = parts.contains(&"tests")
            || ["crates/harness/", "scripts/parts/"]
                .iter()
                .any(|folder| self.path.starts_with(folder));
        if is_test {
            return "tests".to_owned();
        }
        match parts[..] {
            ["crates", _, name, "src", ..]
            | [name, "src", ..]
            | ["ha", "scripts" | "config", name] => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    fn variables(&self) -> BTreeSet<String> {
        let lines = self.text.lines().map(str::trim_start);
        if self.is_rust() {
            let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
            let mut markers = IN_RUST.to_vec();
            if self.path.starts_with("crates/supervisor/init/src/") {
                markers.extend(["\"S6_", "\"INIT_"]);
            }
            let mut found = behind(&code.join("\n"), &markers);
            // A file's name.
            found.remove("S6_STAGE2_EXITED");
            return found;
        }
        // Comments of a template are in braces.
        let lines = lines.filter(|line| !line.starts_with('#'));
        let code = lines.collect::<Vec<_>>().join("\n");
        let code: String = code
            .split("{#")
            .enumerate()
            .map(|(number, part)| match number {
                0 => part,
                _ => part.split_once("#}").map_or(part, |(_, rest)| rest),
            })
            .collect();
        let mut found = behind(&code, &ELSEWHERE);
        found.retain(|name| !self.is_own(&code, name));
        found
    }

    /// Whether a script gives the variable its value, whatever it was before.
    fn is_own(&self, code: &str, name: &str) -> bool {
        let assignment = format!("{name}=");
        let is_word = |at: usize| at == 0 || code[..at].ends_with([' ', '\n', '(']);
        let is_set = code.match_indices(&assignment).any(|(at, _)| is_word(at));
        let has_default = |sign: &str| code.contains(&format!("${{{name}{sign}"));
        // What an ARG has is only its default.
        is_set && self.path != "Dockerfile" && !["-", ":-"].into_iter().any(has_default)
    }
}

/// The names of variables, so in capitals, that stand behind one of the markers. A marker
/// may have the beginning of the name.
fn behind(text: &str, markers: &[&str]) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut names = BTreeSet::new();
    for marker in markers {
        for (at, _) in text.match_indices(marker) {
            let start = at + marker.trim_end_matches(is_name).len();
            let rest = &text[start..];
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let name = &rest[..end];
            if name.len() > 2 && name.starts_with(|c: char| c.is_ascii_uppercase()) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// What stands in quotes behind `marker`.
fn quoted<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(marker)?;
    rest.split('"').next()
}
