//! What is known of the settings that the running servers have. HAProxy does not tell
//! them, so they are those of the file from which they were made.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use haproxy_config::{Backend, Settings};

use crate::file::wanted::{Identity, Wanted};
use crate::haproxy::made::{Made, hash_of_settings};
use crate::haproxy::running::{Running, State};

/// The settings of the running servers.
pub(crate) struct Known<'a> {
    /// The files that have the settings of the servers that run.
    sources: Vec<&'a Wanted>,
    /// All files that are known.
    files: Vec<&'a Wanted>,
    /// What the worker keeps: the settings of those that left, or that were added since.
    made: Made,
    /// The servers that others track, as `BACKEND/NAME`, with whether some of those would lose
    /// requests by their maintenance. Those that leave themselves and would not do not count.
    tracked: BTreeMap<String, bool>,
}

/// What is known of the settings of one server.
pub(crate) enum Its<'a> {
    These(&'a Settings),
    Hash(String),
    Unknown,
}

impl<'a> Known<'a> {
    /// `good` is the last file that HAProxy took.
    pub(crate) fn new(wanted: &'a Wanted, good: Option<&'a Wanted>, running: &Running) -> Self {
        if let Identity::Hash(_) = wanted.identity {
            // Such a file is compared as a whole.
            return Self {
                sources: vec![wanted],
                files: vec![wanted],
                made: Made {
                    servers: String::new(),
                    exceptions: Some(BTreeMap::new()),
                },
                tracked: tracked(wanted, &[wanted]),
            };
        }
        let began = || running.fingerprint.as_ref().map(|it| it.servers.clone());
        let made = running.made.clone().unwrap_or_else(|| Made {
            servers: began().unwrap_or_default(),
            exceptions: Some(BTreeMap::new()),
        });
        let is_source = |file: &&Wanted| match &file.identity {
            Identity::Fingerprint(print) => print.servers == made.servers,
            Identity::Hash(_) => false,
        };
        let files: Vec<&Wanted> = [Some(wanted), good].into_iter().flatten().collect();
        Self {
            sources: files.iter().copied().filter(is_source).collect(),
            tracked: tracked(wanted, &files),
            files,
            made,
        }
    }

    /// Whether it is known from which file the servers were made.
    pub(crate) fn has_source(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Whether servers track this one that stay, or that would lose requests by its
    /// maintenance.
    pub(crate) fn is_tracked(&self, id: &str) -> bool {
        self.tracked.contains_key(id)
    }

    /// Whether servers would lose requests by the maintenance of this one, which they track.
    pub(crate) fn ends_requests_of_others(&self, id: &str) -> bool {
        self.tracked.get(id).copied().unwrap_or(false)
    }

    /// What is known of the servers of one backend.
    pub(crate) fn in_backend<'k>(&'k self, backend: &'k str) -> InBackend<'k> {
        let sections = |files: &[&'k Wanted]| {
            let sections = files.iter();
            sections
                .filter_map(|file| file.backends.get(backend))
                .collect()
        };
        InBackend {
            name: backend,
            sections: sections(&self.sources),
            all: sections(&self.files),
            kept: self.made.exceptions.as_ref(),
            usual: OnceCell::new(),
        }
    }

    /// What is to be remembered before those servers are added that do not run: the
    /// settings of each of which it would else be thought that they are others. `None` if
    /// there are none.
    pub(crate) fn adding(&self, wanted: &Wanted, running: &Running) -> Option<Made> {
        let Identity::Fingerprint(_) = &wanted.identity else {
            return None;
        };
        let mut made = self.made.clone();
        let mut is_more = false;
        for (name, backend) in &wanted.backends {
            let known = self.in_backend(name);
            if known.is_exactly(backend) {
                continue;
            }
            let runs = running.backends.get(name);
            for (server, its) in &backend.servers {
                let is_new = runs.is_none_or(|runs| !runs.contains_key(server));
                if is_new && known.of(server).differ(&its.settings) {
                    let hash = hash_of_settings(&its.settings.words);
                    made.exceptions
                        .as_mut()?
                        .insert(format!("{name}/{server}"), hash);
                    is_more = true;
                }
            }
        }
        is_more.then_some(made)
    }

    /// What is to be remembered when HAProxy agrees with the file `wanted`.
    pub(crate) fn made(&self, wanted: &Wanted, running: &Running) -> Option<Made> {
        let Identity::Fingerprint(print) = &wanted.identity else {
            return None;
        };
        let mut exceptions = BTreeMap::new();
        for (name, backend) in &wanted.backends {
            let usual = usual(backend).map(|usual| usual.words.as_str());
            let known = self.in_backend(name);
            for (server, _) in gone(backend, running.backends.get(name)) {
                let hash = match known.of(server) {
                    Its::These(settings) if Some(settings.words.as_str()) == usual => continue,
                    Its::These(settings) => hash_of_settings(&settings.words),
                    Its::Hash(hash) => hash,
                    Its::Unknown => "-".to_owned(),
                };
                exceptions.insert(format!("{name}/{server}"), hash);
            }
        }
        Some(Made {
            servers: print.servers.clone(),
            exceptions: Some(exceptions),
        })
    }
}

/// What is known of the servers of one backend.
pub(crate) struct InBackend<'k> {
    name: &'k str,
    /// The section in the files that have the settings.
    sections: Vec<&'k Backend>,
    /// The section in all files that are known.
    all: Vec<&'k Backend>,
    kept: Option<&'k BTreeMap<String, String>>,
    /// The settings that most of its servers have, which takes a look at all of them.
    usual: OnceCell<Option<&'k Settings>>,
}

impl<'k> InBackend<'k> {
    /// Whether all running servers that are in `wanted` have the settings that they have
    /// there.
    pub(crate) fn is_exactly(&self, wanted: &Backend) -> bool {
        let first = self.sections.first();
        self.kept.is_some_and(BTreeMap::is_empty)
            && first.is_some_and(|section| std::ptr::eq(*section, wanted))
    }

    /// `BACKEND/NAME`.
    pub(crate) fn id(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// The settings of a running server.
    pub(crate) fn of(&self, name: &str) -> Its<'k> {
        let Some(kept) = self.kept else {
            return self.named(name).map_or(Its::Unknown, Its::These);
        };
        let hash = || kept.get(&self.id(name));
        if !kept.is_empty()
            && let Some(hash) = hash()
        {
            return Its::Hash(hash.clone());
        }
        let its = self.named(name).or_else(|| self.usual());
        its.map_or(Its::Unknown, Its::These)
    }

    /// Whether HAProxy may end the requests of this server when it goes into maintenance.
    pub(crate) fn ends_requests(&self, its: &Its) -> bool {
        if let Its::These(settings) = its {
            return settings.ends_requests;
        }
        let mut servers = self.all.iter().flat_map(|section| section.servers.values());
        servers.clone().next().is_none() || servers.any(|server| server.settings.ends_requests)
    }

    fn named(&self, name: &str) -> Option<&'k Settings> {
        let mut sections = self.sections.iter();
        let server = sections.find_map(|section| section.servers.get(name));
        server.map(|server| server.settings.as_ref())
    }

    fn usual(&self) -> Option<&'k Settings> {
        let find = || self.sections.iter().find_map(|section| usual(section));
        *self.usual.get_or_init(find)
    }
}

/// Who is tracked in these files by a server that is also in `wanted`, or that would lose
/// requests; see [`Known`].
fn tracked(wanted: &Wanted, files: &[&Wanted]) -> BTreeMap<String, bool> {
    let mut tracked = BTreeMap::new();
    for (name, backend) in files.iter().flat_map(|file| &file.backends) {
        for (server, its) in &backend.servers {
            let Some(track) = &its.settings.track else {
                continue;
            };
            let of_wanted = wanted.backends.get(name);
            let stays = of_wanted.is_some_and(|it| it.servers.contains_key(server));
            let ends_requests = its.settings.ends_requests;
            if stays || ends_requests {
                let id = if track.contains('/') {
                    track.clone()
                } else {
                    format!("{name}/{track}")
                };
                *tracked.entry(id).or_default() |= ends_requests;
            }
        }
    }
    tracked
}

/// The running servers that are not in the file.
fn gone<'r>(
    backend: &Backend,
    running: Option<&'r BTreeMap<String, State>>,
) -> impl Iterator<Item = (&'r String, &'r State)> {
    let running = running.into_iter().flatten();
    running
        .filter(|(name, _)| !backend.servers.contains_key(*name) && backend.is_odd(name).is_none())
}

/// The settings that most servers of the backend have, as the fingerprint counts them.
fn usual(backend: &Backend) -> Option<&Settings> {
    let mut counts: BTreeMap<&str, (usize, &Settings)> = BTreeMap::new();
    for server in backend.servers.values() {
        let words = server.settings.words.as_str();
        counts.entry(words).or_insert((0, &server.settings)).0 += 1;
    }
    let most = counts.into_values().max_by_key(|(count, _)| *count);
    most.map(|(_, settings)| settings)
}

/// Two texts without the words with which both begin, and those with which both end.
fn without_common(one: &str, other: &str) -> (String, String) {
    let (one, other): (Vec<&str>, Vec<&str>) =
        (one.split(' ').collect(), other.split(' ').collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let begin = one.iter().zip(&other).take_while(same).count();
    let (one, other) = (&one[begin..], &other[begin..]);
    let end = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(same)
        .count();
    let rest = |words: &[&str]| words[..words.len() - end].join(" ");
    (rest(one), rest(other))
}

impl Its<'_> {
    /// Which settings differ, if these are known.
    pub(crate) fn told(&self, wanted: &Settings) -> String {
        match self {
            Self::These(settings) => {
                let (is, was) = without_common(&wanted.words, &settings.words);
                format!(": `{is}` was `{was}`")
            }
            Self::Hash(_) | Self::Unknown => String::new(),
        }
    }

    /// Whether these are other settings than `wanted`, or may be.
    pub(crate) fn differ(&self, wanted: &Settings) -> bool {
        match self {
            Self::These(settings) => settings.words != wanted.words,
            Self::Hash(hash) => *hash != hash_of_settings(&wanted.words),
            Self::Unknown => true,
        }
    }
}
