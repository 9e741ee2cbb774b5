//! What an event costs, by the number of nodes.

mod tables;

use crate::fixture::{Check, Fixture};
use crate::lab::Handler;
use crate::picture::{Axis, Line, Picture};
use crate::process::timed;
use crate::ratio::Ratio;
use crate::sample::Sample;
use crate::setting::{Setting, progress};
use crate::table::Answer;
use tables::{against, growth, number_of, recorded, split, with_check};

/// The numbers of nodes that are measured, each with the milliseconds that the chain may
/// take without a check, if there is a goal.
const SIZES: [(usize, Option<f64>); 6] = [
    (1, None),
    (10, Some(12.0)),
    (100, None),
    (1_000, Some(30.0)),
    (5_000, Some(110.0)),
    (10_000, Some(220.0)),
];
const QUICK: [usize; 2] = [10, JUDGED];
/// Enough nodes for what grows with them to outweigh the programs' start.
const JUDGED: usize = 1_000;
/// With more nodes the bash handler takes minutes, and the argument that it gives to its
/// template is longer than the kernel allows.
const HANDLER_MAX: usize = 5_000;

/// What was measured with one number of nodes.
#[derive(Debug, Default)]
struct Row {
    nodes: usize,
    goal: Option<f64>,
    serf_nodes: Sample,
    haproxy_gen: Sample,
    haproxy_reload: Sample,
    chain: Sample,
    unrecorded: Sample,
    /// What each recorded join took longer than the one beside it that was not.
    records: Sample,
    checked: Sample,
    check: Sample,
    limit: Sample,
    handler: Sample,
}

/// The answer, and the picture of it.
pub(crate) fn question(setting: &Setting) -> anyhow::Result<(Answer, Picture)> {
    let mut rows = Vec::new();
    for (nodes, goal) in SIZES {
        if !setting.quick || QUICK.contains(&nodes) {
            progress(format_args!("chain: {nodes} nodes"));
            rows.push(measure(setting, nodes, goal)?);
        }
    }
    let answer = Answer::new("chain: what one join costs, in ms")
        .text("`serf-nodes`, `haproxy-gen` and `haproxy-reload` one after the other for a join by which there are so many nodes, against a HAProxy that runs and takes the new server over; without and with `haproxy -c`.")
        .table(split(&rows))
        .table(recorded(&rows))
        .table(with_check(&rows))
        .text("Against the lab's handler (bash, awk, python-jinja2; it neither checks nor reloads), and the limit: a program that reads so many files, writes one, syncs and renames it.")
        .table(against(&rows))
        .ratios(ratios(&rows));
    Ok((
        growth(&rows).into_iter().fold(answer, Answer::table),
        picture(&rows),
    ))
}

fn measure(setting: &Setting, nodes: usize, goal: Option<f64>) -> anyhow::Result<Row> {
    let fixture = Fixture::new(setting, nodes - 1)?;
    let mut row = Row {
        nodes,
        goal,
        ..Row::default()
    };
    let rounds = setting.rounds(if nodes > 1_000 { 11 } else { 21 }, 9);
    // The first round fills the caches, and HAProxy's pools.
    fixture.join("x", Check::IfNeeded)?;
    fixture.leave("x")?;
    for round in 0..rounds {
        row.round(&fixture, round)?;
    }
    if !setting.quick {
        let handler = Handler::new(setting, &fixture.path("lab"), nodes - 1)?;
        for _ in 0..handler_rounds(nodes) {
            row.handler.push(handler.join("x")?);
        }
    }
    Ok(row)
}

fn handler_rounds(nodes: usize) -> usize {
    match nodes {
        0..=100 => 5,
        101..=1_000 => 3,
        1_001..=HANDLER_MAX => 1,
        _ => 0,
    }
}

impl Row {
    fn round(&mut self, fixture: &Fixture, round: usize) -> anyhow::Result<()> {
        self.limit.push(fixture.limit()?);
        let name = format!("x{round}");
        let cost = fixture.join(&name, Check::IfNeeded)?;
        fixture.leave(&name)?;
        self.serf_nodes.push(cost.serf_nodes);
        self.haproxy_gen.push(cost.haproxy_gen);
        self.haproxy_reload.push(cost.haproxy_reload);
        self.chain.push(cost.sum());
        let name = format!("z{round}");
        let unrecorded = fixture.join_unrecorded(&name)?.sum();
        self.unrecorded.push(unrecorded);
        self.records.push(cost.sum() - unrecorded);
        fixture.leave(&name)?;
        let name = format!("y{round}");
        self.checked.push(fixture.join(&name, Check::Forced)?.sum());
        self.check.push(timed(&mut fixture.haproxy().check()?)?);
        fixture.leave(&name)?;
        Ok(())
    }

    fn handler_failed(&self) -> bool {
        !self.handler.is_empty() && self.handler.median().is_nan()
    }

    fn faster(&self) -> f64 {
        self.handler.median() / self.chain.median()
    }
}

fn ratios(rows: &[Row]) -> Vec<Ratio> {
    let Some(row) = rows.iter().find(|row| row.nodes == JUDGED) else {
        return Vec::new();
    };
    let ratio = |what: &str, ours: &Sample, of: &Sample, usual| {
        Ratio::new(what, ours.min(), of.min(), usual)
    };
    vec![
        ratio(
            "serf-nodes, one join, 1,000 nodes : limit",
            &row.serf_nodes,
            &row.limit,
            0.3,
        ),
        ratio(
            "haproxy-gen, 1,000 nodes : limit",
            &row.haproxy_gen,
            &row.limit,
            1.9,
        ),
        ratio(
            "haproxy-reload, 1,000 nodes : haproxy -c",
            &row.haproxy_reload,
            &row.check,
            0.25,
        ),
        ratio(
            "the chain with check : haproxy -c",
            &row.checked,
            &row.check,
            1.6,
        ),
    ]
}

fn picture(rows: &[Row]) -> Picture {
    let line = |name: &str, class: &'static str, of: fn(&Row) -> &Sample| {
        let points = rows
            .iter()
            .map(|row| {
                (
                    f64::from(u32::try_from(row.nodes).unwrap_or(u32::MAX)),
                    of(row).median(),
                )
            })
            .filter(|(_, value)| value.is_finite())
            .collect();
        Line::new(name, class, points)
    };
    Picture {
        title: "What one join costs, by the number of nodes".to_string(),
        across: Axis::log("nodes", 1.0, 10_000.0),
        up: Axis::log("ms", 1.0, 10_000.0),
        lines: vec![
            line(&handler_name(rows), "other", |row| &row.handler),
            line("muster's chain", "ours", |row| &row.chain),
            line("the limit (read, write, sync)", "limit", |row| &row.limit),
        ],
        marks: Vec::new(),
    }
}

/// The line ends at the number of nodes with which the handler fails, and says so.
fn handler_name(rows: &[Row]) -> String {
    let failed = rows.iter().find(|row| row.handler_failed());
    let how = failed.map_or_else(
        || "bash".to_string(),
        |row| format!("fails at {}", number_of(row.nodes)),
    );
    format!("the lab's handler ({how})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::assert_finds;

    pub(super) fn row(nodes: usize, chain: f64, handler: f64) -> Row {
        let one = |value: f64| [value].into_iter().collect::<Sample>();
        Row {
            nodes,
            goal: Some(12.0),
            chain: one(chain),
            handler: one(handler),
            limit: one(1.0),
            checked: one(40.0),
            check: one(20.0),
            ..Row::default()
        }
    }

    #[test]
    fn a_program_that_takes_ten_times_as_long_is_found() {
        let one = |value: f64| [value].into_iter().collect::<Sample>();
        let judged = |slower: usize| {
            let figure =
                |place: usize, usual: f64| one(if place == slower { usual * 10.1 } else { usual });
            ratios(&[Row {
                nodes: JUDGED,
                limit: one(10.0),
                check: one(40.0),
                serf_nodes: figure(1, 3.0),
                haproxy_gen: figure(2, 19.0),
                haproxy_reload: figure(3, 10.0),
                checked: figure(4, 64.0),
                ..Row::default()
            }])
        };
        let slower = [
            ("serf-nodes, one join", judged(1)),
            ("haproxy-gen", judged(2)),
            ("haproxy-reload", judged(3)),
            ("with check", judged(4)),
        ];
        assert_finds(&judged(0), &slower);
        assert!(ratios(&[row(10, 1.0, 1.0)]).is_empty());
    }

    #[test]
    fn a_handler_that_failed_has_no_time_and_no_point() {
        let rows = [row(5_000, 60.0, f64::NAN)];
        assert!(against(&rows).to_string().contains("fails, empty file"));
        let svg = picture(&rows).svg();
        assert!(svg.contains("muster") && svg.contains("(fails at 5,000)"));
        assert_eq!(
            handler_name(&[row(10, 1.0, 9.0)]),
            "the lab's handler (bash)"
        );
    }
}
