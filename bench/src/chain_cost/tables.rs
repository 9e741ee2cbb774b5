//! Tables of what was measured, compared with the goals.

use super::Row;
use crate::sample::number;
use crate::table::{Table, at_least, at_most};

/// How many times faster than the bash handler the chain has to be.
const FASTER: [(usize, f64); 3] = [(10, 5.0), (100, 15.0), (1_000, 50.0)];
/// The chain may take so many times the limit, and so many milliseconds more because three
/// programs start instead of one.
const TIMES_LIMIT: f64 = 5.0;
const OVER_LIMIT: f64 = 6.0;
/// The records of a join may take so many milliseconds.
const RECORDS: f64 = 0.2;
/// With so many nodes at most that can be seen.
const FEW: usize = 100;
/// With a check the chain may take so many times longer by what `haproxy -c` takes.
const TIMES_CHECK: f64 = 1.3;
/// The chain may take so many times longer with 10,000 nodes than with 1,000.
const GROWTH: f64 = 11.0;

pub(super) fn split(rows: &[Row]) -> Table {
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

/// What it costs that each step records what it did, in the state and in the journal.
pub(super) fn recorded(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "nodes",
        "the chain without its records",
        "they cost",
        "goal",
    ]);
    for row in rows {
        // Where a join takes longer, it differs by more than that from one time to the next.
        let is_judged = row.nodes <= FEW;
        table.row(vec![
            number_of(row.nodes),
            row.unrecorded.to_string(),
            row.records.to_string(),
            if is_judged {
                at_most(row.records.median(), RECORDS)
            } else {
                "-".into()
            },
        ]);
    }
    table
}

pub(super) fn with_check(rows: &[Row]) -> Table {
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

pub(super) fn against(rows: &[Row]) -> Table {
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
    if row.handler_failed() {
        "fails, empty file".to_string()
    } else {
        row.handler.to_string()
    }
}

pub(super) fn growth(rows: &[Row]) -> Option<Table> {
    let of = |nodes| rows.iter().find(|row| row.nodes == nodes);
    let times = of(10_000)?.chain.median() / of(1_000)?.chain.median();
    let mut table = Table::new(&["growth of the chain from 1,000 to 10,000 nodes", "goal"]);
    table.row(vec![
        format!("{} times", number(times)),
        at_most(times, GROWTH),
    ]);
    Some(table)
}

pub(super) fn number_of(nodes: usize) -> String {
    number(f64::from(u32::try_from(nodes).unwrap_or(u32::MAX)))
        .trim_end_matches(".00")
        .trim_end_matches(".0")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

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
    fn numbers_of_nodes_have_no_decimals() {
        assert_eq!([1, 10, 10_000].map(number_of), ["1", "10", "10,000"]);
    }
}
