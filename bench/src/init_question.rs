//! Supervisors side by side.

use std::time::Duration;

use crate::process::Memory;
use crate::ratio::Ratio;
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::supervisors::{Kind, Set, require};
use crate::table::{Answer, Table, at_most};

/// A quick answer needs ours alone, and the one that it is judged by.
const QUICK: [Kind; 2] = [Kind::Init, Kind::S6];
const ALL: [Kind; 7] = [
    Kind::Init,
    Kind::InitPausing,
    Kind::S6,
    Kind::Runit,
    Kind::Supervisord,
    Kind::Tini,
    Kind::DumbInit,
];
/// Resident memory, in kB, of all processes of the supervisor.
const MEMORY: f64 = 1_500.0;
/// What was measured once may be this much worse by chance alone.
const NOISE: f64 = 1.1;

/// What was measured of one supervisor.
struct Row {
    kind: Kind,
    start: Sample,
    restart: Sample,
    stop: Sample,
    memory: Memory,
    wakeups: Option<u64>,
}

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    let kinds = if setting.quick { &QUICK[..] } else { &ALL };
    require(kinds)?;
    let rows = kinds
        .iter()
        .map(|kind| measure(setting, *kind))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Answer::new("init: two services that sleep")
        .text("From the start to both services running; from the death of a service that is older than a second to its next start; from the signal to the end of all their processes; memory and wake-ups (voluntary context switches) of all processes but the services.")
        .table(table(&rows, wakeup_time(setting)))
        .table(goals(&rows))
        .ratios(ratios(&rows[0], rows.iter().find(|row| row.kind == Kind::S6))))
}

fn ratios(ours: &Row, s6: Option<&Row>) -> Vec<Ratio> {
    let Some(s6) = s6 else {
        return Vec::new();
    };
    let rss = |row: &Row| count(row.memory.rss);
    let start = ours.start.min();
    vec![
        Ratio::new("init, start : s6-svscan", start, s6.start.min(), 1.0),
        Ratio::new(
            "init, restart : s6's start",
            ours.restart.min(),
            s6.start.min(),
            0.9,
        ),
        Ratio::new(
            "init, stop : s6-svscan",
            ours.stop.min(),
            s6.stop.min(),
            1.0,
        ),
        Ratio::new("init, RSS : s6-svscan", rss(ours), rss(s6), 0.25),
    ]
}

fn wakeup_time(setting: &Setting) -> Duration {
    Duration::from_secs(if setting.quick { 1 } else { 10 })
}

fn measure(setting: &Setting, kind: Kind) -> anyhow::Result<Row> {
    progress(format_args!("init: {}", kind.name()));
    let set = Set::new(setting, kind)?;
    let mut row = Row {
        kind,
        start: Sample::default(),
        restart: Sample::default(),
        stop: Sample::default(),
        memory: Memory::default(),
        wakeups: None,
    };
    for round in 0..rounds(setting, kind) {
        let mut running = set.start()?;
        row.start.push(running.took);
        if round == 0 {
            row.memory = running.memory();
            row.wakeups = Some(running.wakeups(wakeup_time(setting)));
        }
        if kind.supervises() && round < setting.rounds(5, 3) {
            for took in running.restarts()? {
                row.restart.push(took);
            }
        }
        row.stop.push(running.stop()?);
    }
    Ok(row)
}

/// Two of them need more than a second for each start.
fn rounds(setting: &Setting, kind: Kind) -> usize {
    match kind {
        Kind::Runit | Kind::Supervisord => setting.rounds(5, 1),
        _ => setting.rounds(21, 15),
    }
}

fn table(rows: &[Row], time: Duration) -> Table {
    let wakeups = format!("wake-ups in {} s", time.as_secs());
    let mut table = Table::new(&[
        "supervisor",
        "start, ms",
        "restart, ms",
        "stop, ms",
        "RSS, kB",
        "PSS, kB",
        &wakeups,
    ]);
    for row in rows {
        table.row(vec![
            row.kind.name().into(),
            row.start.to_string(),
            row.restart.to_string(),
            row.stop.to_string(),
            number(count(row.memory.rss)),
            number(count(row.memory.pss)),
            row.wakeups
                .map_or_else(|| "-".into(), |wakeups| wakeups.to_string()),
        ]);
    }
    table
}

/// Compares ours with the best of the others that supervise.
fn goals(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "goal: as good as the best that supervises",
        "ours",
        "verdict",
    ]);
    let mut compare = |what: &str, of: fn(&Row) -> f64| {
        let ours = of(&rows[0]);
        let best = others(rows).map(of).fold(f64::INFINITY, f64::min);
        table.row(vec![what.into(), number(ours), at_most(ours, best * NOISE)]);
    };
    compare("start, ms", |row| row.start.median());
    compare("restart, ms", |row| row.restart.median());
    compare("stop, ms", |row| row.stop.median());
    compare("RSS, kB", |row| count(row.memory.rss));
    compare("wake-ups", |row| count(row.wakeups.unwrap_or(0)));
    let rss = count(rows[0].memory.rss);
    table.row(vec![
        "RSS, kB, in all".into(),
        number(rss),
        at_most(rss, MEMORY),
    ]);
    table
}

fn others(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter()
        .filter(|row| row.kind.supervises() && !matches!(row.kind, Kind::Init | Kind::InitPausing))
}

fn count(value: u64) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::assert_finds;

    fn row(kind: Kind, start: f64, rss: u64) -> Row {
        let one = |value: f64| [value].into_iter().collect::<Sample>();
        Row {
            kind,
            start: one(start),
            restart: one(1.0),
            stop: one(1.0),
            memory: Memory { rss, pss: rss / 2 },
            wakeups: Some(0),
        }
    }

    #[test]
    fn ours_is_held_against_the_best_that_supervises() {
        let rows = [
            row(Kind::Init, 4.0, 1_000),
            row(Kind::S6, 3.0, 4_800),
            row(Kind::Runit, 1_000.0, 4_000),
            row(Kind::Tini, 1.0, 100),
        ];
        let text = goals(&rows).to_string();
        assert!(text.contains("<= 3.30: **missed**"), "{text}");
        assert!(text.contains("<= 4,400: met"), "{text}");
        assert!(text.contains("<= 1,500: met"), "{text}");
    }

    #[test]
    fn an_init_that_takes_ten_times_as_much_is_found() {
        let s6 = row(Kind::S6, 4.0, 4_000);
        let judged = |slower: usize| {
            let times = |place: usize| if place == slower { 10.1 } else { 1.0 };
            let one = |value: f64| [value].into_iter().collect::<Sample>();
            let rss = if slower == 4 { 10_100 } else { 1_000 };
            let ours = Row {
                restart: one(3.6 * times(2)),
                stop: one(times(3)),
                ..row(Kind::Init, 4.0 * times(1), rss)
            };
            ratios(&ours, Some(&s6))
        };
        let slower = [
            ("init, start", judged(1)),
            ("init, restart", judged(2)),
            ("init, stop", judged(3)),
            ("init, RSS", judged(4)),
        ];
        assert_finds(&judged(0), &slower);
    }

    #[test]
    fn the_table_names_everybody() {
        let text = table(&[row(Kind::S6, 3.0, 1)], Duration::from_secs(10)).to_string();
        assert!(
            text.contains("s6-svscan") && text.contains("wake-ups in 10 s"),
            "{text}"
        );
    }
}
