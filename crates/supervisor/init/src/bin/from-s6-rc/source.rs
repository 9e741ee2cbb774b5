//! Reads an s6-rc source tree. What is wrong with a definition is kept and told with all the rest.

use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use files::{Links, Unfit, open_regular};

use crate::execline;
use crate::tree::{Definition, Kind, Oneshot, Pipe, Script, USER, USER2};

/// No command line and no number is longer.
const SHORT: u64 = 64 << 10;
/// A list has a name on each line.
const LIST: u64 = 4 << 20;

/// What was read, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) problems: Vec<String>,
}

/// Whether the bundles of users are in the source tree itself, as before s6-overlay 3.2.3.2.
pub(crate) fn has_bundles(source: &Path) -> bool {
    source.join(USER).is_dir()
}

impl Source {
    /// Reads each definition in `directory`. The error is for the directory itself.
    pub(crate) fn add(&mut self, directory: &Path) -> Result<()> {
        for name in names_in(directory).with_context(|| format!("read {}", directory.display()))? {
            let path = directory.join(&name);
            let Some(name) = name.to_str().filter(|name| !name.contains('\n')) else {
                self.tell(&path, "its name is no line of text: give it another name");
                continue;
            };
            if let Err(why) = check_name(name) {
                self.tell(&path, why);
                continue;
            }
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    let definition = self.definition(&path, name);
                    self.definitions.extend(definition);
                }
                Ok(_) => {}
                Err(error) => self.tell(&path, unreadable(&error)),
            }
        }
        Ok(())
    }

    fn tell(&mut self, path: &Path, what: impl Display) {
        self.problems.push(format!("{}: {what}", path.display()));
    }

    fn definition(&mut self, path: &Path, name: &str) -> Option<Definition> {
        let is_supplied = name == USER || name == USER2;
        let kind = if is_supplied {
            // s6-overlay writes the type itself.
            "bundle".to_owned()
        } else {
            self.kind(&path.join("type"))?
        };
        let (kind, names) = match &*kind {
            "bundle" => (Kind::Bundle, self.contents(path, is_supplied)),
            "longrun" => (Kind::Longrun(self.longrun(path)), self.dependencies(path)),
            "oneshot" => {
                let oneshot = Box::new(self.oneshot(path)?);
                (Kind::Oneshot(oneshot), self.dependencies(path))
            }
            other => {
                let type_file = path.join("type");
                let hint = if other.ends_with('\r') {
                    ", and without a carriage return"
                } else {
                    ""
                };
                self.tell(
                    &type_file,
                    format_args!("{other:?} is no type: write oneshot, longrun or bundle{hint}"),
                );
                return None;
            }
        };
        Some(Definition {
            name: name.to_owned(),
            path: path.to_owned(),
            kind,
            names,
        })
    }

    fn longrun(&mut self, path: &Path) -> Pipe {
        let run = path.join("run");
        match fs::metadata(&run) {
            Ok(metadata) if metadata.is_file() => {
                if let Err(error) = open_regular(&run, Links::Follow) {
                    self.tell(&run, unreadable(&error));
                }
            }
            Ok(_) => self.tell(&run, "it is no regular file: make it a program"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.tell(&run, "a longrun needs this program: write it");
            }
            Err(error) => self.tell(&run, unreadable(&error)),
        }
        self.timeout(&path.join("timeout-up"));
        self.timeout(&path.join("timeout-down"));
        Pipe {
            producer_for: self.one_name(&path.join("producer-for")),
            consumer_for: self.list(&path.join("consumer-for")).unwrap_or_default(),
            pipeline: self.one_name(&path.join("pipeline-name")),
        }
    }

    fn oneshot(&mut self, path: &Path) -> Option<Oneshot> {
        let up = self.script(&path.join("up"), true);
        let down = self.script(&path.join("down"), false);
        Some(Oneshot {
            timeout_up: self.timeout(&path.join("timeout-up")),
            timeout_down: self.timeout(&path.join("timeout-down")),
            up: up?,
            down: down?,
        })
    }

    fn script(&mut self, path: &Path, is_needed: bool) -> Option<Script> {
        let text = match read(path, SHORT) {
            Ok(None) if is_needed => {
                self.tell(
                    path,
                    "a oneshot needs this command line: write it, or leave it empty",
                );
                return None;
            }
            Ok(text) => text.unwrap_or_default(),
            Err(error) => {
                self.tell(path, unreadable(&error));
                return None;
            }
        };
        match execline::parse(&text) {
            Ok(line) => Some(Script { line, text }),
            Err(why) => {
                self.tell(
                    path,
                    format_args!("{why}: a command line is execline's, not a shell's"),
                );
                None
            }
        }
    }

    fn timeout(&mut self, path: &Path) -> u32 {
        let Some(text) = self.optional(path, SHORT) else {
            return 0;
        };
        let text = text.trim_end_matches('\n');
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number);
        number.unwrap_or_else(|| {
            self.tell(path, format_args!("{text:?} is no number of milliseconds"));
            0
        })
    }

    fn dependencies(&mut self, path: &Path) -> Vec<String> {
        self.folder_or_list(path, "dependencies")
            .unwrap_or_default()
    }

    fn contents(&mut self, path: &Path, may_be_missing: bool) -> Vec<String> {
        let names = self.folder_or_list(path, "contents");
        if names.is_none() && !may_be_missing {
            self.tell(
                &path.join("contents.d"),
                "a bundle needs this directory: make it",
            );
        }
        names.unwrap_or_default()
    }

    /// The names in `list.d`, or in the file `list`.
    fn folder_or_list(&mut self, path: &Path, list: &str) -> Option<Vec<String>> {
        let folder = path.join(format!("{list}.d"));
        let names = match names_in(&folder) {
            Ok(names) => names,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.list(&path.join(list));
            }
            Err(error) => {
                self.tell(&folder, unreadable(&error));
                return Some(Vec::new());
            }
        };
        let names = names.iter().map(|name| name.to_string_lossy().into_owned());
        Some(self.checked(&folder, names.collect()))
    }

    /// The names in a file, one on each line.
    fn list(&mut self, path: &Path) -> Option<Vec<String>> {
        let text = self.optional(path, LIST)?;
        let names = text.split('\n');
        let names = names.map(|line| line.trim_start_matches([' ', '\t']));
        let names = names.filter(|name| !name.is_empty() && !name.starts_with('#'));
        Some(self.checked(path, names.map(str::to_owned).collect()))
    }

    fn one_name(&mut self, path: &Path) -> Option<String> {
        let names = self.list(path)?;
        if names.len() != 1 {
            self.tell(
                path,
                format_args!("it has {} names: write one", names.len()),
            );
        }
        names.into_iter().next()
    }

    /// The names that may be names, each once.
    fn checked(&mut self, path: &Path, names: Vec<String>) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let mut checked = Vec::new();
        for name in names {
            match check_name(&name) {
                Err(why) => self.tell(path, format_args!("{name:?}: {why}")),
                Ok(()) if seen.insert(name.clone()) => checked.push(name),
                Ok(()) => {}
            }
        }
        checked
    }

    fn kind(&mut self, path: &Path) -> Option<String> {
        let text = self.optional(path, SHORT);
        if text.is_none() && fs::symlink_metadata(path).is_err() {
            self.tell(
                path,
                "it is missing: write oneshot, longrun or bundle into it",
            );
        }
        text.map(|text| text.trim_end_matches('\n').to_owned())
    }

    /// The text of a file, if it is there. What cannot be read is told.
    fn optional(&mut self, path: &Path, most: u64) -> Option<String> {
        match read(path, most) {
            Ok(None) => None,
            Ok(Some(bytes)) => {
                let text = String::from_utf8(bytes).ok();
                if text.is_none() {
                    self.tell(path, "it is no text: write names or numbers into it");
                }
                text
            }
            Err(error) => {
                self.tell(path, unreadable(&error));
                None
            }
        }
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("{error}: make it readable, or take it out")
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.starts_with("s6rc-") {
        Err("s6-rc keeps names that begin with s6rc- for itself: give it another name")
    } else if name.starts_with('.') || name.contains('/') {
        Err("it is no name of a definition, which has no / and does not begin with a dot")
    } else {
        Ok(())
    }
}

/// The entries of a directory that are no hidden ones, in order.
fn names_in(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The content of a regular file, if it is there, which may have `most` bytes.
fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let opened = match fs::metadata(path) {
        // A device may act when it is opened.
        Ok(metadata) if !metadata.is_file() => Err(Unfit::Kind.into()),
        Ok(_) => open_regular(path, Links::Follow),
        Err(error) => Err(error),
    };
    let file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?.0,
    };
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(Unfit::Size(most).into());
    }
    Ok(Some(content))
}

/// Where the bundles are, if nothing says it.
pub(crate) fn beside(source: &Path) -> PathBuf {
    source.with_file_name("user-bundles.d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_nothing_else() {
        let dir = harness::scratch();
        let read = |text: &str| {
            let path = dir.path().join("timeout-up");
            harness::write_program(&path, text);
            let mut source = Source::default();
            (source.timeout(&path), source.problems.len())
        };
        assert_eq!(read("5000\n"), (5000, 0));
        assert_eq!(read("4294967295"), (u32::MAX, 0));
        for wrong in ["", "\n", "+1", "-1", "1s", " 1", "4294967296"] {
            assert_eq!(read(wrong), (0, 1), "{wrong:?}");
        }
    }

    #[test]
    fn a_fifo_is_told_and_not_waited_for() {
        let dir = harness::scratch();
        let path = dir.path().join("up");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let mut source = Source::default();
        assert!(source.script(&path, true).is_none());
        assert!(source.problems[0].contains("no regular file"));
    }
}
