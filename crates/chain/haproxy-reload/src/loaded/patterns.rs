//! Maps and ACLs whose files were made together with haproxy.cfg.

use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use haproxy_config::MAX_FILE;

use super::Taken;
use crate::file::patterns::{difference, entries, longest_line};
use crate::file::wanted::Wanted;
use crate::haproxy::patterns::{self, LONGEST_ENTRY, Listing, Loaded, Verdict};
use crate::haproxy::socket::Socket;

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

/// Compares the files with what the worker `pid` has loaded. `None` if another one answers.
/// A file is read before the entries are asked for, so that those of a worker that starts
/// meanwhile are never older.
pub(crate) fn compare(
    wanted: &Wanted,
    pid: u32,
    socket: &Socket,
) -> anyhow::Result<Option<Comparison>> {
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
        let Some(path) = wanted
            .files
            .iter()
            .find(|path| is_named(path, &loaded.name))
        else {
            continue;
        };
        let what = format!("{} {}", loaded.kind.name(), exit::escape(path.as_bytes()));
        if wanted.changes.has(&loaded.name) {
            let note = "a line of haproxy.cfg changes it at run time";
            comparison
                .notes
                .push(format!("{what} is not compared: {note}"));
            continue;
        }
        let content = read(path)?;
        if longest_line(&content) > LONGEST_ENTRY {
            let note = format!("a line has more than {LONGEST_ENTRY} bytes");
            comparison
                .notes
                .push(format!("{what} is not compared: {note}"));
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
pub(crate) fn unfollowed(
    wanted: &Wanted,
    pid: u32,
    socket: &Socket,
) -> anyhow::Result<Vec<String>> {
    let all = patterns::loaded(socket, pid)?
        .unwrap_or_default()
        .into_iter();
    let is_followed =
        |loaded: &Loaded| wanted.files.iter().any(|path| is_named(path, &loaded.name));
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

/// Whether a name in haproxy.cfg can be that of the file. Of a relative one nobody knows
/// where it begins.
fn is_named(path: &str, name: &str) -> bool {
    let mut kinds = ["file@", "opt@"].iter();
    let name = kinds
        .find_map(|kind| name.strip_prefix(kind))
        .unwrap_or(name);
    let (path, name) = (Path::new(path), Path::new(name));
    if name.is_relative() {
        let parts = name.components().filter(|part| *part != Component::CurDir);
        let name: PathBuf = parts.collect();
        return name.file_name().is_some() && path.ends_with(name);
    }
    path == name || matches!((path.canonicalize(), name.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Makes the worker take over the files that differ, and compares again.
pub(crate) fn take(
    wanted: &Wanted,
    pid: u32,
    socket: &Socket,
    tell: &mut dyn FnMut(&str, Instant),
) -> anyhow::Result<Taken> {
    let Some(before) = compare(wanted, pid, socket)? else {
        return Ok(Taken::Another);
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
    Ok(match compare(wanted, pid, socket)? {
        None => Taken::Another,
        Some(after) => match after.differing.into_iter().next() {
            None => Taken::Agrees { changed: true },
            Some(still) => Taken::Reload(format!("after it was replaced, still: {}", still.text)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_file_if_it_can_be() {
        let path = "/etc/haproxy/hosts.map";
        for name in [
            path,
            "hosts.map",
            "./haproxy/hosts.map",
            "file@/etc/haproxy/hosts.map",
            "opt@hosts.map",
        ] {
            assert!(is_named(path, name), "{name}");
        }
        for name in [
            "",
            ".",
            "osts.map",
            "../hosts.map",
            "/haproxy/hosts.map",
            "other/hosts.map",
            "virt@/etc/haproxy/hosts.map",
            "virt@hosts.map",
        ] {
            assert!(!is_named(path, name), "{name}");
        }
    }
}
