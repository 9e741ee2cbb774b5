//! Certificates, whose files others than haproxy-gen write.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{anyhow, bail};
use haproxy_config::hash_of;

use super::Taken;
use crate::file::certificates::{self as file, State, Survey};
use crate::file::wanted::Wanted;
use crate::haproxy::certificates::{self as haproxy, Seen, Verdict};
use crate::haproxy::running::Running;
use crate::haproxy::socket::Socket;

/// By how much the kernel's time of a change can be behind, in milliseconds.
const COARSE: u64 = 20;
/// HAProxy tells its age in whole seconds, and reads its files some time after its start.
const SECOND: u64 = 1_000;
const STARTING: u64 = 3 * SECOND;

/// How the files differ from what the worker has.
#[derive(Default)]
pub(crate) struct Comparison {
    /// Why only a reload can take them over.
    reload: Option<String>,
    differing: Vec<Differing>,
    /// What is not compared.
    notes: Vec<String>,
    /// What the worker is to be told when it has them all; `None` if it knows.
    seen: Option<Seen>,
}

/// A certificate that differs from its file, or may.
struct Differing {
    path: String,
    content: Vec<u8>,
    text: String,
}

impl From<Comparison> for super::Loaded {
    fn from(comparison: Comparison) -> Self {
        let texts = comparison.differing.into_iter();
        let texts = texts.map(|differing| differing.text);
        let reload = comparison.reload.map(|why| format!("reload, since {why}"));
        Self {
            next: texts.chain(reload).collect(),
            notes: comparison.notes,
        }
    }
}

/// Compares the files of the certificates that the worker has with those. What the worker was
/// told of them before tells which to read: none, if they are the same.
pub(crate) fn compare(
    wanted: &Wanted,
    running: &Running,
    socket: &Socket,
) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::default();
    if running.certificates.is_empty() {
        return Ok(comparison);
    }
    let by_config = named(wanted);
    let folders: Vec<String> = by_config
        .iter()
        .filter(|name| Path::new(name).is_dir())
        .cloned()
        .collect();
    let (names, relative): (Vec<String>, Vec<String>) = running
        .certificates
        .iter()
        .filter(|name| !name.starts_with('@'))
        .cloned()
        .partition(|name| name.starts_with('/'));
    for name in relative {
        comparison.omit(&name, "only HAProxy knows in which folder it is");
    }
    let at = now();
    let survey = file::survey(&names, &folders)?;
    comparison.missing(&survey, &by_config)?;
    let seen = Seen::ask(socket)?;
    let is_same = seen.as_ref().is_some_and(|seen| seen.hash == survey.hash);
    if is_same && seen.as_ref().is_some_and(|seen| seen.refused.is_empty()) {
        return Ok(comparison);
    }
    comparison.changed(&survey, &Times::new(seen, is_same, running, at), socket)?;
    comparison.seen = Some(Seen {
        hash: survey.hash,
        at,
        refused: Vec::new(),
    });
    Ok(comparison)
}

/// The files and folders that haproxy.cfg names for its clients.
fn named(wanted: &Wanted) -> Vec<String> {
    let base = wanted.certificate_base.as_deref();
    let listeners = wanted.listeners.iter();
    let names = listeners.flat_map(|listener| listener.certificates(base));
    names
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = since.map_or(0, |since| since.as_millis());
    milliseconds.try_into().unwrap_or(u64::MAX)
}

/// Whether we see where the file stands. HAProxy can run in a container of its own.
fn has_folder(path: &str) -> bool {
    Path::new(path).parent().is_some_and(Path::is_dir)
}

/// From which changes on the worker cannot have what stands in a file.
struct Times {
    /// A file that changed then or later is set again.
    set: u64,
    /// One that changed then or later, but before that, is compared.
    compare: u64,
    /// The hashes of the paths of those that were refused.
    refused: Vec<String>,
}

impl Times {
    fn new(seen: Option<Seen>, is_same: bool, running: &Running, now: u64) -> Self {
        let started = now.saturating_sub(running.uptime.saturating_mul(SECOND));
        match seen {
            // The time of a change says little where a link leads to another file.
            Some(seen) => Self {
                set: if is_same {
                    u64::MAX
                } else {
                    seen.at.saturating_sub(COARSE)
                },
                compare: if is_same { u64::MAX } else { 0 },
                refused: seen.refused,
            },
            None => Self {
                set: started + SECOND,
                compare: started.saturating_sub(STARTING),
                refused: Vec::new(),
            },
        }
    }
}

impl Comparison {
    fn omit(&mut self, path: &str, why: &str) {
        let path = exit::escape(path.as_bytes());
        self.notes
            .push(format!("certificate {path} is not compared: {why}"));
    }

    fn reload(&mut self, path: &str, what: &str) {
        let path = exit::escape(path.as_bytes());
        self.reload
            .get_or_insert(format!("the certificate {path} {what}"));
    }

    /// Looks which certificates came to a folder, went, or cannot be seen.
    fn missing(&mut self, survey: &Survey, named: &[String]) -> anyhow::Result<()> {
        if let Some(path) = survey.new.first() {
            self.reload(path, "is new");
        }
        for certificate in &survey.certificates {
            let path = &certificate.path;
            match certificate.state {
                State::There => {}
                State::Denied => self.omit(path, "we may not read it"),
                State::Gone if certificate.in_folder => self.reload(path, "is gone"),
                State::Gone if !has_folder(path) => self.omit(path, "its folder is not here"),
                State::Gone if named.contains(path) => {
                    bail!(
                        "read {path}: there is no such file, and HAProxy goes on with what stood in it"
                    )
                }
                State::Gone => self.omit(path, "there is no such file"),
            }
        }
        Ok(())
    }

    /// Looks which files have changed, and compares those of which that is not known.
    fn changed(&mut self, survey: &Survey, times: &Times, socket: &Socket) -> anyhow::Result<()> {
        let mut read = Vec::new();
        for it in &survey.certificates {
            let is_new =
                it.changed >= times.set || times.refused.contains(&hash_of(it.path.as_bytes()));
            if it.state != State::There || !is_new && it.changed < times.compare {
                continue;
            }
            match file::read(&it.path)? {
                Some(content) => read.push((it, is_new, content)),
                None => self.omit(&it.path, "we may not read it"),
            }
        }
        let unsure = read.iter().filter(|(_, is_new, _)| !is_new);
        let unsure: Vec<&str> = unsure.map(|(it, ..)| it.path.as_str()).collect();
        let running = haproxy::fingerprints(socket, &unsure)?;
        for (it, is_new, content) in read {
            let is = file::fingerprint(&content);
            if !is_new && is.is_some() && is.as_ref() == running.get(&it.path) {
                continue;
            }
            if it.has_more {
                self.reload(
                    &it.path,
                    "has changed, or a file beside it that belongs to it",
                );
                continue;
            }
            let path = exit::escape(it.path.as_bytes());
            self.differing.push(Differing {
                text: format!("certificate {path}: its file has changed"),
                path: it.path.clone(),
                content,
            });
        }
        Ok(())
    }
}

/// Makes the worker take over the files that have changed.
pub(crate) fn take(
    wanted: &Wanted,
    running: &Running,
    socket: &Socket,
    tell: &mut dyn FnMut(&str, Instant),
) -> anyhow::Result<Taken> {
    let comparison = compare(wanted, running, socket)?;
    if let Some(why) = comparison.reload {
        return Ok(Taken::Reload(why));
    }
    let Some(mut seen) = comparison.seen else {
        return Ok(Taken::Agrees { changed: false });
    };
    let mut first = Ok(());
    let mut set = Vec::new();
    for differing in &comparison.differing {
        let Differing {
            path,
            content,
            text,
        } = differing;
        let begin = Instant::now();
        match haproxy::replace(socket, path, &file::payload(content)) {
            Ok(Verdict::Taken) => {
                tell(text, begin);
                set.push(differing);
            }
            Ok(Verdict::Refused(words)) => {
                seen.refused.push(hash_of(path.as_bytes()));
                let why = "HAProxy refused it, and keeps the old one";
                first = first.and(Err(anyhow!("{text}: {why}: {words}")));
            }
            Err(error) => return Ok(Taken::Reload(format!("{text}: {error:#}"))),
        }
    }
    if let Some(still) = unlike(&set, socket)? {
        return Ok(Taken::Reload(format!(
            "after it was set, still: {}",
            still.text
        )));
    }
    seen.remember(socket)?;
    first.map(|()| Taken::Agrees {
        changed: !set.is_empty(),
    })
}

/// One that the worker does not have although it was set.
fn unlike<'a>(set: &[&'a Differing], socket: &Socket) -> anyhow::Result<Option<&'a Differing>> {
    let paths: Vec<&str> = set.iter().map(|it| it.path.as_str()).collect();
    let running = haproxy::fingerprints(socket, &paths)?;
    let is_unlike = |it: &&Differing| {
        let is = file::fingerprint(&it.content);
        is.is_some() && is.as_ref() != running.get(&it.path)
    };
    Ok(set.iter().copied().find(is_unlike))
}
