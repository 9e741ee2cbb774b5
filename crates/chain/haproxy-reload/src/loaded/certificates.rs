//! Certificates, whose files others than haproxy-gen write.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use haproxy_config::hash_of;

use super::Taken;
use crate::file::certificates::{self as file, Certificate, State, Survey};
use crate::file::wanted::Wanted;
use crate::haproxy::certificates::{self as haproxy, Seen, Verdict};
use crate::haproxy::running::Running;
use haproxy_socket::Socket;

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
    /// What is wrong with one of the files. The others are taken over all the same.
    failed: Option<anyhow::Error>,
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

impl TryFrom<Comparison> for super::Loaded {
    type Error = anyhow::Error;

    fn try_from(comparison: Comparison) -> anyhow::Result<Self> {
        if let Some(error) = comparison.failed {
            return Err(error);
        }
        let texts = comparison.differing.into_iter();
        let texts = texts.map(|differing| differing.text);
        let reload = comparison.reload.map(|why| format!("reload, since {why}"));
        Ok(Self {
            next: texts.chain(reload).collect(),
            notes: comparison.notes,
        })
    }
}

/// Compares the files of the certificates that the worker has with those. What the worker was
/// told of them before tells which to read: none, if they are the same.
pub(crate) fn compare(
    by_config: &ByConfig,
    running: &Running,
    socket: &Socket,
) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::default();
    if running.certificates.is_empty() {
        return Ok(comparison);
    }
    let folders = comparison.folders(by_config, running);
    let (names, relative): (Vec<String>, Vec<String>) = running
        .certificates
        .iter()
        .cloned()
        .partition(|name| name.starts_with('/'));
    for name in relative {
        let why = if name.starts_with('@') {
            "only HAProxy knows which files its store has for it"
        } else {
            "only HAProxy knows in which folder it is"
        };
        comparison.omit(&name, why);
    }
    let at = now();
    let mut survey = file::survey(&names, &folders)?;
    comparison.failed = survey.failed.take();
    comparison.missing(&survey, &by_config.named);
    let seen = Seen::ask(socket)?;
    let is_same = seen.as_ref().is_some_and(|seen| seen.hash == survey.hash);
    if is_same && seen.as_ref().is_some_and(|seen| seen.lacking.is_empty()) {
        return Ok(comparison);
    }
    let times = Times::new(seen, is_same, running, at);
    let lacking = comparison.changed(&survey, &times, socket)?;
    comparison.seen = Some(Seen {
        hash: survey.hash,
        at,
        lacking,
    });
    Ok(comparison)
}

/// What haproxy.cfg says of certificates.
pub(crate) struct ByConfig {
    /// The files and folders of those for clients.
    named: Vec<String>,
    /// The size of HAProxy's buffers, if it is not the usual one.
    buffer: Option<u64>,
}

pub(crate) fn by_config(wanted: &Wanted) -> ByConfig {
    let base = wanted.certificate_base.as_deref();
    let listeners = wanted.listeners.iter();
    let names = listeners.flat_map(|listener| listener.certificates(base));
    let names = names.map(|name| name.trim_end_matches('/').to_owned());
    ByConfig {
        named: names.collect(),
        buffer: wanted.buffer,
    }
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

/// Whether the key stands beside the certificate, for `ssl-load-extra-del-ext`.
fn has_key_beside(path: &str) -> bool {
    Path::new(path).with_extension("key").is_file()
}

/// From which changes on the worker cannot have what stands in a file.
struct Times {
    /// A file that changed then or later is set again.
    set: u64,
    /// One that changed then or later, but before that, is compared.
    compare: u64,
    /// When it is.
    now: u64,
    /// The hashes of the paths of those that the worker lacks in any case.
    lacking: Vec<String>,
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
                now: now + COARSE,
                lacking: seen.lacking,
            },
            None => Self {
                set: started + SECOND,
                compare: started.saturating_sub(STARTING),
                now: now + COARSE,
                lacking: Vec::new(),
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

    fn omit_folder(&mut self, path: &str, why: &str) {
        let path = exit::escape(path.as_bytes());
        self.notes
            .push(format!("the folder {path} is not compared: {why}"));
    }

    /// The folders of certificates. A relative name that is none of a certificate is taken for
    /// one, and its place is not ours to guess: HAProxy has a working directory of its own.
    fn folders(&mut self, by_config: &ByConfig, running: &Running) -> Vec<String> {
        let is_file = |name: &&String| running.certificates.contains(*name);
        let (names, relative): (Vec<&String>, Vec<&String>) = by_config
            .named
            .iter()
            .filter(|name| !is_file(name))
            .partition(|name| name.starts_with('/'));
        for name in relative {
            self.omit_folder(name, "only HAProxy knows where it is");
        }
        // One that we may not look at may be a folder: whoever reads it tells why not.
        let may_be_folder = |name: &&String| match Path::new(name).metadata() {
            Ok(metadata) => metadata.is_dir(),
            Err(error) => !file::is_gone(&error),
        };
        names.into_iter().filter(may_be_folder).cloned().collect()
    }

    fn reload(&mut self, path: &str, what: &str) {
        let path = exit::escape(path.as_bytes());
        self.reload
            .get_or_insert(format!("the certificate {path} {what}"));
    }

    fn fail(&mut self, error: anyhow::Error) {
        self.failed.get_or_insert(error);
    }

    /// Looks which certificates came to a folder, went, or cannot be seen.
    fn missing(&mut self, survey: &Survey, named: &[String]) {
        if let Some(path) = survey.new.first() {
            self.reload(path, "is new");
        }
        for folder in &survey.denied {
            self.omit_folder(folder, "we may not read it");
        }
        for certificate in &survey.certificates {
            let path = &certificate.path;
            match certificate.state {
                State::There => {}
                State::Denied => self.omit(path, "we may not read it"),
                State::Gone if certificate.in_folder => self.reload(path, "is gone"),
                State::Gone if !has_folder(path) => self.omit(path, "its folder is not here"),
                State::Gone if named.contains(path) => self.fail(anyhow!(
                    "read {path}: there is no such file, and HAProxy goes on with what stood in it"
                )),
                State::Gone => self.omit(path, "there is no such file"),
            }
        }
    }

    /// Looks which files have changed, and compares those of which that is not known. Returns
    /// the hashes of the paths of those that cannot be read, or that no command takes over.
    fn changed(
        &mut self,
        survey: &Survey,
        times: &Times,
        socket: &Socket,
    ) -> anyhow::Result<Vec<String>> {
        let mut lacking = Vec::new();
        let read = self.read(survey, times, &mut lacking);
        let unsure = read.iter().filter(|(_, is_new, _)| !is_new);
        let unsure: Vec<&str> = unsure.map(|(it, ..)| it.path.as_str()).collect();
        let running = haproxy::fingerprints(socket, &unsure)?;
        for (it, is_new, content) in read {
            let is = file::fingerprint(&content);
            if !is_new && is.is_some() && is.as_ref() == running.get(&it.path) {
                continue;
            }
            let has_key = file::has_key(&content) || !has_key_beside(&it.path);
            if it.has_more || !has_key {
                lacking.push(hash_of(it.path.as_bytes()));
                let what = "has changed, or a file beside it that belongs to it";
                self.reload(&it.path, what);
                continue;
            }
            let path = exit::escape(it.path.as_bytes());
            self.differing.push(Differing {
                text: format!("certificate {path}: its file has changed"),
                path: it.path.clone(),
                content,
            });
        }
        Ok(lacking)
    }

    /// Reads the files that have changed, or may have. Of those that have, nothing else needs
    /// to be known. The hashes of the paths of those that cannot be read are added to
    /// `lacking`.
    fn read<'s>(
        &mut self,
        survey: &'s Survey,
        times: &Times,
        lacking: &mut Vec<String>,
    ) -> Vec<(&'s Certificate, bool, Vec<u8>)> {
        let mut read = Vec::new();
        for it in &survey.certificates {
            let hash = hash_of(it.path.as_bytes());
            // A time that is still to come says nothing of when the worker began.
            let is_since = (times.set..=times.now).contains(&it.changed);
            let is_new = is_since || times.lacking.contains(&hash);
            if it.state != State::There || !is_new && it.changed < times.compare {
                continue;
            }
            match file::read(&it.path) {
                Ok(Some(content)) => {
                    read.push((it, is_new, content));
                    continue;
                }
                Ok(None) => self.omit(&it.path, "we may not read it"),
                Err(error) => self.fail(error),
            }
            lacking.push(hash);
        }
        read
    }
}

/// Makes the worker take over the files that have changed. What commands can do is done even
/// where a reload is due: it may be refused, and a certificate ends at its day.
pub(crate) fn take(
    by_config: &ByConfig,
    running: &Running,
    socket: &Socket,
    tell: &mut dyn FnMut(&str, Instant),
) -> anyhow::Result<Taken> {
    let comparison = compare(by_config, running, socket)?;
    let mut first = comparison.failed.map_or(Ok(()), Err);
    let mut reload = comparison.reload;
    let mut set = Vec::new();
    if let Some(mut seen) = comparison.seen {
        let mut lacks = |path: &str| seen.lacking.push(hash_of(path.as_bytes()));
        for differing in &comparison.differing {
            let begin = Instant::now();
            let (path, text) = (&differing.path, &differing.text);
            let payload = file::payload(&differing.content);
            match haproxy::replace(socket, path, &payload, by_config.buffer) {
                Ok(Verdict::Taken) => {
                    tell(text, begin);
                    set.push(differing);
                }
                Ok(Verdict::Refused(words)) => {
                    lacks(path);
                    let why = "HAProxy refused it, and keeps the old one";
                    first = first.and(Err(anyhow!("{text}: {why}: {words}")));
                }
                Err(error) => {
                    lacks(path);
                    reload.get_or_insert(format!("{text}: {error:#}"));
                }
            }
        }
        for still in unlike(&set, socket)? {
            lacks(&still.path);
            reload.get_or_insert(format!("after it was set, still: {}", still.text));
        }
        seen.remember(socket)?;
    }
    first?;
    Ok(match reload {
        Some(why) => Taken::Reload(why),
        None => Taken::Agrees {
            changed: !set.is_empty(),
        },
    })
}

/// Those that the worker does not have although they were set.
fn unlike<'a>(set: &[&'a Differing], socket: &Socket) -> anyhow::Result<Vec<&'a Differing>> {
    let paths: Vec<&str> = set.iter().map(|it| it.path.as_str()).collect();
    let running = haproxy::fingerprints(socket, &paths)?;
    let is_unlike = |it: &&Differing| {
        let is = file::fingerprint(&it.content);
        is.is_some() && is.as_ref() != running.get(&it.path)
    };
    Ok(set.iter().copied().filter(is_unlike).collect())
}
