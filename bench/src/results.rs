//! `bench/results.md`: a head with the machine, then one section a question.

use std::path::Path;

use files::{Durability, read, replace};

/// The file will never be larger.
const MAX: u64 = 1 << 20;

/// Puts the section of an answer into the file, in the place of the older one.
pub(crate) fn keep(path: &Path, facts: &str, section: &str) -> anyhow::Result<()> {
    let old = read(path, MAX)?.unwrap_or_default();
    let new = merged(&String::from_utf8_lossy(&old), facts, section);
    replace(path, new.as_bytes(), Durability::Unsynced)
}

fn merged(old: &str, facts: &str, section: &str) -> String {
    let mut sections: Vec<&str> = old.split("\n## ").skip(1).map(str::trim_end).collect();
    let section = section.trim_start_matches("## ").trim_end();
    match sections
        .iter()
        .position(|old| question(old) == question(section))
    {
        Some(place) => sections[place] = section,
        None => sections.push(section),
    }
    let mut text = format!(
        "# What muster costs\n\nWritten by `scripts/bench`: median [minimum..maximum]. Figures move from machine to machine; those of one question were taken in one run.\n\n{facts}"
    );
    for section in sections {
        text.push_str("\n## ");
        text.push_str(section);
        text.push('\n');
    }
    text
}

/// The word by which `scripts/bench` knows it.
fn question(section: &str) -> &str {
    section.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_the_place_of_the_older_one() {
        let scratch = harness::scratch();
        let path = scratch.path().join("results.md");
        for section in [
            "## chain: one\n\nold\n\n",
            "## size: two\n\nother\n",
            "## chain: 1\n\nnew\n",
        ] {
            keep(&path, "- 2 cores\n", section).unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.ends_with("- 2 cores\n\n## chain: 1\n\nnew\n\n## size: two\n\nother\n"),
            "{text}"
        );
        assert!(!text.contains("old"));
    }
}
