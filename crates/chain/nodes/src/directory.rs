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
use files::{Durability, Entry, Kind, put};

use crate::file::{Content, MAX_FILE, Reader, read};
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
    /// Whether it is a folder, which is not ours to remove.
    pub is_folder: bool,
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

    /// Reads every file. It is an error if one of them is there and cannot be read, since
    /// nobody knows then whether it is a node's. Only its absence says that there is none.
    pub fn list(&self) -> anyhow::Result<Listing> {
        self.list_while(|| ()).0
    }

    /// Reads every file and does `work`, at the same time if there are enough files for
    /// several threads.
    pub fn list_while<T>(&self, work: impl FnOnce() -> T) -> (anyhow::Result<Listing>, T) {
        let mut files = match self.files() {
            Ok(files) => files,
            Err(error) => return (Err(error), work()),
        };
        let hidden = files.extract_if(.., |file| is_hidden(&file.name));
        let hidden = hidden.map(|file| file.name).collect();
        let (listing, done) = self.read_by(threads_for(files.len()), &files, work);
        (listing.map(|listing| Listing { hidden, ..listing }), done)
    }

    /// Reads one node; `None` if there is no such file, or if it does not hold a node.
    pub fn get(&self, name: &Name) -> anyhow::Result<Option<Node>> {
        let path = self.path.join(name.as_str());
        Ok(match read(&path, &mut [0; MAX_FILE])? {
            Content::Line(line) => Node::parse(name, line).ok(),
            Content::Absent | Content::NoNode(_) => None,
        })
    }

    /// Writes a node's file; `false` if it has this content already.
    pub fn write(&self, node: &Node) -> anyhow::Result<bool> {
        let path = self.path.join(node.name.as_str());
        let line = node.line();
        let old = match read(&path, &mut [0; MAX_FILE])? {
            Content::Line(old) if old == line => return Ok(false),
            Content::Absent => None,
            // A link gives way itself: the file that it names is somebody else's.
            Content::Line(_) | Content::NoNode(_) => {
                let old = fs::symlink_metadata(&path);
                let old = old.with_context(|| format!("look at {}", path.display()))?;
                old.is_file().then_some(old)
            }
        };
        put(&path, line.as_bytes(), Durability::Unsynced, old.as_ref())?;
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

    /// Reads these files with `threads` threads, this one included, and
    /// does `work`.
    ///
    /// Each thread takes the next share when it has finished one, since some are
    /// slower: this one is busy with `work` at first, and other programs use the
    /// processors too.
    fn read_by<T>(
        &self,
        threads: usize,
        files: &[Entry],
        work: impl FnOnce() -> T,
    ) -> (anyhow::Result<Listing>, T) {
        let shares = files.chunks(FILES_A_SHARE);
        let shares: Vec<_> = shares.map(|files| (files, OnceLock::new())).collect();
        let next = AtomicUsize::new(0);
        let read = || {
            while let Some((files, listing)) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                let _ = listing.set(self.read_all(files));
            }
        };
        let done = work_while_reading(threads, work, read);
        let listings = shares.into_iter().map(|(files, listing)| {
            // A share that a thread did not finish, since it panicked, is read here.
            listing.into_inner().unwrap_or_else(|| self.read_all(files))
        });
        let listing = listings.reduce(|one, next| Ok(one?.and(next?)));
        (listing.unwrap_or_else(|| Ok(Listing::default())), done)
    }

    fn read_all(&self, files: &[Entry]) -> anyhow::Result<Listing> {
        let mut listing = Listing {
            nodes: Vec::with_capacity(files.len()),
            ..Listing::default()
        };
        let mut reader = Reader::new(&self.path);
        for file in files {
            match parse_file(file, &mut reader)? {
                Ok(Some(node)) => listing.nodes.push(node),
                Ok(None) => {}
                Err(why) => listing.refused.push(Refused {
                    path: self.path.join(&file.name),
                    why,
                    is_folder: self.is_folder(file),
                }),
            }
        }
        Ok(listing)
    }

    fn is_folder(&self, file: &Entry) -> bool {
        match file.kind {
            Kind::Unknown => {
                let metadata = fs::symlink_metadata(self.path.join(&file.name));
                metadata.is_ok_and(|metadata| metadata.is_dir())
            }
            kind => kind == Kind::Folder,
        }
    }

    fn files(&self) -> anyhow::Result<Vec<Entry>> {
        files::list(&self.path).with_context(|| format!("list {}", self.path.display()))
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

/// The node in a file; `None` if the file has gone since it was listed. The inner error
/// says why what is there is no node's file, the outer one that it cannot be read.
fn parse_file(file: &Entry, reader: &mut Reader) -> anyhow::Result<Result<Option<Node>, String>> {
    let name = file.name.to_str().ok_or_else(|| {
        let name = escape(file.name.as_encoded_bytes());
        format!("the name '{name}' is not UTF-8")
    });
    let name = match name.and_then(Name::parse) {
        Ok(name) => name,
        Err(why) => return Ok(Err(why)),
    };
    Ok(match reader.read(&file.name, file.kind)? {
        Content::Absent => Ok(None),
        Content::Line(line) => Node::parse(&name, line).map(Some),
        Content::NoNode(why) => Err(why.to_string()),
    })
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
mod tests;
