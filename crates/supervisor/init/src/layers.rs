//! The folders of this crate use only those below them: see the crate's own page.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the top to the bottom.
const ORDER: [&str; 6] = [
    "run",
    "supervisor",
    "service",
    "overlay",
    "process",
    "output",
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The layer of a source file; none for those that stand outside: `lib`, `main`, `bin`.
fn layer_of(path: &Path, root: &Path) -> Option<usize> {
    let first = path.strip_prefix(root).unwrap().components().next()?;
    let name = Path::new(&first).file_stem()?.to_str()?;
    ORDER.iter().position(|layer| *layer == name)
}

/// The layers that a text names, in a `use` or on the spot.
fn named_in(text: &str) -> Vec<usize> {
    let paths = text.split("crate::").skip(1);
    let names = paths.map(|rest| rest.split(|it: char| !it.is_alphanumeric()).next().unwrap());
    names
        .filter_map(|name| ORDER.iter().position(|layer| *layer == name))
        .collect()
}

#[test]
fn no_folder_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows = 0;
    for path in sources(&root) {
        let Some(layer) = layer_of(&path, &root) else {
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for hidden in ["crate::{", "super::super"] {
            let shown = path.display();
            assert!(
                !text.contains(hidden),
                "{shown}: {hidden} hides what is used"
            );
        }
        for used in named_in(&text) {
            let (user, used_name) = (ORDER[layer], ORDER[used]);
            assert!(layer <= used, "{}: {user} uses {used_name}", path.display());
            arrows += usize::from(layer < used);
        }
    }
    assert!(
        arrows > 20,
        "only {arrows} were found, so the sources were not"
    );
}

#[test]
fn a_use_and_a_path_on_the_spot_are_both_seen() {
    let text = "use crate::output::{self};\nfn f() { crate::run::run() }";
    assert_eq!(named_in(text), [5, 0]);
}
