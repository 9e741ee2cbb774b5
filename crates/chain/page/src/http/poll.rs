//! When the cluster is read: once for all who look, and not at all while nobody does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::live::Hub;
use super::peers::{self, Answer};
use super::source::{Ask, Desk, FRESH, Source, Turn, What};
use crate::PROGRAM;

/// How often files are looked at while somebody looks.
const FILES: Duration = Duration::from_millis(100);

/// How often HAProxy is asked, if that costs it little.
const HAPROXY: Duration = Duration::from_millis(250);

/// How often it is asked at least, whatever that costs, and how often streams hear something.
const SECOND: Duration = Duration::from_secs(1);

/// The pause after a question, as a multiple of what the question and the reading of its answer
/// have cost: neither HAProxy nor we spend more than a hundredth of the time on it.
const COST: u32 = 100;

/// How often the other balancers are asked.
const PEERS: Duration = Duration::from_secs(2);

/// How long somebody who asks waits for HAProxy.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long he waits for the other balancers, of which one may be switched off.
const LESS_PATIENCE: Duration = Duration::from_millis(250);

/// For how long an answer of HAProxy's is worth something.
const WORTH: Duration = Duration::from_secs(5);

/// How long until HAProxy is asked again that has been asked, by what that has cost.
fn pause(cost: Duration) -> Duration {
    (cost * COST).clamp(HAPROXY, SECOND)
}

/// Something that is asked beside everything else, one question at a time.
struct Question<T> {
    task: Option<JoinHandle<T>>,
    asked_at: Option<Instant>,
    answered_at: Option<Instant>,
    /// How long the last answer took.
    cost: Duration,
}

impl<T> Question<T> {
    const fn new() -> Self {
        Self {
            task: None,
            asked_at: None,
            answered_at: None,
            cost: Duration::ZERO,
        }
    }

    fn ask(&mut self, task: JoinHandle<T>) {
        self.task = Some(task);
        self.asked_at = Some(Instant::now());
    }

    /// The answer, when it comes; never while nothing is asked.
    async fn answer(&mut self) -> anyhow::Result<T> {
        let Some(task) = &mut self.task else {
            return std::future::pending().await;
        };
        let answer = task.await;
        self.task = None;
        self.answered_at = Some(Instant::now());
        self.cost = self.waited();
        answer.context("a question ended without an answer")
    }

    /// How long ago it was asked.
    fn waited(&self) -> Duration {
        self.asked_at.map_or(Duration::MAX, |at| at.elapsed())
    }

    /// How old the answer is.
    fn age(&self) -> Duration {
        self.answered_at.map_or(Duration::MAX, |at| at.elapsed())
    }

    fn is_under_way(&self) -> bool {
        self.task.is_some()
    }

    /// When the next one is due.
    fn due(&self, pause: Duration) -> Option<Instant> {
        match (self.is_under_way(), self.asked_at) {
            (true, _) => None,
            (false, Some(at)) => Some(at + pause),
            (false, None) => Some(Instant::now()),
        }
    }

    /// Whether somebody who asks should wait a little more.
    fn is_worth_waiting_for(&self, patience: Duration) -> bool {
        self.is_under_way() && self.waited() < patience
    }
}

/// The one that reads.
pub(crate) struct Poller<S: Source> {
    /// Elsewhere while it reads.
    desk: Option<Desk<S>>,
    hub: Arc<Hub>,
    asks: mpsc::Receiver<Ask>,
    waiting: Vec<Ask>,
    haproxy: Question<S::Running>,
    running: Option<Arc<S::Running>>,
    has_news: bool,
    peers: Question<Vec<(String, Answer)>>,
    answers: Vec<(String, Answer)>,
    port: u16,
    looked_at: Option<Instant>,
    read_at: Option<Instant>,
    /// How long it took to read, and to say what is new.
    read_cost: Duration,
    beat_at: Option<Instant>,
    /// What was said last of what cannot be read.
    complaint: String,
}

impl<S: Source> Poller<S> {
    /// `port` is that of the other balancers' pages.
    pub(crate) fn new(source: S, hub: Arc<Hub>, asks: mpsc::Receiver<Ask>, port: u16) -> Self {
        Self {
            desk: Some(Desk::new(source, Arc::clone(&hub))),
            hub,
            asks,
            waiting: Vec::new(),
            haproxy: Question::new(),
            running: None,
            has_news: false,
            peers: Question::new(),
            answers: Vec::new(),
            port,
            looked_at: None,
            read_at: None,
            read_cost: Duration::ZERO,
            beat_at: None,
            complaint: String::new(),
        }
    }

    /// Reads for whoever asks or has a stream. It comes back with what makes that impossible.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        while self.wait().await? {
            self.begin();
            if self.is_time() {
                self.turn().await?;
            }
        }
        Ok(())
    }

    /// Waits until something is to be done; `false` when nobody can ask any more.
    async fn wait(&mut self) -> anyhow::Result<bool> {
        let next = self.next();
        tokio::select! {
            ask = self.asks.recv() => match ask {
                Some(ask) => self.waiting.push(ask),
                None => return Ok(false),
            },
            () = self.hub.opened() => {}
            answer = self.haproxy.answer() => {
                self.running = Some(Arc::new(answer?));
                self.has_news = true;
            }
            answers = self.peers.answer() => {
                self.answers = answers?;
                self.has_news |= !self.answers.is_empty();
            }
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
        while let Ok(ask) = self.asks.try_recv() {
            self.waiting.push(ask);
        }
        Ok(true)
    }

    /// When something is to be done at the latest.
    fn next(&self) -> Option<Instant> {
        if self.hub.is_watched() {
            let files = self.looked_at.map_or_else(Instant::now, |at| at + FILES);
            let haproxy = self.haproxy.due(self.pause());
            return Some(haproxy.map_or(files, |haproxy| haproxy.min(files)));
        }
        // Whoever asks waits for what is asked for him.
        let haproxy = self.haproxy.asked_at.map(|at| at + PATIENCE);
        let peers = self.peers.asked_at.map(|at| at + LESS_PATIENCE);
        let end = [haproxy, peers].into_iter().flatten().max();
        (!self.waiting.is_empty()).then(|| end.unwrap_or_else(Instant::now))
    }

    /// How long from one question to HAProxy to the next.
    fn pause(&self) -> Duration {
        pause(self.haproxy.cost + self.read_cost)
    }

    /// Asks HAProxy and the other balancers, where it is time for that.
    fn begin(&mut self) {
        let Some(desk) = &self.desk else { return };
        let (is_asked, is_watched) = (self.is_asked(), self.hub.is_watched());
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= Instant::now());
        let is_wanted = is_watched && is_due(self.haproxy.due(self.pause()));
        let is_old = is_asked && !is_watched && self.haproxy.age() >= FRESH;
        if is_wanted || (is_old && !self.haproxy.is_under_way()) {
            self.haproxy.ask(spawn_blocking(desk.source.question()));
        }
        if (is_watched || self.is_looked_at()) && is_due(self.peers.due(PEERS)) {
            let (balancers, port) = (spawn_blocking(desk.source.balancers()), self.port);
            let question =
                async move { peers::ask(balancers.await.unwrap_or_default(), port).await };
            self.peers.ask(tokio::spawn(question));
        }
    }

    /// Whether anybody waits for more than the nodes.
    fn is_asked(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|ask| ask.what != What::Agreement)
    }

    /// Whether anybody waits for what is shown of the other balancers.
    fn is_looked_at(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|ask| matches!(ask.what, What::Page | What::State))
    }

    /// Whether it is time to read, or to answer.
    fn is_time(&self) -> bool {
        if self.hub.is_watched() {
            let is_over = |at: Option<Instant>, pause| at.is_none_or(|at| at.elapsed() >= pause);
            return self.has_news || !self.waiting.is_empty() || is_over(self.looked_at, FILES);
        }
        let waits_for_haproxy = self.is_asked() && self.haproxy.is_worth_waiting_for(PATIENCE);
        let waits_for_peers = self.is_looked_at() && self.peers.is_worth_waiting_for(LESS_PATIENCE);
        !self.waiting.is_empty() && !waits_for_haproxy && !waits_for_peers
    }

    /// What HAProxy says, if that is still worth something.
    fn running(&self) -> Option<Arc<S::Running>> {
        let is_silent = self.haproxy.is_under_way() && self.haproxy.waited() >= SECOND;
        let is_worth = !is_silent && self.haproxy.age() < WORTH;
        self.running.clone().filter(|_| is_worth)
    }

    /// Reads and answers, in a place where that may take its time.
    async fn turn(&mut self) -> anyhow::Result<()> {
        let Some(mut desk) = self.desk.take() else {
            return Ok(());
        };
        let now = Instant::now();
        let is_over = |at: Option<Instant>| at.is_none_or(|at| now - at >= SECOND);
        let is_watched = self.hub.is_watched();
        let turn = Turn {
            running: self.running(),
            is_due: self.has_news || (is_watched && is_over(self.read_at)),
            is_watched,
            beats: is_watched && is_over(self.beat_at),
            answers: std::mem::take(&mut self.answers),
            asks: std::mem::take(&mut self.waiting),
        };
        self.has_news = false;
        self.looked_at = Some(now);
        let is_due = turn.is_due;
        if is_due {
            self.read_at = Some(now);
        }
        if turn.beats {
            self.beat_at = Some(now);
        }
        let work = spawn_blocking(move || {
            let done = desk.turn(turn);
            (desk, done)
        });
        let (desk, done) = work.await.context("what reads the cluster has ended")?;
        if is_due {
            self.read_cost = now.elapsed();
        }
        self.desk = Some(desk);
        self.complain(done);
        Ok(())
    }

    /// Says what cannot be read, once.
    fn complain(&mut self, done: anyhow::Result<()>) {
        let complaint = done.err().map(|error| format!("{error:#}"));
        let complaint = complaint.unwrap_or_default();
        if complaint != self.complaint && !complaint.is_empty() {
            exit::say(PROGRAM, &complaint);
        }
        self.complaint = complaint;
    }
}

#[cfg(test)]
mod tests;
