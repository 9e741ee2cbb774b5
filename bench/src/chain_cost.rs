//! What an event costs, by the number of nodes.

use std::path::Path;

use crate::fixture::{Check, Fixture};
use crate::lab::Handler;
use crate::picture::{Axis, Line, Picture};
use crate::process::timed;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_least, at_most};

/// For how many nodes, and what the chain without check may take then, in
/// milliseconds, where there is a goal.
const SIZES: [(usize, Option<f64>); 6] = [
    (1, None),
    (10, Some(12.0)),
    (100, None),
    (1_000, Some(30.0)),
    (5_000, Some(110.0)),
    (10_000, Some(220.0)),
];
const QUICK: [usize; 2] = [10, 1_000];
/// How much faster than the bash handler it has to be.
const FASTER: [(usize, f64); 3] = [(10, 5.0), (100, 15.0), (1_000, 50.0)];
/// The chain against the limit: so many times, and so many milliseconds more,
/// since three programs start instead of one.
const TIMES_LIMIT: f64 = 5.0;
const OVER_LIMIT: f64 = 6.0;
/// With the check it may take this times `haproxy -c` more.
const TIMES_CHECK: f64 = 1.3;
/// From 1,000 to 10,000 nodes.
const GROWTH: f64 = 11.0;
/// Above, the bash handler takes minutes, and its template's argument is too long.
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
        .table(with_check(&rows))
        .text("Against the lab's handler (bash, awk, python-jinja2; it neither checks nor reloads), and the limit: a program that reads so many files, writes one, syncs and renames it.")
        .table(against(&rows));
    Ok((
        growth(&rows).into_iter().fold(answer, Answer::table),
        picture(&rows),
    ))
}

fn measure(setting: &Setting, nodes: usize, goal: Option<f64>) -> anyhow::Result<Row> {
    let fixture = Fixture::new(setting, nodes - 1, Path::new("/tmp"))?;
    let handler = Handler::new(setting, &fixture.path("lab"), nodes - 1)?;
    let mut row = Row {
        nodes,
        goal,
        ..Row::default()
    };
    let rounds = setting.rounds(if nodes > 1_000 { 11 } else { 21 }, 7);
    // The first round fills the caches, and HAProxy's pools.
    fixture.join("x", Check::IfNeeded)?;
    fixture.leave("x")?;
    for round in 0..rounds {
        row.round(&fixture, round)?;
    }
    for _ in 0..handler_rounds(nodes) {
        row.handler.push(handler.join("x")?);
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
        let name = format!("y{round}");
        self.checked.push(fixture.join(&name, Check::Forced)?.sum());
        self.check.push(timed(&mut fixture.haproxy().check())?);
        fixture.leave(&name)?;
        Ok(())
    }

    fn faster(&self) -> f64 {
        self.handler.median() / self.chain.median()
    }
}

fn split(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "nodes",
        "serf-nodes",
        "haproxy-gen",
        "haproxy-reload",
        "the chain",
        "goal",
    ]);
    for row in rows {
        let chain = row.chain.median();
        table.row(vec![
            number_of(row.nodes),
            row.serf_nodes.to_string(),
            row.haproxy_gen.to_string(),
            row.haproxy_reload.to_string(),
            row.chain.to_string(),
            row.goal
                .map_or_else(|| "-".into(), |goal| at_most(chain, goal)),
        ]);
    }
    table
}

fn with_check(rows: &[Row]) -> Table {
    let mut table = Table::new(&["nodes", "the chain with check", "haproxy -c alone", "goal"]);
    for row in rows {
        let allowed = row.goal.map(|goal| goal + TIMES_CHECK * row.check.median());
        table.row(vec![
            number_of(row.nodes),
            row.checked.to_string(),
            row.check.to_string(),
            allowed.map_or_else(|| "-".into(), |goal| at_most(row.checked.median(), goal)),
        ]);
    }
    table
}

fn against(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "nodes",
        "lab's handler",
        "times faster",
        "goal",
        "the limit",
        "5 times that + 6 ms",
    ]);
    for row in rows {
        let faster = FASTER.iter().find(|(nodes, _)| *nodes == row.nodes);
        let allowed = TIMES_LIMIT * row.limit.median() + OVER_LIMIT;
        table.row(vec![
            number_of(row.nodes),
            handler_cell(row),
            number(row.faster()),
            faster.map_or_else(|| "-".into(), |(_, goal)| at_least(row.faster(), *goal)),
            row.limit.to_string(),
            row.goal
                .map_or_else(|| "-".into(), |_| at_most(row.chain.median(), allowed)),
        ]);
    }
    table
}

fn handler_cell(row: &Row) -> String {
    if !row.handler.is_empty() && row.handler.median().is_nan() {
        "fails, empty file".to_string()
    } else {
        row.handler.to_string()
    }
}

fn growth(rows: &[Row]) -> Option<Table> {
    let of = |nodes| rows.iter().find(|row| row.nodes == nodes);
    let times = of(10_000)?.chain.median() / of(1_000)?.chain.median();
    let mut table = Table::new(&["growth of the chain from 1,000 to 10,000 nodes", "goal"]);
    table.row(vec![
        format!("{} times", number(times)),
        at_most(times, GROWTH),
    ]);
    Some(table)
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
            line("the lab's handler (bash)", "other", |row| &row.handler),
            line("muster's chain", "ours", |row| &row.chain),
            line("the limit (read, write, sync)", "limit", |row| &row.limit),
        ],
        marks: Vec::new(),
    }
}

fn number_of(nodes: usize) -> String {
    number(f64::from(u32::try_from(nodes).unwrap_or(u32::MAX)))
        .trim_end_matches(".00")
        .trim_end_matches(".0")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(nodes: usize, chain: f64, handler: f64) -> Row {
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
    fn figures_are_held_against_their_goals() {
        let rows = [row(10, 10.0, 49.0)];
        assert!(split(&rows).to_string().contains("<= 12.0: met"));
        assert!(
            with_check(&rows)
                .to_string()
                .contains("<= 38.0: **missed**")
        );
        let against = against(&rows).to_string();
        assert!(against.contains(">= 5.00: **missed**"), "{against}");
        assert!(against.contains("<= 11.0: met"), "{against}");
    }

    #[test]
    fn growth_is_told_where_both_ends_were_measured() {
        assert!(growth(&[row(1_000, 10.0, 1.0)]).is_none());
        let table = growth(&[row(1_000, 10.0, 1.0), row(10_000, 120.0, 1.0)]).unwrap();
        assert!(table.to_string().contains("12.0 times"));
    }

    #[test]
    fn a_handler_that_failed_has_no_time_and_no_point() {
        let rows = [row(5_000, 60.0, f64::NAN)];
        assert!(against(&rows).to_string().contains("fails, empty file"));
        assert!(picture(&rows).svg().contains("muster"));
    }

    #[test]
    fn numbers_of_nodes_have_no_decimals() {
        assert_eq!([1, 10, 10_000].map(number_of), ["1", "10", "10,000"]);
    }
}
