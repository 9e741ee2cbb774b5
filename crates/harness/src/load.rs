//! A client that asks at a steady rate, by threads that take turns, and counts whatever
//! goes wrong.
//!
//! Its latencies are counted from the moment when a request was due, so an answer that
//! takes long counts for all requests that it delays.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::http::{Connection, Failure, Request};

mod report;
#[cfg(test)]
mod tests;

pub use report::{Mishap, Report};

/// A request that has no answer by then has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many requests can wait for an answer at the same time where nobody says otherwise.
const WORKERS: u32 = 32;

/// What becomes of a connection after its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// It serves the next one.
    KeepAlive,
    /// It ends.
    Close,
    /// One half of them serve on, the others end.
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

/// A load to put on a server: a request for `/` so many times a second.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Whom to ask.
    pub address: SocketAddr,
    /// `GET`, or another method.
    pub method: &'static str,
    /// Requests a second.
    pub rate: u32,
    /// What becomes of its connections.
    pub connections: Connections,
    /// So many requests can wait for an answer at the same time. When all of them wait,
    /// those that follow are late.
    pub waiting: u32,
}

/// Begins to ask so many times a second, over kept connections and new ones side by side.
pub fn start(address: SocketAddr, rate: u32) -> Running {
    Load::new(address, rate).start()
}

impl Load {
    /// `GET /` so many times a second, over kept connections and new ones side by side.
    #[must_use]
    pub fn new(address: SocketAddr, rate: u32) -> Self {
        Self {
            address,
            method: "GET",
            rate,
            connections: Connections::Both,
            waiting: WORKERS,
        }
    }

    /// Begins to ask.
    pub fn start(self) -> Running {
        let schedule = Arc::new(Schedule::new(self.rate));
        let workers = (0..self.waiting)
            .map(|number| {
                let schedule = Arc::clone(&schedule);
                let worker = Worker::new(self, self.connections.kept_by(number));
                thread::spawn(move || worker.work(&schedule))
            })
            .collect();
        Running { schedule, workers }
    }

    /// Asks for that long, and says how it went.
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
    pub fn begun(&self) -> u64 {
        self.schedule.next.load(Ordering::Relaxed)
    }

    /// Ends the load as soon as the requests under way have their answers, and says how it went.
    ///
    /// # Panics
    /// When a thread of the client has panicked.
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

/// When each request is due.
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

/// Waits until `due`, and returns whether that came before it was over.
#[expect(
    clippy::disallowed_methods,
    reason = "who waits is woken as soon as the load is over"
)]
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
    report: Report,
}

impl Worker {
    fn new(load: Load, keep: bool) -> Self {
        Self {
            load,
            keep,
            connection: None,
            report: Report::default(),
        }
    }

    fn work(mut self, schedule: &Schedule) -> Report {
        while let Some(due) = schedule.next() {
            let outcome = self.ask(Instant::now() + PATIENCE);
            let after = due.saturating_duration_since(schedule.start);
            self.report.count(outcome, after, due.elapsed());
        }
        self.report
    }

    fn ask(&mut self, deadline: Instant) -> Result<(), Failure> {
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => Connection::open(self.load.address, deadline)?,
        };
        let headers = if self.keep {
            "Connection: keep-alive\r\n"
        } else {
            "Connection: close\r\n"
        };
        let request = Request {
            method: self.load.method,
            headers,
            ..Request::get("/")
        };
        let response = connection.ask(&request, deadline)?;
        if self.keep && !response.closes() {
            self.connection = Some(connection);
        }
        if (200..400).contains(&response.status) {
            Ok(())
        } else {
            Err(Failure::Status(response.status))
        }
    }

    fn kept(&mut self) -> Option<Connection> {
        let kept = self.connection.take()?;
        let is_open = kept.is_open();
        self.report.ended_idle += u64::from(!is_open);
        is_open.then_some(kept)
    }
}
