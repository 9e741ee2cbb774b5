//! Remarks that are logged only once for as long as they are true. A doubtful list or
//! a refused member may last for hours, and every run sees it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use exit::escape;
use files::Durability;
use nodes::{Listing, Name, Refused};

use crate::log::Log;
use crate::roster::Roster;

/// The file in `/nodes` that holds the keys of the remarks that are still true.
const FILE: &str = ".said";
/// The size in bytes above which the file is ignored, since this program writes much
/// less.
const MAX_FILE: u64 = 64 * 1024;
/// How many remarks of one kind a run makes.
const MAX_NAMED: usize = 20;

/// A remark. Two with the same key are the same remark, even if the figures in their
/// texts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    key: String,
    text: String,
}

impl Remark {
    pub(crate) fn new(key: &str, text: impl Into<String>) -> Self {
        Self {
            key: key.to_string(),
            text: text.into(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Logs the remarks that the file does not have yet, and stores the present ones
/// there. A remark that ends is forgotten, so it is logged again when it comes back.
pub(crate) fn say_once(nodes: &Path, remarks: &[Remark], log: &mut Log) -> anyhow::Result<()> {
    let path = nodes.join(FILE);
    let content = files::read(&path, MAX_FILE)
        .ok()
        .flatten()
        .unwrap_or_default();
    let said: BTreeSet<&[u8]> = content.split(|byte| *byte == b'\n').collect();
    for remark in remarks {
        if !said.contains(remark.key.as_bytes()) {
            log.tell(&remark.text);
        }
    }
    let keys = remarks
        .iter()
        .fold(String::new(), |keys, remark| keys + &remark.key + "\n");
    if keys.as_bytes() == content {
        Ok(())
    } else if keys.is_empty() {
        std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))
    } else {
        files::replace(&path, keys.as_bytes(), Durability::Unsynced)
    }
}

/// Remarks on refused members: the first few messages, and how many more there are.
pub(crate) fn refused<'a>(all: impl Iterator<Item = &'a str>) -> Vec<Remark> {
    let mut all: Vec<&str> = all.collect();
    // Several members with one name can be refused for one reason.
    all.dedup();
    let mut remarks: Vec<Remark> = all
        .iter()
        .take(MAX_NAMED)
        .map(|text| Remark::new(text, *text))
        .collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        remarks.push(Remark::new("more", format!("refused {more} more")));
    }
    remarks
}

/// Remarks on files in `/nodes` that do not hold a node, except for those that are
/// about to be replaced.
pub(crate) fn broken(listing: &Listing, roster: &Roster) -> Vec<Remark> {
    let stays = |file: &&Refused| {
        let name = file.path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| Name::parse(name).ok());
        !name.is_some_and(|name| roster.is_living(&name))
    };
    let remark = |file: &Refused| {
        let path = escape(file.path.as_os_str().as_encoded_bytes()).to_string();
        Remark::new(&path, format!("{path} is not a node: {}", file.why))
    };
    let broken = listing.refused.iter().filter(stays);
    broken.take(MAX_NAMED).map(remark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run with these remarks adds to the log, without date and program.
    fn said(directory: &Path, keys: &[&str]) -> Vec<String> {
        let path = directory.join("log");
        let _ = std::fs::remove_file(&path);
        let mut log = Log::new(path.clone());
        let remarks: Vec<Remark> = keys
            .iter()
            .map(|key| Remark::new(key, format!("about {key}")))
            .collect();
        say_once(directory, &remarks, &mut log).unwrap();
        log.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines()
            .map(|line| line.split_once(": ").unwrap().1.to_string())
            .collect()
    }

    #[test]
    fn a_remark_is_made_once_for_as_long_as_it_holds() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(said(directory.path(), &["a", "b"]), ["about a", "about b"]);
        assert!(said(directory.path(), &["b", "a"]).is_empty());
        assert_eq!(said(directory.path(), &["b", "c"]), ["about c"]);
        assert!(said(directory.path(), &[]).is_empty());
        assert!(!directory.path().join(FILE).exists());
        assert_eq!(said(directory.path(), &["a"]), ["about a"]);
    }

    #[test]
    fn a_memory_that_is_not_ours_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a fixture")]
        std::fs::write(directory.path().join(FILE), vec![b'\xff'; 70_000]).unwrap();
        assert_eq!(said(directory.path(), &["a"]), ["about a"]);
        assert!(said(directory.path(), &["a"]).is_empty());
    }

    #[test]
    fn of_many_refusals_the_first_are_named_and_the_rest_counted() {
        let many: Vec<String> = (0..10_000).map(|number| format!("no {number}")).collect();
        let refused = |all: &[String]| refused(all.iter().map(String::as_str));
        assert_eq!(refused(&many[..MAX_NAMED]).len(), MAX_NAMED);
        let shown = refused(&many);
        assert_eq!(shown.len(), MAX_NAMED + 1);
        assert_eq!(shown[MAX_NAMED].text(), "refused 9980 more");
        assert_eq!(shown[MAX_NAMED].key, refused(&many[1..])[MAX_NAMED].key);
    }
}
