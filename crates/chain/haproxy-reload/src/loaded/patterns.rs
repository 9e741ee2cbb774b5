//! Maps and ACLs whose files were made together with haproxy.cfg.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use haproxy_config::{DefaultPath, MAX_FILE};

use super::Taken;
use crate::file::patterns::{difference, entries, longest_line};
use crate::file::wanted::Wanted;
use crate::haproxy::patterns::{self, LONGEST_ENTRY, Listing, Loaded, Verdict};
use crate::haproxy::running::Running;
use haproxy_socket::Socket;

/// How the names of maps begin that have no file (configuration.txt, 3.0).
const VIRTUAL: &str = "virt@";

/// How the files differ from what HAProxy has.
pub(crate) struct Comparison {
    differing: Vec<Differing>,
    /// What is not compared.
    notes: Vec<String>,
}

/// A map or an ACL that differs from its file.
struct Differing {
    loaded: Loaded,
    content: Vec<u8>,
    text: String,
}

impl From<Comparison> for super::Loaded {
    fn from(comparison: Comparison) -> Self {
        let texts = comparison.differing.into_iter();
        Self {
            next: texts.map(|differing| differing.text).collect(),
            notes: comparison.notes,
        }
    }
}

impl Comparison {
    fn omit(&mut self, loaded: &Loaded, path: &str, why: &str) {
        let (kind, path) = (loaded.kind.name(), exit::escape(path.as_bytes()));
        self.notes
            .push(format!("{kind} {path} is not compared: {why}"));
    }
}

/// Compares the files with what the worker has loaded. `None` if another one answers.
/// A file is read before the entries are asked for, so that those of a worker that starts
/// meanwhile are never older.
pub(crate) fn compare(of: Of, socket: &Socket) -> anyhow::Result<Option<Comparison>> {
    let Of { wanted, pid, .. } = of;
    let mut comparison = Comparison {
        differing: Vec::new(),
        notes: Vec::new(),
    };
    if wanted.files.is_empty() {
        return Ok(Some(comparison));
    }
    let Some(all) = patterns::loaded(socket, pid)? else {
        return Ok(None);
    };
    for loaded in all {
        let path = match of.find(&loaded.name) {
            Found::One(path) => path,
            Found::None => continue,
            Found::Unknown => {
                let note = "only HAProxy knows where its name begins";
                comparison.omit(&loaded, &loaded.name, note);
                continue;
            }
        };
        let what = format!("{} {}", loaded.kind.name(), exit::escape(path.as_bytes()));
        if wanted.changes.has(&loaded.name) {
            let note = "a line of haproxy.cfg changes it at run time";
            comparison.omit(&loaded, path, note);
            continue;
        }
        let content = read(path)?;
        if longest_line(&content) > LONGEST_ENTRY {
            let note = format!("a line has more than {LONGEST_ENTRY} bytes");
            comparison.omit(&loaded, path, &note);
            continue;
        }
        let Some(listing) = Listing::ask(socket, pid, &loaded)? else {
            return Ok(None);
        };
        if let Some(text) = difference(&entries(&content, loaded.kind), &listing.entries()) {
            comparison.differing.push(Differing {
                text: format!("{what}: {text}"),
                loaded,
                content,
            });
        }
    }
    Ok(Some(comparison))
}

/// Notes on the maps and ACLs of the worker that nobody compares, since they were not made
/// together with haproxy.cfg.
pub(crate) fn unfollowed(of: Of, socket: &Socket) -> anyhow::Result<Vec<String>> {
    let all = patterns::loaded(socket, of.pid)?
        .unwrap_or_default()
        .into_iter();
    let is_followed = |loaded: &Loaded| !matches!(of.find(&loaded.name), Found::None);
    let others = all.filter(|loaded| !loaded.name.starts_with(VIRTUAL) && !is_followed(loaded));
    let note = |loaded: Loaded| {
        let name = exit::escape(loaded.name.as_bytes());
        let kind = loaded.kind.name();
        format!("{kind} {name} is not compared: haproxy-gen did not make it with haproxy.cfg")
    };
    Ok(others.map(note).collect())
}

fn read(path: &str) -> anyhow::Result<Vec<u8>> {
    match files::read(Path::new(path), MAX_FILE)? {
        Some(content) => Ok(content),
        None => bail!("read {path}: there is no such file; haproxy-gen makes it"),
    }
}

/// Whose names are asked for: the file's, and the running worker's.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) wanted: &'a Wanted,
    /// The files of the configuration.
    pub(crate) config: &'a [PathBuf],
    /// The worker.
    pub(crate) pid: u32,
}

impl<'a> Of<'a> {
    pub(crate) fn new(wanted: &'a Wanted, config: &'a [PathBuf], running: &Running) -> Self {
        let pid = running.pid;
        Self {
            wanted,
            config,
            pid,
        }
    }
}

impl<'a> Of<'a> {
    /// Which of the files that were made together with haproxy.cfg has this name there.
    fn find(self, name: &str) -> Found<'a> {
        let mut kinds = ["file@", "opt@"].iter();
        let name = kinds
            .find_map(|kind| name.strip_prefix(kind))
            .unwrap_or(name);
        let name = Path::new(name);
        let files = &self.wanted.files;
        if name.is_relative() && !files.iter().any(|path| can_be(path, name)) {
            return Found::None;
        }
        let begin = if name.is_absolute() {
            Some(PathBuf::new())
        } else {
            self.begin()
        };
        let Some(begin) = begin else {
            return Found::Unknown;
        };
        // An absolute name stays as it is.
        let name = begin.join(name);
        let mut files = files.iter();
        let found = files.find(|path| is_same(Path::new(path), &name));
        found.map_or(Found::None, |path| Found::One(path))
    }

    /// Where relative names begin; `None` if only HAProxy knows it.
    fn begin(self) -> Option<PathBuf> {
        match self.wanted.default_path {
            DefaultPath::Current => fs::read_link(format!("/proc/{}/cwd", self.pid)).ok(),
            DefaultPath::Config => {
                let (first, others) = self.config.split_first()?;
                let folder = first.parent()?;
                let is_one = others.iter().all(|other| other.parent() == Some(folder));
                std::path::absolute(folder).ok().filter(|_| is_one)
            }
            DefaultPath::Other => None,
        }
    }
}

enum Found<'a> {
    One(&'a str),
    None,
    /// It can be one, but only HAProxy knows where its name begins.
    Unknown,
}

/// Whether a relative name can be that of the file, wherever it begins.
fn can_be(path: &str, name: &Path) -> bool {
    let last = name.file_name();
    last.is_some() && Path::new(path).file_name() == last
}

/// Whether both name the same file.
fn is_same(path: &Path, name: &Path) -> bool {
    path == name || matches!((path.canonicalize(), name.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Makes the worker take over the files that differ, and compares again.
pub(crate) fn take(
    of: Of,
    socket: &Socket,
    tell: &mut dyn FnMut(&str, Instant),
) -> anyhow::Result<Taken> {
    let Some(before) = compare(of, socket)? else {
        return Ok(Taken::Another { changed: false });
    };
    if before.differing.is_empty() {
        return Ok(Taken::Agrees { changed: false });
    }
    let mut refused = Ok(());
    let mut reload = None;
    for Differing {
        loaded,
        content,
        text,
    } in &before.differing
    {
        let begin = Instant::now();
        match patterns::replace(socket, loaded, &entries(content, loaded.kind)) {
            Ok(Verdict::Taken) => tell(text, begin),
            Ok(Verdict::Refused(words)) => {
                let error = anyhow!("{words}")
                    .context("HAProxy refused the entries, and keeps the old ones");
                refused = refused.and(Err(error).with_context(|| text.clone()));
            }
            Err(error) => {
                reload.get_or_insert(format!("{text}: {error:#}"));
            }
        }
    }
    refused?;
    if let Some(why) = reload {
        return Ok(Taken::Reload(why));
    }
    Ok(match compare(of, socket)? {
        None => Taken::Another { changed: true },
        Some(after) => match after.differing.into_iter().next() {
            None => Taken::Agrees { changed: true },
            Some(still) => Taken::Reload(format!("after it was replaced, still: {}", still.text)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/etc/haproxy/hosts.map";

    fn found(wanted: &Wanted, config: &[&str], name: &str) -> Option<bool> {
        let config: Vec<PathBuf> = config.iter().map(PathBuf::from).collect();
        let (config, pid) = (config.as_slice(), std::process::id());
        let of = Of {
            wanted,
            config,
            pid,
        };
        match of.find(name) {
            Found::One(path) => Some(path == PATH),
            Found::None => Some(false),
            Found::Unknown => None,
        }
    }

    fn wanted(default_path: DefaultPath) -> Wanted {
        Wanted {
            files: vec![PATH.to_owned()],
            default_path,
            ..Wanted::default()
        }
    }

    #[test]
    fn a_name_is_that_of_a_file_if_it_leads_there() {
        let wanted = wanted(DefaultPath::Config);
        let config = ["/etc/haproxy/a.cfg", "/etc/haproxy/b.cfg"];
        for name in [
            PATH,
            "hosts.map",
            "./hosts.map",
            "file@/etc/haproxy/hosts.map",
            "opt@hosts.map",
        ] {
            assert_eq!(found(&wanted, &config, name), Some(true), "{name}");
        }
        for name in [
            "",
            ".",
            "osts.map",
            "../hosts.map",
            "haproxy/hosts.map",
            "/haproxy/hosts.map",
            "other/hosts.map",
            "virt@/etc/haproxy/hosts.map",
        ] {
            assert_eq!(found(&wanted, &config, name), Some(false), "{name}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_that_only_haproxy_knows_is_none() {
        let told = |default, config: &[&str]| found(&wanted(default), config, "hosts.map");
        assert_eq!(told(DefaultPath::Config, &["/srv/a.cfg"]), Some(false));
        let apart = ["/etc/haproxy/a.cfg", "/srv/a.cfg"];
        assert_eq!(told(DefaultPath::Config, &apart), None);
        assert_eq!(told(DefaultPath::Other, &[]), None);
        // That is the working directory of this test.
        assert_eq!(told(DefaultPath::Current, &[]), Some(false));
        let here = std::env::current_dir().unwrap().join("hosts.map");
        let wanted = Wanted {
            files: vec![here.display().to_string()],
            ..Wanted::default()
        };
        let (config, pid) = (&[][..], std::process::id());
        let of = Of {
            wanted: &wanted,
            config,
            pid,
        };
        assert!(matches!(of.find("hosts.map"), Found::One(_)));
    }
}
