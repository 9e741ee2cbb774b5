//! A hundred nodes that come at once.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::fixture::{Check, Fixture};
use crate::lab::Handler;
use crate::process::{milliseconds, stdin_from};
use crate::sample::Sample;
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

const BURST: usize = 100;
/// The goal in milliseconds when all nodes come in one event.
const AT_ONCE: f64 = 1_000.0;
/// Nobody listens there, so the handler knows nothing but its event.
const NO_AGENT: &str = "127.0.43.2:1";

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    let mut table = Table::new(&["100 joins", "ms", "reloads", "goal", "lab's handler, ms"]);
    let rounds = setting.rounds(5, 1);
    let lab = lab(setting)?;
    let mut row =
        |what: &str, burst: Burst, goal: Option<f64>, lab: &Sample| -> anyhow::Result<()> {
            let (sample, reloads) = measure(what, rounds, setting, burst)?;
            table.row(vec![
                what.into(),
                sample.to_string(),
                reloads.to_string(),
                goal.map_or_else(|| "-".into(), |goal| at_most(sample.median(), goal)),
                lab.to_string(),
            ]);
            Ok(())
        };
    progress("burst: one event of 100");
    row(
        "in one event, as Serf coalesces them",
        one_event,
        Some(AT_ONCE),
        &lab[0],
    )?;
    progress("burst: 100 events, one after the other");
    row("one after the other", one_by_one, None, &lab[1])?;
    progress("burst: 100 handlers at once");
    row(
        "100 handlers at once, without an agent to ask",
        at_once,
        None,
        &Sample::default(),
    )?;
    Ok(Answer::new("burst: 100 nodes join")
        .text("From the first event to a HAProxy that has all 100 nodes, beginning with none.")
        .table(table))
}

/// Measures the lab's handler with the same nodes, in one event and one after the other;
/// once, because it takes long.
fn lab(setting: &Setting) -> anyhow::Result<[Sample; 2]> {
    if setting.quick {
        return Ok([Sample::default(), Sample::default()]);
    }
    progress("burst: the lab's handler");
    let scratch = setting.scratch()?;
    let at_once = Handler::new(setting, &scratch.join("once"), 0)?.joins(&names())?;
    let handler = Handler::new(setting, &scratch.join("each"), 0)?;
    let each: Vec<f64> = names()
        .iter()
        .map(|name| handler.join(name))
        .collect::<anyhow::Result<_>>()?;
    Ok([
        [at_once].into_iter().collect(),
        [each.iter().sum()].into_iter().collect(),
    ])
}

fn names() -> Vec<String> {
    (0..BURST).map(|number| format!("b{number:03}")).collect()
}

type Burst = fn(&Fixture, &[String]) -> anyhow::Result<f64>;

/// Tells how many milliseconds each burst took, and how many reloads there were in all.
fn measure(
    what: &str,
    rounds: usize,
    setting: &Setting,
    burst: Burst,
) -> anyhow::Result<(Sample, usize)> {
    let mut sample = Sample::default();
    let mut reloads = 0;
    for _ in 0..rounds {
        let fixture = Fixture::new(setting, 0)?;
        let before = fixture.haproxy().worker()?;
        sample.push(burst(&fixture, &names())?);
        reloads += usize::from(fixture.haproxy().worker()? != before);
        let served = fixture.served();
        ensure!(
            served == BURST,
            "{what}: {served} of {BURST} nodes are served"
        );
    }
    Ok((sample, reloads))
}

fn one_event(fixture: &Fixture, names: &[String]) -> anyhow::Result<f64> {
    Ok(fixture.event("member-join", names, Check::IfNeeded)?.sum())
}

fn one_by_one(fixture: &Fixture, names: &[String]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for name in names {
        sum += fixture.join(name, Check::IfNeeded)?.sum();
    }
    Ok(sum)
}

/// Starts a handler for each node, all of them before the first has ended.
fn at_once(fixture: &Fixture, names: &[String]) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut handlers = Vec::new();
    for name in names {
        let event = fixture.write_event(std::slice::from_ref(name))?;
        let mut command = fixture.member_event()?;
        command
            .env("SERF_EVENT", "member-join")
            .env("SERF_RPC_ADDR", NO_AGENT)
            .stdin(stdin_from(&event)?)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        handlers.push(command.spawn().context("start member-event")?);
    }
    for mut handler in handlers {
        let status = handler.wait().context("wait for member-event")?;
        ensure!(status.success(), "member-event ended with {status}");
    }
    Ok(milliseconds(start))
}
