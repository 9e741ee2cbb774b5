//! The inputs that the fuzzer has found, which the ordinary tests give to the same functions.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Gives each input of `fuzz/corpus/TARGET` to `holds`, and names the one with which it panics.
/// A corpus that is not there, or has next to nothing in it, tests nothing: that is a panic too.
pub fn corpus(target: &str, holds: impl Fn(&[u8])) {
    let folder = crate::root().join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|why| {
        panic!("read {}: {why}", folder.display());
    });
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(paths.len() > 1, "{} is empty", folder.display());
    for path in paths {
        let bytes = std::fs::read(&path).unwrap_or_else(|why| {
            panic!("read {}: {why}", path.display());
        });
        let held = catch_unwind(AssertUnwindSafe(|| holds(&bytes)));
        assert!(held.is_ok(), "that was with {}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_that_is_not_there_is_no_success() {
        let missing = catch_unwind(|| corpus("no-such-target", |_| ()));
        assert!(missing.is_err());
    }

    #[test]
    fn an_input_that_does_not_hold_is_no_success() {
        let fails = catch_unwind(|| corpus("nodes", |_| panic!("as it should")));
        assert!(fails.is_err());
    }
}
