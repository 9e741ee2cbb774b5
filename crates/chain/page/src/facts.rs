//! What is known of the cluster at one moment, read from where it lies.
//!
//! What cannot be read is a fact as well, with its words. It is never taken for nothing.

mod folder;
mod haproxy;
mod notes;
mod services;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use journal::{Line, State};
use nodes::Listing;

pub(crate) use haproxy::{Haproxy, read as ask};
pub(crate) use services::Record;

use folder::Folder;
use notes::Notes;

/// Something that was read, or why it could not be.
pub(crate) type Fact<T> = Result<T, String>;

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The balancer's name.
    pub(crate) name: String,
    /// The folder with one file for each node, and the chain's state.
    pub(crate) nodes: PathBuf,
    /// The journal; `None` if none is kept.
    pub(crate) journal: Option<PathBuf>,
    /// HAProxy's socket for looking.
    pub(crate) socket: PathBuf,
    /// The folder of supervised services; `None` if they are not to be shown.
    pub(crate) services: Option<PathBuf>,
    /// How old the end of the last run may be; `None` if the chain has no runs of its own accord.
    pub(crate) patience: Option<Duration>,
}

/// All that was read at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The balancer's name.
    pub(crate) name: String,
    /// The moment, in Unix seconds.
    pub(crate) now: f64,
    /// How old the end of the last run may be.
    pub(crate) patience: Option<Duration>,
    /// What the last run left; `None` inside if no run is recorded.
    pub(crate) chain: Fact<Option<State>>,
    /// How long ago the last run ended; `None` if none has since the machine started.
    pub(crate) age: Option<Duration>,
    /// The folder of nodes.
    pub(crate) nodes: Fact<Arc<Listing>>,
    /// What HAProxy says.
    pub(crate) haproxy: Fact<Haproxy>,
    /// The last lines of the journal, oldest first.
    pub(crate) journal: Arc<Vec<Line>>,
    /// Why the journal cannot be read.
    pub(crate) journal_unread: Option<String>,
    /// The services of this balancer, in name order.
    pub(crate) services: Fact<Vec<Record>>,
}

/// Reads snapshots, one after the other, and keeps of each what the next one would only read
/// again.
#[derive(Debug)]
pub(crate) struct Reader {
    paths: Paths,
    folder: Folder,
    notes: Notes,
}

impl Reader {
    /// A reader of these places, of which none need be there.
    pub(crate) fn new(paths: &Paths) -> Self {
        Self {
            paths: paths.clone(),
            folder: Folder::new(&paths.nodes),
            notes: Notes::new(paths.journal.as_deref()),
        }
    }

    /// Reads everything. It takes milliseconds, and a second where HAProxy is silent.
    pub(crate) fn read(&mut self) -> Snapshot {
        let haproxy = ask(&self.paths.socket);
        self.read_beside(haproxy)
    }

    /// Reads everything but HAProxy, which has been asked just before. It takes milliseconds.
    pub(crate) fn read_beside(&mut self, haproxy: Fact<Haproxy>) -> Snapshot {
        let paths = &self.paths;
        let moment = SystemTime::now();
        // Behind HAProxy, which can take its time: what is done within it is seen.
        let chain = State::read(&paths.nodes).map_err(|error| format!("{error:#}"));
        let age = chain.as_ref().ok().and_then(Option::as_ref);
        let age = age.and_then(State::age);
        let nodes = self.folder.read(moment);
        // A node's file goes before the journal says why.
        let journal_unread = self.notes.read();
        Snapshot {
            name: paths.name.clone(),
            now: unix(moment),
            patience: paths.patience,
            chain,
            age,
            nodes,
            haproxy,
            journal: self.notes.lines(),
            journal_unread,
            services: services::read(paths.services.as_deref(), moment),
        }
    }

    /// Reads the nodes alone.
    pub(crate) fn nodes(&mut self) -> Fact<Arc<Listing>> {
        self.folder.read(SystemTime::now())
    }
}

/// Unix seconds, as the chain writes its times.
fn unix(moment: SystemTime) -> f64 {
    let since = moment.duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
