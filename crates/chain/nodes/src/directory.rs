//! The directory `/nodes`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context;

use exit::escape;
use files::{Durability, put, replace};

use crate::file::{MAX_FILE, Reader, read_line};
use crate::{Name, Node};

/// How many files there must be for each thread. Reading this many takes many times
/// as long as starting a thread.
const FILES_A_THREAD: usize = 500;
/// How many files a thread takes at a time: few, so that the threads finish at nearly
/// the same time.
const FILES_A_SHARE: usize = 100;
/// More threads than this would only wait for each other in the kernel's locks.
const MAX_THREADS: usize = 4;

/// The directory that holds one file for each node.
#[derive(Clone, Debug)]
pub struct Nodes {
    path: PathBuf,
}

/// What [`Nodes::list`] finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The nodes, in name order.
    pub nodes: Vec<Node>,
    /// The files that do not hold a node, in name order.
    pub refused: Vec<Refused>,
    /// The names that begin with a dot, in order.
    pub hidden: Vec<OsString>,
}

/// A file that does not hold a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The path. Its last part may come from anybody, so escape it before showing it.
    pub path: PathBuf,
    /// What is wrong with the file, escaped for a log.
    pub why: String,
}

impl Nodes {
    /// The directory at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock that everybody who changes the directory holds: `.lock` in it.
    pub fn lock(&self) -> anyhow::Result<File> {
        files::lock(&self.path.join(".lock"))
    }

    /// Reads every file.
    pub fn list(&self) -> anyhow::Result<Listing> {
        self.list_while(|| ()).0
    }

    /// Reads every file and does `work`, at the same time if there are enough files for
    /// several threads.
    pub fn list_while<T>(&self, work: impl FnOnce() -> T) -> (anyhow::Result<Listing>, T) {
        let mut names = match self.file_names() {
            Ok(names) => names,
            Err(error) => return (Err(error), work()),
        };
        let hidden = names.extract_if(.., |name| is_hidden(name)).collect();
        let (listing, done) = self.read_by(threads_for(names.len()), &names, work);
        (Ok(Listing { hidden, ..listing }), done)
    }

    /// Reads one node; `None` if there is no such file, or if its line is not a node's.
    pub fn get(&self, name: &Name) -> anyhow::Result<Option<Node>> {
        let path = self.path.join(name.as_str());
        match read_line(&path, &mut [0; MAX_FILE]) {
            Ok(line) => Ok(line.and_then(|line| Node::parse(name, line).ok())),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Writes a node's file; `false` if it has this content already.
    pub fn write(&self, node: &Node) -> anyhow::Result<bool> {
        let path = self.path.join(node.name.as_str());
        let line = node.line();
        match read_line(&path, &mut [0; MAX_FILE]) {
            Ok(Some(old)) if old == line => return Ok(false),
            Ok(None) => put(&path, line.as_bytes(), Durability::Unsynced, None)?,
            _ => replace(&path, line.as_bytes(), Durability::Unsynced)?,
        }
        Ok(true)
    }

    /// Writes the file of a node that has none, according to a listing that was made
    /// under the lock. Looking for an old file once more would take a tenth of the time
    /// of writing the new one.
    pub fn add(&self, node: &Node) -> anyhow::Result<()> {
        let path = self.path.join(node.name.as_str());
        put(&path, node.line().as_bytes(), Durability::Unsynced, None)
    }

    /// Removes a node's file; `false` if there was none.
    pub fn remove(&self, name: &Name) -> anyhow::Result<bool> {
        let path = self.path.join(name.as_str());
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("remove {}", path.display())),
        }
    }

    /// Reads the files of these names with `threads` threads, this one included, and
    /// does `work`.
    ///
    /// Each thread takes the next share when it has finished one, since some are
    /// slower: this one is busy with `work` at first, and other programs use the
    /// processors too.
    fn read_by<T>(
        &self,
        threads: usize,
        names: &[OsString],
        work: impl FnOnce() -> T,
    ) -> (Listing, T) {
        let shares = names.chunks(FILES_A_SHARE);
        let shares: Vec<_> = shares.map(|names| (names, OnceLock::new())).collect();
        let next = AtomicUsize::new(0);
        let read = || {
            while let Some((names, listing)) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _ = listing.set(self.read_all(names));
            }
        };
        let done = work_while_reading(threads, work, read);
        let listings = shares.into_iter().map(|(names, listing)| {
            // A share that a thread did not finish, since it panicked, is read here.
            listing.into_inner().unwrap_or_else(|| self.read_all(names))
        });
        let listing = listings.reduce(Listing::and);
        (listing.unwrap_or_default(), done)
    }

    fn read_all(&self, names: &[OsString]) -> Listing {
        let mut listing = Listing {
            nodes: Vec::with_capacity(names.len()),
            ..Listing::default()
        };
        let mut reader = Reader::new(&self.path);
        for file_name in names {
            match parse_file(file_name, &mut reader) {
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
        names.sort_unstable();
        Ok(names)
    }
}

/// Does `work` while the other threads call `read`, then calls it as well. Nearly all
/// of the time is spent in the kernel, which opens and closes files for several
/// threads at once.
fn work_while_reading<T>(
    threads: usize,
    work: impl FnOnce() -> T,
    read: impl Fn() + Copy + Send,
) -> T {
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, read);
        let others: Vec<_> = (1..threads).map(start).collect();
        let done = work();
        read();
        for other in others.into_iter().flatten() {
            let _ = other.join();
        }
        done
    })
}

fn is_hidden(file_name: &OsStr) -> bool {
    file_name.as_encoded_bytes().starts_with(b".")
}

fn parse_file(file_name: &OsStr, reader: &mut Reader) -> Result<Option<Node>, String> {
    let name = file_name.to_str().ok_or_else(|| {
        format!(
            "the name '{}' is not UTF-8",
            escape(file_name.as_encoded_bytes())
        )
    })?;
    let name = Name::parse(name)?;
    match reader.line(file_name) {
        Ok(None) => Ok(None),
        Ok(Some(line)) => Node::parse(&name, line).map(Some),
        Err(error) => Err(error.to_string()),
    }
}

impl Listing {
    fn and(mut self, mut next: Self) -> Self {
        self.nodes.append(&mut next.nodes);
        self.refused.append(&mut next.refused);
        self
    }
}

/// How many threads are to read this many files. A few files are read in less time
/// than a thread takes to start.
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
        assert_eq!(listing.hidden, [".lock"]);
        assert!(listing.refused.is_empty());
    }

    #[test]
    fn a_short_line_after_a_long_one_is_read_as_it_is() {
        let (_directory, nodes) = nodes();
        let long = format!("long 10.0.0.1 rack={}", "x".repeat(900));
        let expected = [&long, "s1 10.0.0.2 port=1", "s2 ::1"].map(node);
        for node in &expected {
            nodes.write(node).unwrap();
        }
        assert_eq!(nodes.list().unwrap().nodes, expected);
    }

    #[test]
    fn what_is_done_meanwhile_is_done_for_no_files_and_for_no_directory_too() {
        let (_directory, nodes) = nodes();
        let (listing, done) = nodes.list_while(|| 1);
        assert_eq!((listing.unwrap(), done), (Listing::default(), 1));
        let (listing, done) = Nodes::new("/nonexistent/nodes").list_while(|| 2);
        assert_eq!((listing.is_err(), done), (true, 2));
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
        let files = 7 * FILES_A_SHARE + 23;
        for number in 0..files {
            let address = if number % 7 == 0 {
                "nowhere"
            } else {
                "10.0.0.1"
            };
            let line = format!("s{number} {address}\n");
            fs::write(directory.path().join(format!("s{number}")), line).unwrap();
        }
        let names = nodes.file_names().unwrap();
        let (alone, ()) = nodes.read_by(1, &names, || ());
        let broken = files.div_ceil(7);
        let expected = (files - broken, broken);
        assert_eq!((alone.nodes.len(), alone.refused.len()), expected);
        for threads in 2..=10 {
            let together = nodes.read_by(threads, &names, || threads);
            assert_eq!(together, (alone.clone(), threads));
        }
        assert_eq!(nodes.read_by(4, &[], || 4), (Listing::default(), 4));
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
    fn a_node_without_a_file_is_added_whole() {
        let (_directory, nodes) = nodes();
        let s1 = node("s1 10.0.0.1 port=80");
        nodes.add(&s1).unwrap();
        let listing = nodes.list().unwrap();
        assert_eq!((listing.nodes, listing.hidden.len()), (vec![s1.clone()], 0));
        assert!(!nodes.write(&s1).unwrap());
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
