//! A minute of numbers as the points of a polyline.

use std::fmt::Write;

use serde::Serialize;

use crate::view::NodeView;

/// Seconds that a polyline shows, each one unit wide.
const SECONDS: usize = 60;

/// How high a polyline is drawn, in units.
const HEIGHT: u64 = 20;

/// Below what is seen: a polyline begins and ends there, so that what is under it is filled.
const FLOOR: u64 = HEIGHT + 4;

/// A polyline, and what it says in words.
#[derive(Serialize)]
pub(super) struct Trace {
    points: String,
    /// The lowest and the highest number, for those who cannot see it.
    low: u64,
    high: u64,
}

/// What the height of a polyline stands for. It is one for all nodes, so that they can be
/// compared, and a round number, so that it seldom changes.
pub(super) struct Scale {
    pub(super) rates: u64,
    pub(super) checks: u64,
}

impl Scale {
    pub(super) fn of(nodes: &[NodeView]) -> Self {
        let highest = |of: fn(&NodeView) -> &[u64]| {
            let numbers = nodes.iter().flat_map(|node| recent(of(node)));
            round(numbers.copied().max().unwrap_or_default())
        };
        Self {
            rates: highest(|node| &node.rates),
            checks: highest(|node| &node.checks),
        }
    }

    pub(super) fn rates(&self, node: &NodeView) -> Option<Trace> {
        trace(&node.rates, self.rates)
    }

    pub(super) fn checks(&self, node: &NodeView) -> Option<Trace> {
        trace(&node.checks, self.checks)
    }
}

/// The last minute of them.
fn recent(numbers: &[u64]) -> &[u64] {
    &numbers[numbers.len().saturating_sub(SECONDS)..]
}

/// The next of 10, 20, 50, 100, ... that is not below it.
fn round(highest: u64) -> u64 {
    let mut step: u64 = 10;
    loop {
        for factor in [1, 2, 5] {
            let round = step.saturating_mul(factor);
            if round >= highest {
                return round;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// The newest number is at the right end, however many there are.
fn trace(numbers: &[u64], top: u64) -> Option<Trace> {
    let numbers = recent(numbers);
    let (low, high) = (numbers.iter().min()?, numbers.iter().max()?);
    // Writing into a String cannot fail.
    let mut points = String::new();
    let start = SECONDS - numbers.len();
    // A full line begins where its edge is not seen.
    let edge = if start == 0 {
        "-1".to_owned()
    } else {
        start.to_string()
    };
    let _ = write!(points, "{edge},{FLOOR}");
    for (number, x) in numbers.iter().zip(start..) {
        let up = u128::from(*number) * u128::from(HEIGHT) / u128::from(top.max(1));
        let y = u128::from(HEIGHT).saturating_sub(up);
        let _ = write!(points, " {x},{y}");
    }
    let _ = write!(points, " {SECONDS},{FLOOR}");
    Some(Trace {
        points,
        low: *low,
        high: *high,
    })
}
