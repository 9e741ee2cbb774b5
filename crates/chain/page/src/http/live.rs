//! The streams: who gets them, and what they say.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};

use super::change::Change;
use super::stop;
use crate::render::Fragments;

/// The most streams at a time.
pub(crate) const MOST: usize = 64;

/// How many events a stream may be behind before it gets everything anew, and how many changes
/// are kept for pages that are a little older. They are kept once for all streams.
const BEHIND: usize = 32;

/// What a stream begins with: when a browser comes again after its end, in milliseconds.
const RETRY: &str = "retry: 500\n\n";

/// The state that all streams follow.
pub(crate) struct Hub {
    now: Mutex<Now>,
    places: Arc<Semaphore>,
    opened: Notify,
}

struct Now {
    version: u64,
    /// Tells the versions of this process from those of the one before it.
    start: String,
    as_of: String,
    fragments: Fragments,
    /// The last changes, each with the version that it makes, oldest first.
    changes: VecDeque<(u64, Bytes)>,
    events: broadcast::Sender<Bytes>,
}

impl Now {
    fn name(&self) -> String {
        format!("{}-{}", self.start, self.version)
    }

    fn beat(&self) -> Bytes {
        Bytes::from(format!("event: beat\ndata: {}\n\n", self.as_of))
    }

    fn whole(&self) -> Bytes {
        Bytes::from(Change::whole(&self.fragments).event(&self.name()))
    }

    /// What somebody needs who has the state of this name.
    fn since(&self, name: &str) -> Vec<Bytes> {
        if self.version == 0 {
            // The first state is made for whoever begins to look, and is a change for him.
            return Vec::new();
        }
        let number = name.strip_prefix(&self.start);
        let number = number.and_then(|it| it.strip_prefix('-')?.parse::<u64>().ok());
        let oldest = self.changes.front().map_or(self.version, |it| it.0 - 1);
        match number {
            Some(number) if (oldest..=self.version).contains(&number) => {
                let later = self.changes.iter().filter(|(made, _)| *made > number);
                later.map(|(_, event)| event.clone()).collect()
            }
            _ => vec![self.whole()],
        }
    }
}

impl Hub {
    /// `start` names this process.
    pub(crate) fn new(start: String) -> Self {
        let now = Now {
            version: 0,
            start,
            as_of: String::new(),
            fragments: Fragments::default(),
            changes: VecDeque::new(),
            events: broadcast::channel(BEHIND).0,
        };
        Self {
            now: Mutex::new(now),
            places: Arc::new(Semaphore::new(MOST)),
            opened: Notify::new(),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody looks.
    pub(crate) fn is_watched(&self) -> bool {
        self.places.available_permits() < MOST
    }

    /// Returns when somebody begins to look.
    pub(crate) async fn opened(&self) {
        self.opened.notified().await;
    }

    /// Takes a new state over, tells everybody what differs, and returns its name.
    pub(crate) fn publish(&self, fragments: Fragments, as_of: String) -> String {
        let mut now = self.now();
        now.as_of = as_of;
        if let Some(change) = Change::between(&now.fragments, &fragments) {
            now.version += 1;
            let event = Bytes::from(change.event(&now.name()));
            if now.changes.len() == BEHIND {
                now.changes.pop_front();
            }
            let version = now.version;
            now.changes.push_back((version, event.clone()));
            // It fails when nobody looks.
            let _ = now.events.send(event);
            now.fragments = fragments;
        }
        now.name()
    }

    /// Says that what is shown is as it was just now.
    pub(crate) fn beat(&self) {
        let now = self.now();
        let _ = now.events.send(now.beat());
    }

    /// A stream for somebody who has the state `from`; `None` if there are too many.
    pub(crate) fn open(self: &Arc<Self>, from: &str, stop: watch::Receiver<bool>) -> Option<Body> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (sender, receiver) = mpsc::channel(1);
        let feed = Feed {
            hub: Arc::clone(self),
            sender,
            _place: place,
        };
        let from = from.to_owned();
        tokio::spawn(async move {
            tokio::select! {
                () = feed.run(&from) => {}
                () = stop::told(stop) => {}
            }
        });
        self.opened.notify_one();
        Some(Body::new(Stream(receiver)))
    }
}

/// What fills a stream, as fast as it is read.
struct Feed {
    hub: Arc<Hub>,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// Returns when nobody reads any more.
    async fn run(&self, from: &str) {
        tokio::select! {
            _ = self.follow(from) => {}
            () = self.sender.closed() => {}
        }
    }

    /// `None` when nobody reads any more.
    async fn follow(&self, from: &str) -> Option<()> {
        self.say(Bytes::from_static(RETRY.as_bytes())).await?;
        let mut from = Some(from);
        loop {
            let (first, mut events) = self.join(from.take());
            for event in first {
                self.say(event).await?;
            }
            while let Ok(event) = events.recv().await {
                self.say(event).await?;
            }
            // It was read too slowly. What was missed is not made up for: the state is.
        }
    }

    /// What is to be said first, and what comes after that.
    fn join(&self, from: Option<&str>) -> (Vec<Bytes>, broadcast::Receiver<Bytes>) {
        let now = self.hub.now();
        let first = match from {
            Some(from) => now.since(from),
            None => vec![now.whole()],
        };
        (first, now.events.subscribe())
    }

    async fn say(&self, event: Bytes) -> Option<()> {
        self.sender.send(event).await.ok()
    }
}

/// The body of a stream's answer.
struct Stream(mpsc::Receiver<Bytes>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

#[cfg(test)]
mod tests;
