//! The present content of `/nodes`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use nodes::{Listing, Name, Nodes};

use crate::plan::Files;

/// The files of a listing by name. A file that does not hold a node is included, so
/// that it is removed like any other when the node of that name has left or is lost. A
/// directory is not included: it is not ours to remove.
pub(crate) fn by_name(listing: &Listing) -> Files<'_> {
    let broken = listing.refused.iter();
    let broken = broken.filter(|refused| !refused.is_folder);
    let broken = broken.filter_map(|refused| {
        let name = refused.path.file_name()?.to_str()?;
        Some((Name::parse(name).ok()?, None))
    });
    let nodes = listing.nodes.iter();
    let nodes = nodes.map(|node| (node.name.clone(), Some(node)));
    nodes.chain(broken).collect()
}

/// Removes the temporary files of a run that was killed. The caller holds the lock, so
/// nobody else is about to rename one of them.
pub(crate) fn clear_leftovers(
    nodes: &Nodes,
    hidden: &[OsString],
    marks: &Path,
) -> anyhow::Result<()> {
    let of_marks = match files::list(marks) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        entries => entries.with_context(|| format!("list {}", marks.display()))?,
    };
    let of_marks = of_marks.iter().map(|entry| marks.join(&entry.name));
    let paths = hidden.iter().map(|name| nodes.path().join(name));
    for path in paths
        .chain(of_marks)
        .filter(|path| files::is_half_made(path))
    {
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(files: &[(&str, &str)]) -> (tempfile::TempDir, Nodes) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            #[expect(clippy::disallowed_methods, reason = "a fixture")]
            fs::write(directory.path().join(name), content).unwrap();
        }
        let nodes = Nodes::new(directory.path());
        (directory, nodes)
    }

    #[test]
    fn a_file_that_holds_no_node_is_there_and_a_bad_name_or_a_directory_is_not() {
        let (_directory, nodes) =
            scratch(&[("s1", "s1 10.0.0.1\n"), ("s2", "s2\r\n"), ("s3~", "s3\n")]);
        fs::create_dir(nodes.path().join("s4")).unwrap();
        let found = nodes.list().unwrap();
        let files = by_name(&found);
        let seen: Vec<(&str, bool)> = files
            .iter()
            .map(|(name, node)| (name.as_str(), node.is_some()))
            .collect();
        assert_eq!(seen, [("s1", true), ("s2", false)]);
    }

    #[test]
    fn what_a_killed_run_left_goes_and_nothing_else() {
        let (directory, nodes) = scratch(&[(".s1.new", "s1 10."), ("s1", ""), (".lock", "")]);
        let hidden = nodes.list().unwrap().hidden;
        clear_leftovers(&nodes, &hidden, &directory.path().join(".lost")).unwrap();
        assert!(!directory.path().join(".s1.new").exists());
        assert!(directory.path().join("s1").exists() && directory.path().join(".lock").exists());
    }
}
