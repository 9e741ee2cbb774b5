//! Latency over time through a join, a leave and a kill, as a picture.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::cluster::Cluster;
use harness::load::{self, Report};
use harness::wait;

use crate::churn;
use crate::picture::{Axis, Line, Picture};
use crate::setting::progress;

/// What happens when, in seconds.
const EVENTS: [(u64, &str, &str); 3] = [
    (4, "start", "a node joins"),
    (9, "stop", "it leaves"),
    (14, "kill", "kill -9 of another"),
];
const END: u64 = 20;
/// How wide a point of the picture is, in seconds.
const STEP: f64 = 0.1;

/// Lives through the events under load. The node `victim` ends.
pub(crate) fn tell(
    cluster: &Cluster,
    comer: &str,
    victim: &str,
) -> anyhow::Result<(Report, Picture)> {
    progress("load: a join, a leave and a kill");
    let running = load::start(cluster.front(), churn::RATE);
    let begin = Instant::now();
    let mut scripts = Vec::new();
    for (at, how, _) in EVENTS {
        wait::pass_until(begin + Duration::from_secs(at));
        let node = if how == "kill" { victim } else { comer };
        scripts.push(cluster.node(&[how, node])?);
    }
    wait::pass_until(begin + Duration::from_secs(END));
    let report = running.stop();
    for mut script in scripts {
        let status = script.wait().context("wait for scripts/node")?;
        ensure!(status.success(), "scripts/node ended with {status}");
    }
    let picture = picture(&report);
    Ok((report, picture))
}

fn picture(report: &Report) -> Picture {
    let steps = steps(&report.answers);
    let line = |name: &str, class: &'static str, of: fn(&[f64]) -> f64| {
        let points = steps.iter().map(|(at, took)| (*at, of(took))).collect();
        Line::new(name, class, points)
    };
    let seconds = f64::from(u32::try_from(END).unwrap_or(0));
    Picture {
        title: format!(
            "Latency at {} requests a second ({} failed of {})",
            churn::RATE,
            report.failed(),
            report.requests
        ),
        across: Axis::linear("seconds", 0.0, seconds),
        up: Axis::log("ms", 0.1, 1_000.0),
        lines: vec![
            line("slowest of 0.1 s", "other", |took| {
                took.last().copied().unwrap_or(0.0)
            }),
            line("median of 0.1 s", "ours", |took| took[took.len() / 2]),
        ],
        marks: EVENTS
            .iter()
            .map(|(at, _, what)| {
                (
                    f64::from(u32::try_from(*at).unwrap_or(0)),
                    (*what).to_string(),
                )
            })
            .collect(),
    }
}

/// The answers of each step, in milliseconds, in rising order.
fn steps(answers: &[(Duration, Duration)]) -> Vec<(f64, Vec<f64>)> {
    let mut steps: Vec<(f64, Vec<f64>)> = Vec::new();
    for (at, took) in answers {
        let step = (at.as_secs_f64() / STEP).floor() * STEP;
        match steps
            .last_mut()
            .filter(|(last, _)| (*last - step).abs() < STEP / 2.0)
        {
            Some((_, all)) => all.push(took.as_secs_f64() * 1e3),
            None => steps.push((step, vec![took.as_secs_f64() * 1e3])),
        }
    }
    for (_, took) in &mut steps {
        took.sort_by(f64::total_cmp);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_gathered_by_tenths_of_a_second() {
        let answer = |at, took| (Duration::from_millis(at), Duration::from_millis(took));
        let steps = steps(&[answer(10, 3), answer(60, 1), answer(250, 7)]);
        let took: Vec<_> = steps.iter().map(|(_, took)| took.clone()).collect();
        assert_eq!(took, [vec![1.0, 3.0], vec![7.0]]);
        assert!((steps[1].0 - 0.2).abs() < 1e-9);
    }

    #[test]
    fn the_picture_marks_what_happened_and_counts_what_failed() {
        let svg = picture(&Report::default()).svg();
        for (_, _, what) in EVENTS {
            assert!(svg.contains(what), "{what}");
        }
        assert!(svg.contains("(0 failed of 0)"));
    }
}
