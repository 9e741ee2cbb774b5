//! What a load has met.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http::Failure;

/// An answer that comes this long after its request was due is late.
const LATE: Duration = Duration::from_secs(1);

/// A request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mishap {
    /// When it was due, counted from the beginning.
    pub due: Duration,
    /// How long after that it had failed.
    pub took: Duration,
    /// How it failed.
    pub failure: Failure,
}

/// How a load went.
#[derive(Clone, Default)]
pub struct Report {
    /// How many requests were begun.
    pub requests: u64,
    /// How many of them failed in which way.
    pub failures: BTreeMap<Failure, u64>,
    /// Each of those, in the order in which they were due.
    pub mishaps: Vec<Mishap>,
    /// How many of them were answered, but more than a second after they were due.
    pub late: u64,
    /// How many kept connections the server ended while nothing was asked of it, and without
    /// having announced it. That is no failure, since the client looks before it asks.
    pub ended_idle: u64,
    /// When each answered request was due, counted from the beginning, and how long its
    /// answer took; in the order in which they were due.
    pub answers: Vec<(Duration, Duration)>,
}

impl Report {
    /// How many requests failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// How long the median of the answers took.
    pub fn p50(&self) -> Duration {
        self.quantile(50)
    }

    /// How long 99 of 100 answers took at most.
    pub fn p99(&self) -> Duration {
        self.quantile(99)
    }

    /// How long the slowest answer took.
    pub fn max(&self) -> Duration {
        self.quantile(100)
    }

    pub(super) fn count(&mut self, outcome: Result<(), Failure>, due: Duration, took: Duration) {
        self.requests += 1;
        match outcome {
            Ok(()) => {
                self.late += u64::from(took > LATE);
                self.answers.push((due, took));
            }
            Err(failure) => {
                *self.failures.entry(failure).or_default() += 1;
                self.mishaps.push(Mishap { due, took, failure });
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.late += other.late;
        self.ended_idle += other.ended_idle;
        self.answers.extend(other.answers);
        self.mishaps.extend(other.mishaps);
        for (kind, count) in other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
    }

    pub(super) fn sort(&mut self) {
        self.answers.sort_unstable();
        self.mishaps.sort_unstable();
    }

    fn quantile(&self, percent: usize) -> Duration {
        let mut took: Vec<Duration> = self.answers.iter().map(|(_, took)| *took).collect();
        took.sort_unstable();
        let rank = (took.len() * percent).div_ceil(100);
        took.get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }
}

/// Shows everything but the single requests, which are thousands.
impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report")
            .field("requests", &self.requests)
            .field("failures", &self.failures)
            .field("late", &self.late)
            .field("ended_idle", &self.ended_idle)
            .field("p50", &self.p50())
            .field("p99", &self.p99())
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn report(milliseconds: impl Iterator<Item = u64>) -> Report {
        let mut report = Report::default();
        for value in milliseconds {
            report.count(Ok(()), Duration::ZERO, Duration::from_millis(value));
        }
        report.sort();
        report
    }

    #[test]
    fn quantiles_are_those_of_the_answers() {
        let report = report(1..=200);
        assert_eq!(report.p50(), Duration::from_millis(100));
        assert_eq!(report.p99(), Duration::from_millis(198));
        assert_eq!(report.max(), Duration::from_millis(200));
        assert_eq!(Report::default().max(), Duration::ZERO);
    }

    #[test]
    fn a_late_answer_is_counted_but_has_not_failed() {
        let report = report([999, 1001].into_iter());
        assert_eq!((report.late, report.failed()), (1, 0));
    }

    #[test]
    fn reports_of_several_threads_add_up() {
        let mut sum = report([1].into_iter());
        let mut other = report([3].into_iter());
        for failure in [Failure::Refused, Failure::Status(503), Failure::Status(503)] {
            other.count(Err(failure), Duration::ZERO, Duration::ZERO);
        }
        sum.add(other);
        sum.sort();
        assert_eq!((sum.requests, sum.failed()), (5, 3));
        assert_eq!(sum.mishaps.len(), 3);
        let two = BTreeMap::from([(Failure::Refused, 1), (Failure::Status(503), 2)]);
        assert_eq!(sum.failures, two);
        assert_eq!((sum.p50(), sum.max()), (MILLISECOND, 3 * MILLISECOND));
    }
}
