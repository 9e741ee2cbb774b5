//! Everybody may read `logs/`, so nothing secret is in it.

use std::path::{Path, PathBuf};

use harness::root;

#[test]
fn the_evidence_holds_no_key_and_no_path_of_the_machine_that_made_it() {
    let files = files_below(&root().join("logs"));
    assert!(!files.is_empty(), "logs/ is empty: scripts/task all");
    let home = format!("{}/", root().display());
    for file in files {
        let text = std::fs::read(&file).expect("read the evidence");
        let text = String::from_utf8_lossy(&text);
        let shown = file.display();
        assert!(!text.contains(&home), "{shown} has a path of a machine");
        for word in text.split(|c: char| !is_base64(c)) {
            assert!(!is_key(word), "{shown} has a key");
        }
    }
}

#[test]
fn a_key_is_told_from_other_words() {
    assert!(is_key("TmV2ZXIgdXNlZCBieSBhbnkgcmVhbCBjbHVzdGVyISE="));
    assert!(!is_key("sha256"));
    assert!(!is_key(&"a".repeat(64)));
}

/// What `serf keygen` prints: 32 bytes, 16 in its older versions.
fn is_key(word: &str) -> bool {
    let length = word.trim_end_matches('=').len();
    matches!((length, word.len()), (43, 44) | (22, 24))
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("list the evidence");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_none_or(|kind| kind != "png"))
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
