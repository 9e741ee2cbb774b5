//! What a machine of any speed can check: ratios to something that was measured
//! in the same run. A ratio that has become three times the usual one fails.

use std::path::Path;
use std::process::Command;

use crate::fixture::{Check, Fixture};
use crate::members::List;
use crate::process::timed;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::size::PROGRAMS;
use crate::supervisors::{Kind, Set, require};
use crate::table::Table;

/// How much worse than usual is a regression.
const MARGIN: f64 = 3.0;
/// Enough nodes for what grows with them to outweigh the programs' start.
const NODES: usize = 1_000;
const MEMBERS: usize = 2_000;
/// The minimum of so many is hardly moved by what else the machine does.
const ROUNDS: usize = 9;
/// The same for what takes a millisecond.
const LIVES: usize = 15;

/// Something of ours, in proportion to something else.
#[derive(Clone, Debug)]
pub(crate) struct Ratio {
    what: String,
    now: f64,
    /// What it was on an idle machine with two cores.
    usual: f64,
}

impl Ratio {
    fn new(what: &str, ours: f64, of: f64, usual: f64) -> Self {
        Self {
            what: what.to_string(),
            now: ours / of,
            usual,
        }
    }

    fn holds(&self) -> bool {
        self.now <= self.usual * MARGIN
    }
}

type Group = (&'static str, fn(&Setting) -> anyhow::Result<Vec<Ratio>>);

const GROUPS: [Group; 4] = [
    ("chain", chain),
    ("members", members),
    ("size", starts),
    ("init", supervisors),
];

/// The names of the groups.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}

/// Measures the groups (all of them if none is named): the table, and what
/// failed twice.
pub(crate) fn check(setting: &Setting, wanted: &[String]) -> anyhow::Result<(Table, Vec<String>)> {
    let mut table = Table::new(&["ratio", "now", "usual", "verdict"]);
    let mut failed = Vec::new();
    for (name, measure) in GROUPS {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        progress(format_args!("check: {name}"));
        for ratio in twice(|| measure(setting))? {
            let verdict = if ratio.holds() {
                "holds"
            } else {
                "**regression**"
            };
            if !ratio.holds() {
                failed.push(ratio.what.clone());
            }
            table.row(vec![
                ratio.what,
                number(ratio.now),
                number(ratio.usual),
                verdict.into(),
            ]);
        }
    }
    Ok((table, failed))
}

/// Measures again where something does not hold, and takes the better of both.
fn twice(measure: impl Fn() -> anyhow::Result<Vec<Ratio>>) -> anyhow::Result<Vec<Ratio>> {
    let first = measure()?;
    if first.iter().all(Ratio::holds) {
        return Ok(first);
    }
    progress("check: once more, since something does not hold");
    let second = measure()?;
    let better = |(first, second): (Ratio, Ratio)| {
        if second.now < first.now {
            second
        } else {
            first
        }
    };
    Ok(first.into_iter().zip(second).map(better).collect())
}

/// Where no disk is, its moods do not show.
fn place() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if tempfile::tempfile_in(memory).is_ok() {
        memory
    } else {
        Path::new("/tmp")
    }
}

fn chain(setting: &Setting) -> anyhow::Result<Vec<Ratio>> {
    let fixture = Fixture::new(setting, NODES - 1, place())?;
    let mut limit = Sample::default();
    let mut check = Sample::default();
    let mut costs = Vec::new();
    let mut checked = Sample::default();
    for round in 0..ROUNDS {
        limit.push(fixture.limit()?);
        let name = format!("x{round}");
        costs.push(fixture.join(&name, Check::IfNeeded)?);
        fixture.leave(&name)?;
        check.push(timed(&mut fixture.haproxy().check())?);
        checked.push(fixture.join(&name, Check::Forced)?.haproxy_gen);
        fixture.leave(&name)?;
    }
    let least =
        |of: fn(&crate::fixture::Cost) -> f64| costs.iter().map(of).collect::<Sample>().min();
    let limit = limit.min();
    Ok(vec![
        Ratio::new(
            "serf-nodes, one join, 1,000 nodes : limit",
            least(|cost| cost.serf_nodes),
            limit,
            0.3,
        ),
        Ratio::new(
            "haproxy-gen, 1,000 nodes : limit",
            least(|cost| cost.haproxy_gen),
            limit,
            1.9,
        ),
        Ratio::new(
            "haproxy-reload, 1,000 nodes : limit",
            least(|cost| cost.haproxy_reload),
            limit,
            1.7,
        ),
        Ratio::new(
            "haproxy-gen with its check : haproxy -c",
            checked.min(),
            check.min(),
            1.3,
        ),
    ])
}

fn members(setting: &Setting) -> anyhow::Result<Vec<Ratio>> {
    let list = List::new(setting, MEMBERS, place())?;
    let mut new = Sample::default();
    let mut unchanged = Sample::default();
    let mut limit = Sample::default();
    for _ in 0..ROUNDS {
        list.empty()?;
        new.push(list.follow()?);
        unchanged.push(list.follow()?);
        limit.push(list.limit(setting)?);
    }
    let limit = limit.min();
    Ok(vec![
        Ratio::new(
            "serf-nodes, 2,000 members unchanged : limit",
            unchanged.min(),
            limit,
            2.0,
        ),
        Ratio::new(
            "serf-nodes, 2,000 members all new : limit",
            new.min(),
            limit,
            7.5,
        ),
    ])
}

fn starts(setting: &Setting) -> anyhow::Result<Vec<Ratio>> {
    let mut ratios = Vec::new();
    let start = |command: &dyn Fn() -> Command| -> anyhow::Result<f64> {
        let sample: anyhow::Result<Sample> = (0..21).map(|_| timed(&mut command())).collect();
        Ok(sample?.min())
    };
    let least = start(&|| Command::new("true"))?;
    for name in PROGRAMS {
        let own = start(&|| {
            let mut command = Command::new(setting.program(name));
            command.arg("--version");
            command
        })?;
        ratios.push(Ratio::new(
            &format!("{name} --version : true"),
            own,
            least,
            1.2,
        ));
    }
    Ok(ratios)
}

fn supervisors(setting: &Setting) -> anyhow::Result<Vec<Ratio>> {
    require(&[Kind::S6])?;
    let ours = lives(setting, Kind::Init)?;
    let s6 = lives(setting, Kind::S6)?;
    Ok(vec![
        Ratio::new("init, start : s6-svscan", ours.start, s6.start, 1.0),
        Ratio::new("init, restart : its start", ours.restart, ours.start, 0.9),
        Ratio::new("init, stop : s6-svscan", ours.stop, s6.stop, 1.0),
        Ratio::new("init, RSS : s6-svscan", ours.memory, s6.memory, 0.25),
    ])
}

struct Life {
    start: f64,
    restart: f64,
    stop: f64,
    memory: f64,
}

fn lives(setting: &Setting, kind: Kind) -> anyhow::Result<Life> {
    let set = Set::new(setting, kind)?;
    let mut start = Sample::default();
    let mut restart = Sample::default();
    let mut stop = Sample::default();
    let mut memory = Sample::default();
    for round in 0..LIVES {
        let mut running = set.start()?;
        start.push(running.took);
        memory.push(f64::from(
            u32::try_from(running.memory().rss).unwrap_or(u32::MAX),
        ));
        if round < 3 {
            restart.push(running.restart()?);
        }
        stop.push(running.stop()?);
    }
    Ok(Life {
        start: start.min(),
        restart: restart.min(),
        stop: stop.min(),
        memory: memory.min(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn ratio(ratio: f64) -> Ratio {
        Ratio::new("x : y", ratio, 1.0, 1.0)
    }

    #[test]
    fn three_times_the_usual_is_where_it_ends() {
        assert!(ratio(2.9).holds());
        assert!(!ratio(3.1).holds());
        assert!(!ratio(f64::NAN).holds());
    }

    #[test]
    fn what_holds_is_measured_once() {
        let measured = Cell::new(0);
        let ratios = twice(|| {
            measured.set(measured.get() + 1);
            Ok(vec![ratio(1.0)])
        });
        assert!(ratios.unwrap()[0].holds());
        assert_eq!(measured.get(), 1);
    }

    #[test]
    fn a_moment_of_bad_luck_is_forgiven_and_a_regression_is_not() {
        let measured = Cell::new(0.0);
        let ratios = twice(|| {
            measured.set(measured.get() + 1.0);
            Ok(vec![ratio(5.0 / measured.get()), ratio(5.0)])
        });
        let holds: Vec<_> = ratios.unwrap().iter().map(Ratio::holds).collect();
        assert_eq!(holds, [true, false]);
    }
}
