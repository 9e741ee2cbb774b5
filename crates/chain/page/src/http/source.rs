//! What the page is made of. All of it may block, so that it runs in a place of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::live::Hub;
use super::peers::Answer;
use crate::render::Fragments;

/// For how long what was read is good enough for somebody who asks for it.
pub(crate) const FRESH: Duration = Duration::from_millis(200);

/// What reads the cluster, and makes of it what is served.
pub(crate) trait Source: Send + 'static {
    /// What HAProxy says.
    type Running: Send + Sync + 'static;

    /// What asks HAProxy. It runs beside everything else, since HAProxy may keep it waiting.
    fn question(&self) -> Box<dyn FnOnce() -> Self::Running + Send>;

    /// Another value than before where a file has changed.
    fn stamp(&self) -> Vec<Stamp>;

    /// Reads the files, and makes the next state of them and of what HAProxy says: `None` if
    /// it does not answer.
    fn read(
        &mut self,
        running: Option<&Self::Running>,
        answers: Vec<(String, Answer)>,
    ) -> anyhow::Result<()>;

    /// When it was read, for a person.
    fn as_of(&self) -> String;

    /// The parts of the page as it was read.
    fn fragments(&self) -> anyhow::Result<Fragments>;

    /// The whole page as it was read; streams call it `version`.
    fn page(&self, version: &str) -> anyhow::Result<String>;

    /// What was read, as JSON.
    fn state(&self) -> anyhow::Result<String>;

    /// What was read, as metrics.
    fn metrics(&self) -> anyhow::Result<String>;

    /// The nodes, as other balancers ask for them. This reads them anew, and nothing else.
    fn agreement(&mut self) -> anyhow::Result<String>;

    /// What reads the other balancers' addresses.
    fn balancers(&self) -> Box<dyn FnOnce() -> Vec<(String, IpAddr)> + Send>;
}

/// What changes with a file: its number, size and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    /// That of the file or folder at `path`; one that is not there has one too.
    pub(crate) fn of(path: &Path) -> Self {
        let found = std::fs::metadata(path).ok();
        Self(found.map(|it| (it.ino(), it.size(), it.mtime(), it.mtime_nsec())))
    }
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Page,
    State,
    Metrics,
    Agreement,
}

/// Somebody who asks.
pub(crate) struct Ask {
    pub(crate) what: What,
    pub(crate) reply: oneshot::Sender<anyhow::Result<Bytes>>,
}

/// What is to be done at once.
pub(crate) struct Turn<R> {
    /// What HAProxy says.
    pub(crate) running: Option<Arc<R>>,
    /// Whether it is to be read even if no file has changed.
    pub(crate) is_due: bool,
    /// Whether anybody has a stream.
    pub(crate) is_watched: bool,
    /// Whether streams are to hear that all is as they know it.
    pub(crate) beats: bool,
    /// New answers of other balancers.
    pub(crate) answers: Vec<(String, Answer)>,
    pub(crate) asks: Vec<Ask>,
}

/// A source, and what was made of what it has read last.
pub(crate) struct Desk<S> {
    pub(crate) source: S,
    hub: Arc<Hub>,
    stamp: Vec<Stamp>,
    read_at: Option<Instant>,
    /// The name of the state, once it was published.
    version: Option<String>,
    made: BTreeMap<What, (Instant, Bytes)>,
}

impl<S: Source> Desk<S> {
    pub(crate) fn new(source: S, hub: Arc<Hub>) -> Self {
        Self {
            source,
            hub,
            stamp: Vec::new(),
            read_at: None,
            version: None,
            made: BTreeMap::new(),
        }
    }

    /// Does what is to be done; the error is of what was read for nobody in particular.
    pub(crate) fn turn(&mut self, turn: Turn<S::Running>) -> anyhow::Result<()> {
        let done = self.look(&turn);
        if done.is_ok() && turn.beats {
            self.hub.beat();
        }
        for Ask { what, reply } in turn.asks {
            // It fails when nobody waits for it any more.
            let _ = reply.send(self.answer(what));
        }
        done
    }

    fn look(&mut self, turn: &Turn<S::Running>) -> anyhow::Result<()> {
        // It is taken before the files are read: what changes meanwhile is read again.
        let stamp = self.source.stamp();
        let is_asked = turn.asks.iter().any(|ask| ask.what != What::Agreement);
        let is_old = self.read_at.is_none_or(|at| at.elapsed() >= FRESH);
        let is_changed = stamp != self.stamp;
        if turn.is_due || (is_asked && is_old) || (is_changed && (is_asked || turn.is_watched)) {
            self.made.clear();
            self.version = None;
            self.stamp = stamp;
            let answers = turn.answers.clone();
            self.source.read(turn.running.as_deref(), answers)?;
            self.read_at = Some(Instant::now());
            if turn.is_watched {
                self.publish()?;
            }
        }
        Ok(())
    }

    fn publish(&mut self) -> anyhow::Result<String> {
        let fragments = self.source.fragments()?;
        let version = self.hub.publish(fragments, self.source.as_of());
        self.version = Some(version.clone());
        Ok(version)
    }

    fn answer(&mut self, what: What) -> anyhow::Result<Bytes> {
        if let Some((at, bytes)) = self.made.get(&what)
            && (what != What::Agreement || at.elapsed() < FRESH)
        {
            return Ok(bytes.clone());
        }
        let text = match what {
            What::Page => {
                let version = self.version.clone();
                let version = version.map_or_else(|| self.publish(), Ok)?;
                self.source.page(&version)
            }
            What::State => self.source.state(),
            What::Metrics => self.source.metrics(),
            What::Agreement => self.source.agreement(),
        };
        let bytes = Bytes::from(text?);
        self.made.insert(what, (Instant::now(), bytes.clone()));
        Ok(bytes)
    }
}
