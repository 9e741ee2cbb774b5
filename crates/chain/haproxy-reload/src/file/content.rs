//! The configuration as it is at one look: one file, or several that HAProxy reads as one.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use files::Kind;
use haproxy_config::MAX_FILE;

/// How the names of the files end that HAProxy reads in a folder.
const ENDING: &[u8] = b".cfg";
/// How the copies of the last files end that HAProxy took.
const GOOD: &str = ".good";
/// The word before a number in what is said of the lines of a text.
const LINE: &str = "line ";

/// Files as one text, in the order in which HAProxy reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    /// Each file, with the place in `bytes` where it ends.
    files: Vec<(PathBuf, usize)>,
}

/// The device and the number of a file, and when it was changed, in nanoseconds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64, u64, (i64, i64));

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Self(metadata.dev(), metadata.ino(), changed)
    }
}

impl Content {
    /// Reads the files that these arguments of `-f` name, each of which may be a folder.
    pub(crate) fn read(config: &[PathBuf]) -> anyhow::Result<Self> {
        let mut content = Self::default();
        for path in config {
            if !path.is_dir() {
                content.read_one(path)?;
                continue;
            }
            let found = in_folder(path, "")?;
            let name = path.display();
            ensure!(
                !found.is_empty(),
                "read {name}: there is no file in it whose name ends in `.cfg`"
            );
            for path in found {
                content.read_one(&path)?;
            }
        }
        Ok(content)
    }

    /// The last files that HAProxy took, as far as there are copies. A copy that cannot be
    /// read counts as none, and is written again later.
    pub(crate) fn read_good(config: &[PathBuf]) -> Option<Self> {
        let mut content = Self::default();
        for path in config {
            let copies = if path.is_dir() {
                in_folder(path, GOOD).ok()?
            } else {
                vec![good(path)]
            };
            for path in copies {
                if let Some(bytes) = read_copy(&path) {
                    content.push(path, bytes);
                }
            }
        }
        (!content.files.is_empty()).then_some(content)
    }

    fn read_one(&mut self, path: &Path) -> anyhow::Result<()> {
        let Some(bytes) = files::read(path, MAX_FILE)? else {
            let path = path.display();
            bail!("read {path}: there is no such file; haproxy-gen makes it");
        };
        self.push(path.to_owned(), bytes);
        Ok(())
    }

    fn push(&mut self, path: PathBuf, bytes: Vec<u8>) {
        // Mostly there is one file, which need not be copied.
        if self.files.is_empty() {
            self.bytes = bytes;
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
        self.files.push((path, self.bytes.len()));
    }

    /// What tells each file from another one in its place that may have the same content.
    pub(crate) fn stamps(&self) -> Vec<Option<Stamp>> {
        let stamp = |(path, _): &(PathBuf, usize)| path.metadata().ok().map(|it| Stamp::of(&it));
        self.files.iter().map(stamp).collect()
    }

    /// Each file with what is in it.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        let mut begin = 0;
        self.files.iter().map(move |(path, end)| {
            let bytes = &self.bytes[begin..*end];
            begin = *end;
            (path.as_path(), bytes)
        })
    }

    /// Whether it is one file, which need not be named beside its lines.
    pub(crate) fn is_one(&self) -> bool {
        self.files.len() < 2
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|(path, _)| path.clone()).collect()
    }

    /// What is said of lines of the whole text, with the numbers that they have in their
    /// files. What stands between backquotes is a quotation.
    pub(crate) fn in_files(&self, message: &str) -> String {
        if self.is_one() {
            return message.to_owned();
        }
        let parts = message.split('`').enumerate();
        let parts = parts.map(|(at, part)| match at % 2 {
            0 => self.with_places(part),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("`")
    }

    fn with_places(&self, text: &str) -> String {
        let parts = text.split(LINE).enumerate();
        let parts = parts.map(|(at, part)| {
            let end = part.find(|it: char| !it.is_ascii_digit());
            let (number, rest) = part.split_at(end.unwrap_or(part.len()));
            let place = number.parse().ok().and_then(|number| self.place(number));
            match place.filter(|_| at > 0) {
                Some((path, number)) => format!("{number} of {}{rest}", path.display()),
                None => part.to_owned(),
            }
        });
        parts.collect::<Vec<_>>().join(LINE)
    }

    /// The file of a line of the whole text, with its number there. Both count from 1.
    fn place(&self, line: usize) -> Option<(&Path, usize)> {
        let mut before = 0;
        self.files().find_map(|(path, bytes)| {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
            let number = line
                .checked_sub(before)
                .filter(|it| (1..=lines).contains(it));
            before += lines;
            number.map(|number| (path, number))
        })
    }
}

/// The files in a folder that HAProxy reads, with `after` behind their names, in their order
/// (`cfgfiles_expand_directories` in haproxy.c: the first `.cfg` of the name is its end).
pub(crate) fn in_folder(folder: &Path, after: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = files::list(folder).with_context(|| format!("read {}", folder.display()))?;
    let is_one = |entry: &files::Entry| {
        let name = entry.name.as_bytes().strip_suffix(after.as_bytes());
        let name = name.unwrap_or_default();
        let mut places = name.windows(ENDING.len());
        let first = places.position(|part| part == ENDING);
        !name.starts_with(b".") && first.is_some_and(|at| at + ENDING.len() == name.len())
    };
    let paths = entries.into_iter().filter(is_one).filter_map(|entry| {
        let path = folder.join(&entry.name);
        let is_file = match entry.kind {
            Kind::File => true,
            Kind::Folder | Kind::Other => false,
            // HAProxy does not start with a link that leads nowhere, so that is told.
            Kind::Link | Kind::Unknown => path.metadata().map_or(true, |it| it.is_file()),
        };
        is_file.then_some(path)
    });
    Ok(paths.collect())
}

/// Where the copy of a file is kept that HAProxy took: `haproxy.cfg.good`.
pub(crate) fn good(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(GOOD);
    path.with_file_name(name)
}

pub(crate) fn read_copy(path: &Path) -> Option<Vec<u8>> {
    files::read(path, MAX_FILE).ok()?
}

/// The copies in the folders of `config` whose files are none of `paths`, since these have
/// gone.
pub(crate) fn left_over(config: &[PathBuf], paths: &[PathBuf]) -> Vec<PathBuf> {
    let folders = config.iter().filter(|path| path.is_dir());
    let copies = folders.flat_map(|path| in_folder(path, GOOD).unwrap_or_default());
    let kept: Vec<PathBuf> = paths.iter().map(|path| good(path)).collect();
    copies.filter(|copy| !kept.contains(copy)).collect()
}

/// The paths as one text.
pub(crate) fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(files: &[(&str, &str)]) -> Content {
        let mut content = Content::default();
        for (path, text) in files {
            content.push(PathBuf::from(path), text.as_bytes().to_vec());
        }
        content
    }

    #[test]
    fn a_file_that_was_away_for_a_moment_has_another_stamp() {
        let scratch = harness::scratch();
        let path = scratch.path().join("haproxy.cfg");
        let put = |text: &[u8]| files::replace(&path, text, files::Durability::Unsynced).unwrap();
        put(b"one\n");
        let before = Content::read(std::slice::from_ref(&path)).unwrap();
        let stamps = before.stamps();
        assert_eq!(before.stamps(), stamps);
        put(b"two\n");
        put(b"one\n");
        assert_eq!(Content::read(std::slice::from_ref(&path)).unwrap(), before);
        assert_ne!(before.stamps(), stamps);
    }

    #[test]
    fn files_are_one_text_and_stay_apart() {
        let content = content(&[("/a", "1\n2\n"), ("/b", "3\n")]);
        assert_eq!(content.bytes, b"1\n2\n3\n");
        let files: Vec<_> = content.files().collect();
        assert_eq!(
            files,
            [
                (Path::new("/a"), &b"1\n2\n"[..]),
                (Path::new("/b"), &b"3\n"[..])
            ]
        );
    }

    #[test]
    fn a_line_is_told_by_its_file_and_its_number_there() {
        let content = content(&[("/a", "1\n2\n"), ("/b", "3\n4\n")]);
        for (message, expected) in [
            ("line 2: `x` is new", "line 2 of /a: `x` is new"),
            ("line 3: `x` was `line 1`", "line 1 of /b: `x` was `line 1`"),
            (
                "it (default-server, line 4) is",
                "it (default-server, line 2 of /b) is",
            ),
            ("line 5 and line 0", "line 5 and line 0"),
            ("the line above", "the line above"),
            ("line ", "line "),
        ] {
            assert_eq!(content.in_files(message), expected);
        }
    }

    #[test]
    fn of_one_file_a_line_is_told_by_its_number() {
        let content = content(&[("/a", "1\n2\n")]);
        assert_eq!(content.in_files("line 2: `x` is new"), "line 2: `x` is new");
    }

    #[test]
    fn of_a_folder_those_files_are_read_that_haproxy_reads() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        std::fs::create_dir(path("folder.cfg")).unwrap();
        let config = [scratch.path().to_owned()];
        let error = Content::read(&config).unwrap_err().to_string();
        assert!(error.ends_with("whose name ends in `.cfg`"), "{error}");
        let names = [
            "b.cfg",
            "a-1.cfg",
            "a.cfg",
            "B.cfg",
            ".h.cfg",
            "a.cfg.cfg",
            "cfg",
            "a.cfg~",
            "b.cfg.good",
        ];
        for name in names {
            let text = format!("# {name}\n");
            files::replace(&path(name), text.as_bytes(), files::Durability::Unsynced).unwrap();
        }
        std::os::unix::fs::symlink("cfg", path("c.cfg")).unwrap();
        let content = Content::read(&config).unwrap();
        let text = "# B.cfg\n# a-1.cfg\n# a.cfg\n# b.cfg\n# cfg\n";
        assert_eq!(String::from_utf8_lossy(&content.bytes), text);
        let copies = Content::read_good(&config).unwrap();
        assert_eq!(copies.bytes, b"# b.cfg.good\n");
        assert!(left_over(&config, &content.paths()).is_empty());
        assert_eq!(left_over(&config, &[]), [path("b.cfg.good")]);
        std::os::unix::fs::symlink("nowhere", path("d.cfg")).unwrap();
        assert!(Content::read(&config).is_err());
    }
}
