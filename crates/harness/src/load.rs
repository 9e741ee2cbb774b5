//! Requests at a steady rate, by threads that take turns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::http::{Connection, Failure};

mod report;
#[cfg(test)]
mod tests;

pub use report::Report;

/// So many requests can wait for an answer before those that follow are late.
const WORKERS: u32 = 32;

/// What becomes of a connection after its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// It serves the next one.
    KeepAlive,
    /// It ends.
    Close,
    /// Of one half of the connections this, of the other that.
    Both,
}

impl Connections {
    fn kept_by(self, worker: u32) -> bool {
        match self {
            Self::KeepAlive => true,
            Self::Close => false,
            Self::Both => worker.is_multiple_of(2),
        }
    }
}

/// A load to put on a server: `GET /` so many times a second.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Whom to ask.
    pub address: SocketAddr,
    /// Requests a second.
    pub rate: u32,
    /// Over which connections.
    pub connections: Connections,
}

impl Load {
    /// Begins to ask.
    #[must_use]
    pub fn start(self) -> Running {
        let schedule = Arc::new(Schedule::new(self.rate));
        let workers = (0..WORKERS)
            .map(|number| {
                let schedule = Arc::clone(&schedule);
                let mut worker = Worker::new(self, self.connections.kept_by(number));
                thread::spawn(move || worker.work(&schedule))
            })
            .collect();
        Running { schedule, workers }
    }

    /// Asks for that long, and says how it went.
    #[must_use]
    pub fn run_for(self, duration: Duration) -> Report {
        let running = self.start();
        park_until(Instant::now() + duration, || false);
        running.stop()
    }
}

/// A load that is on.
#[derive(Debug)]
pub struct Running {
    schedule: Arc<Schedule>,
    workers: Vec<JoinHandle<Report>>,
}

impl Running {
    /// How many requests were begun so far.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.schedule.next.load(Ordering::Relaxed)
    }

    /// Ends it, when what is under way has its answer, and says how it went.
    ///
    /// # Panics
    /// When a thread of the client did.
    #[must_use]
    pub fn stop(self) -> Report {
        self.schedule.over.store(true, Ordering::Relaxed);
        for worker in &self.workers {
            worker.thread().unpark();
        }
        let mut report = Report::default();
        for worker in self.workers {
            report.add(worker.join().expect("a thread of the client"));
        }
        report.sort();
        report
    }
}

/// Which request is due when.
#[derive(Debug)]
struct Schedule {
    start: Instant,
    rate: u32,
    next: AtomicU64,
    over: AtomicBool,
}

impl Schedule {
    fn new(rate: u32) -> Self {
        Self {
            start: Instant::now(),
            rate: rate.max(1),
            next: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Waits until the next request is due; `None` when it is over.
    fn next(&self) -> Option<Instant> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = number.saturating_mul(1_000_000_000) / u64::from(self.rate);
        let due = self.start + Duration::from_nanos(nanoseconds);
        park_until(due, || self.over.load(Ordering::Relaxed)).then_some(due)
    }
}

/// Whether the time came before it was over.
fn park_until(due: Instant, over: impl Fn() -> bool) -> bool {
    while !over() {
        match due.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => thread::park_timeout(left),
            _ => return true,
        }
    }
    false
}

/// A thread with a connection of its own.
struct Worker {
    load: Load,
    keep: bool,
    connection: Option<Connection>,
}

impl Worker {
    fn new(load: Load, keep: bool) -> Self {
        Self {
            load,
            keep,
            connection: None,
        }
    }

    fn work(&mut self, schedule: &Schedule) -> Report {
        let mut report = Report::default();
        while let Some(due) = schedule.next() {
            let outcome = self.ask(Instant::now());
            let after = due.saturating_duration_since(schedule.start);
            report.count(outcome, after, due.elapsed());
        }
        report
    }

    fn ask(&mut self, start: Instant) -> Result<(), Failure> {
        let mut connection = match self.connection.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(self.load.address, start)?,
        };
        let response = connection.get("/", self.keep, start)?;
        if self.keep && !response.closes() {
            self.connection = Some(connection);
        }
        if (200..400).contains(&response.status) {
            Ok(())
        } else {
            Err(Failure::Status(response.status))
        }
    }
}
