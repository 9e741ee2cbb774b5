//! The directory `/nodes`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context;

use super::file::read_line;
use super::{Name, Node};
use crate::replace::put;
use crate::{Sync, escape, lock, replace};

/// So many files are read in the time that a thread costs, many times over.
const FILES_A_THREAD: usize = 500;
/// The kernel's own locks leave nothing to do for more.
const MAX_THREADS: usize = 4;

/// The directory that holds one file a node.
#[derive(Clone, Debug)]
pub struct Nodes {
    path: PathBuf,
}

/// What [`Nodes::list`] finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
        let names = self.file_names()?;
        Ok(self.read_by(threads_for(names.len()), &names))
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

    /// Nearly all of the time goes into the kernel's opening and closing of files,
    /// which it does for several threads at once.
    fn read_by(&self, threads: usize, names: &[OsString]) -> Listing {
        if threads < 2 {
            return self.read_all(names);
        }
        let shares = names.chunks(names.len().div_ceil(threads).max(1));
        thread::scope(|scope| {
            let start = |share| {
                let reader =
                    thread::Builder::new().spawn_scoped(scope, move || self.read_all(share));
                (share, reader)
            };
            let started: Vec<_> = shares.map(start).collect();
            let mut listing = Listing::default();
            for (share, reader) in started {
                // Where no thread is to be had, this one does its work.
                let read = reader.ok().and_then(|reader| reader.join().ok());
                listing.append(read.unwrap_or_else(|| self.read_all(share)));
            }
            listing
        })
    }

    fn read_all(&self, names: &[OsString]) -> Listing {
        let mut listing = Listing::default();
        for file_name in names {
            match self.parse_file(file_name) {
                Ok(Some(node)) => listing.nodes.push(node),
                Ok(None) => {}
                Err(why) => {
                    listing.refused.push(Refused {
                        path: self.path.join(file_name),
                        why,
                    });
                }
            }
        }
        listing
    }

    fn file_names(&self) -> anyhow::Result<Vec<OsString>> {
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

impl Listing {
    fn append(&mut self, mut other: Self) {
        self.nodes.append(&mut other.nodes);
        self.refused.append(&mut other.refused);
    }
}

/// A few files are read before a thread has started.
fn threads_for(files: usize) -> usize {
    let useful = (files / FILES_A_THREAD).min(MAX_THREADS);
    if useful < 2 {
        return 1;
    }
    useful.min(thread::available_parallelism().map_or(1, NonZero::get))
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
    fn many_threads_find_the_same_in_the_same_order_as_one() {
        let (directory, nodes) = nodes();
        for number in 0..23 {
            let address = if number % 7 == 0 {
                "nowhere"
            } else {
                "10.0.0.1"
            };
            let line = format!("s{number} {address}\n");
            fs::write(directory.path().join(format!("s{number}")), line).unwrap();
        }
        let names = nodes.file_names().unwrap();
        let alone = nodes.read_by(1, &names);
        assert_eq!((alone.nodes.len(), alone.refused.len()), (19, 4));
        for threads in 2..=25 {
            assert_eq!(nodes.read_by(threads, &names), alone, "{threads}");
        }
        assert_eq!(nodes.read_by(4, &[]), Listing::default());
    }

    #[test]
    fn a_few_files_are_not_worth_a_thread_and_many_are_not_worth_many() {
        assert_eq!([0, 1, 2 * FILES_A_THREAD - 1].map(threads_for), [1, 1, 1]);
        let most = threads_for(1_000_000);
        assert!((1..=MAX_THREADS).contains(&most), "{most}");
        assert!(threads_for(2 * FILES_A_THREAD) <= most.min(2));
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
