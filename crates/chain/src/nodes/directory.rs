//! The directory `/nodes`.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Name, Node};
use crate::replace::put;
use crate::{Sync, escape, lock, replace};

/// A node's line is at most a few hundred bytes long.
const MAX_FILE: usize = 1024;
/// `O_NOFOLLOW | O_NONBLOCK` of Linux: neither a link nor a FIFO that somebody
/// put there may lead a reader astray.
const NOFOLLOW_NONBLOCK: i32 = 0o400_000 | 0o4_000;

/// The directory that holds one file a node.
#[derive(Clone, Debug)]
pub struct Nodes {
    path: PathBuf,
}

/// What [`Nodes::list`] finds.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The nodes, in name order.
    pub nodes: Vec<Node>,
    /// The files that are none, in name order.
    pub refused: Vec<Refused>,
}

/// A file that does not hold a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file; its name may come from anybody, so escape it before it is shown.
    pub path: PathBuf,
    /// What is wrong with it, fit for a log.
    pub why: String,
}

impl Nodes {
    /// The directory at `path`, which need not exist before it is read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock of all who change the directory: `.lock` in it.
    pub fn lock(&self) -> anyhow::Result<File> {
        lock::lock(&self.path.join(".lock"))
    }

    /// Reads every file.
    pub fn list(&self) -> anyhow::Result<Listing> {
        let mut listing = Listing::default();
        for file_name in self.file_names()? {
            match self.parse_file(&file_name) {
                Ok(Some(node)) => listing.nodes.push(node),
                Ok(None) => {}
                Err(why) => {
                    listing.refused.push(Refused {
                        path: self.path.join(&file_name),
                        why,
                    });
                }
            }
        }
        Ok(listing)
    }

    /// Reads one node; `None` when there is no such file, or none that holds a node.
    pub fn get(&self, name: &Name) -> anyhow::Result<Option<Node>> {
        let path = self.path.join(name.as_str());
        match read_line(&path) {
            Ok(line) => Ok(line.and_then(|line| Node::parse(name, &line).ok())),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Writes a node's file; `false` when it said so already.
    pub fn write(&self, node: &Node) -> anyhow::Result<bool> {
        let path = self.path.join(node.name.as_str());
        let line = node.line();
        match read_line(&path) {
            Ok(Some(old)) if old == line => return Ok(false),
            Ok(None) => put(&path, line.as_bytes(), Sync::None, None)?,
            _ => replace(&path, line.as_bytes(), Sync::None)?,
        }
        Ok(true)
    }

    /// Removes a node's file; `false` when there was none.
    pub fn remove(&self, name: &Name) -> anyhow::Result<bool> {
        let path = self.path.join(name.as_str());
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("remove {}", path.display())),
        }
    }

    fn file_names(&self) -> anyhow::Result<Vec<std::ffi::OsString>> {
        let mut names = fs::read_dir(&self.path)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.file_name()))
                    .collect::<io::Result<Vec<_>>>()
            })
            .with_context(|| format!("list {}", self.path.display()))?;
        names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
        names.sort_unstable();
        Ok(names)
    }

    fn parse_file(&self, file_name: &OsStr) -> Result<Option<Node>, String> {
        let name = file_name.to_str().ok_or_else(|| {
            format!(
                "the name '{}' is not UTF-8",
                escape(file_name.as_encoded_bytes())
            )
        })?;
        let name = Name::parse(name)?;
        match read_line(&self.path.join(file_name)) {
            Ok(None) => Ok(None),
            Ok(Some(line)) => Node::parse(&name, &line).map(Some),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// One read call a file: what is longer than a line can be is not read on.
fn read_line(path: &Path) -> io::Result<Option<String>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(NOFOLLOW_NONBLOCK)
        .open(path);
    let mut file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(because(error, path.symlink_metadata())),
        Ok(file) => file,
    };
    let mut buffer = [0; MAX_FILE];
    let length = match file.read(&mut buffer) {
        // A FIFO gives nothing, or has nothing yet. What gives a line is taken.
        Ok(0) => other_kind(file.metadata()).map_or(Ok(0), Err)?,
        Ok(length) => length,
        Err(error) => return Err(because(error, file.metadata())),
    };
    if length == MAX_FILE {
        return Err(io::Error::other("it is too long for a node's line"));
    }
    match std::str::from_utf8(&buffer[..length]) {
        Ok(line) => Ok(Some(line.to_string())),
        Err(_) => Err(io::Error::other("it is not UTF-8")),
    }
}

/// The error, or what says more to a person than it does.
fn because(error: io::Error, metadata: io::Result<Metadata>) -> io::Error {
    other_kind(metadata).unwrap_or(error)
}

/// What is wrong with something that is no file.
fn other_kind(metadata: io::Result<Metadata>) -> Option<io::Error> {
    let kind = metadata.ok()?.file_type();
    if kind.is_symlink() {
        Some(io::Error::other("it is a symbolic link"))
    } else {
        (!kind.is_file()).then(|| io::Error::other("it is not a file"))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "fixtures are written as a person would"
)]
mod tests {
    use super::*;

    fn nodes() -> (tempfile::TempDir, Nodes) {
        let directory = tempfile::tempdir().unwrap();
        let nodes = Nodes::new(directory.path());
        (directory, nodes)
    }

    fn node(line: &str) -> Node {
        let name = line.split(' ').next().unwrap();
        Node::parse(&Name::parse(name).unwrap(), line).unwrap()
    }

    #[test]
    fn nodes_are_listed_in_name_order_and_hidden_files_are_none() {
        let (_directory, nodes) = nodes();
        let _lock = nodes.lock().unwrap();
        for line in ["s2 10.0.0.2", "s10 10.0.0.10", "s1 10.0.0.1"] {
            assert!(nodes.write(&node(line)).unwrap());
        }
        let listing = nodes.list().unwrap();
        let names: Vec<_> = listing
            .nodes
            .iter()
            .map(|node| node.name.as_str())
            .collect();
        assert_eq!(names, ["s1", "s10", "s2"]);
        assert!(listing.refused.is_empty());
    }

    #[test]
    fn one_bad_file_does_not_hide_the_good_ones() {
        let (directory, nodes) = nodes();
        nodes.write(&node("s1 10.0.0.1")).unwrap();
        fs::write(directory.path().join("s2"), "s2 nowhere\n").unwrap();
        fs::write(directory.path().join("a b"), "a b\n").unwrap();
        fs::write(directory.path().join("binary"), b"\xff\xfe").unwrap();
        fs::write(directory.path().join("long"), "x".repeat(5000)).unwrap();
        fs::create_dir(directory.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).unwrap();
        let listing = nodes.list().unwrap();
        assert_eq!(listing.nodes, [node("s1 10.0.0.1")]);
        assert_eq!(listing.refused.len(), 6);
        assert!(
            listing
                .refused
                .iter()
                .any(|file| file.why == "'nowhere' is not an IP address")
        );
    }

    #[test]
    fn what_is_no_file_is_told_as_such() {
        let (directory, nodes) = nodes();
        let path = |name| directory.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink("/nonexistent", path("link")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status();
        assert!(fifo.unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        fs::write(path("zero"), "").unwrap();
        let refused = nodes.list().unwrap().refused;
        let why: Vec<&str> = refused.iter().map(|file| file.why.as_str()).collect();
        let no_file = "it is not a file";
        let expected = [
            no_file,
            "it is a symbolic link",
            no_file,
            no_file,
            "it is empty",
        ];
        assert_eq!(why, expected);
    }

    #[test]
    fn writing_the_same_again_changes_nothing() {
        let (_directory, nodes) = nodes();
        let s1 = node("s1 10.0.0.1 weight=5");
        assert!(nodes.write(&s1).unwrap());
        assert!(!nodes.write(&s1).unwrap());
        assert_eq!(nodes.get(&s1.name).unwrap(), Some(s1));
    }

    #[test]
    fn a_broken_file_is_put_right_by_the_next_write() {
        let (directory, nodes) = nodes();
        fs::write(directory.path().join("s1"), b"\xff").unwrap();
        assert!(nodes.write(&node("s1 10.0.0.1")).unwrap());
        assert_eq!(nodes.list().unwrap().nodes.len(), 1);
    }

    #[test]
    fn removing_an_unknown_node_is_nothing_to_do() {
        let (_directory, nodes) = nodes();
        let s1 = node("s1 10.0.0.1");
        assert!(!nodes.remove(&s1.name).unwrap());
        nodes.write(&s1).unwrap();
        assert!(nodes.remove(&s1.name).unwrap());
    }

    #[test]
    fn a_missing_directory_is_told_by_its_path() {
        let error = Nodes::new("/nonexistent/nodes").list().unwrap_err();
        assert!(format!("{error:#}").starts_with("list /nonexistent/nodes: "));
    }
}
