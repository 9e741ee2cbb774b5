//! What a page has said, in the order in which it did.

use std::time::Duration;

use harness::cluster::{BALANCER, Cluster};

use super::browser::{Browser, Look, PATIENCE};

/// Something that the page says otherwise than before.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When, in Unix milliseconds.
    pub(super) at: f64,
    /// `node`, `event`, `box`, `sentence` or `live`.
    pub(super) what: String,
    /// Of which of these.
    pub(super) id: String,
    /// Its state, kind or level.
    pub(super) state: String,
    /// All its words.
    pub(super) text: String,
}

/// The page of a balancer in a browser, as it has changed since it was opened.
pub(super) struct Watched {
    pub(super) browser: Browser,
}

impl Watched {
    /// Opens the page at `url`, which is live when this returns.
    pub(super) fn open(url: &str) -> Self {
        let browser = Browser::open(Look::WIDE);
        browser.go(url);
        let watched = Self { browser };
        watched.is_live(PATIENCE);
        watched
    }

    /// Opens the page of the balancer `ha`.
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self::open(&format!("http://{}/", cluster.at_port(BALANCER, 1940)))
    }

    #[track_caller]
    pub(super) fn is_live(&self, deadline: Duration) {
        let live = "document.documentElement.dataset.live === 'live'";
        self.browser
            .wait_until("the page to be live", deadline, live);
    }

    /// All that it has said since it was opened.
    pub(super) fn all(&self) -> Vec<Seen> {
        let record = self.browser.run("return window.record");
        let seen = record.as_array().into_iter().flatten().map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            Seen {
                at: it["t"].as_f64().unwrap(),
                what: text("what"),
                id: text("id"),
                state: text("state"),
                text: text("text"),
            }
        });
        seen.collect()
    }

    /// The states of a node in the order in which it had them.
    pub(super) fn states(&self, node: &str) -> Vec<String> {
        let of_node = self
            .all()
            .into_iter()
            .filter(|it| it.what == "node" && it.id == node);
        of_node.map(|it| it.state).collect()
    }

    /// Waits until it has said this of a node, and says when.
    #[track_caller]
    pub(super) fn node_is(&self, node: &str, state: &str, deadline: Duration) -> Seen {
        self.first(&format!("{node} to be {state}"), deadline, |it| {
            it.what == "node" && it.id == node && it.state == state
        })
    }

    /// Waits until it has told of an event of this kind, and says when.
    #[track_caller]
    pub(super) fn event(&self, kind: &str, word: &str, deadline: Duration) -> Seen {
        self.first(&format!("the event that {word} {kind}"), deadline, |it| {
            it.what == "event" && it.state == kind && it.text.contains(word)
        })
    }

    /// Waits until its sentence has had this word.
    #[track_caller]
    pub(super) fn sentence(&self, word: &str, deadline: Duration) -> Seen {
        self.first(&format!("the sentence to say {word}"), deadline, |it| {
            it.what == "sentence" && it.text.contains(word)
        })
    }

    /// Waits for the first that is such, and shows all where it does not come.
    #[track_caller]
    pub(super) fn first(
        &self,
        what: &str,
        deadline: Duration,
        is_it: impl Fn(&Seen) -> bool,
    ) -> Seen {
        let found = harness::wait::until(what, deadline, || self.all().into_iter().find(&is_it));
        found.unwrap_or_else(|error| panic!("{error}: {:#?}", self.all()))
    }

    /// Forgets what it has said.
    pub(super) fn forget(&self) {
        self.browser.run("window.record.length = 0");
    }
}
