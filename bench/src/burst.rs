//! A hundred nodes that come at once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::fixture::{Check, Fixture};
use crate::process::{milliseconds, stdin_from};
use crate::sample::{Sample, number};
use crate::setting::{Setting, progress};
use crate::table::{Answer, Table, at_most};

const BURST: usize = 100;
/// All at once: right within this many milliseconds.
const AT_ONCE: f64 = 1_000.0;
/// Nobody listens there, so the handler has to do with its event.
const NO_AGENT: &str = "127.0.43.2:1";

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    let mut table = Table::new(&["100 joins", "ms", "reloads", "goal"]);
    let rounds = setting.rounds(5, 1);
    progress("burst: one event of 100");
    table.row(measure(
        "in one event, as Serf coalesces them",
        rounds,
        setting,
        one_event,
    )?);
    progress("burst: 100 events, one after the other");
    table.row(measure("one after the other", rounds, setting, one_by_one)?);
    progress("burst: 100 handlers at once");
    table.row(measure(
        "100 handlers at once, without an agent to ask",
        rounds,
        setting,
        at_once,
    )?);
    Ok(Answer::new("burst: 100 nodes join")
        .text("From the first event to a HAProxy that has all 100 nodes, beginning with none.")
        .table(table))
}

fn measure(
    what: &str,
    rounds: usize,
    setting: &Setting,
    burst: fn(&Fixture, &Setting, &[String]) -> anyhow::Result<f64>,
) -> anyhow::Result<Vec<String>> {
    let mut sample = Sample::default();
    let mut reloads = 0;
    for _ in 0..rounds {
        let fixture = Fixture::new(setting, 0, Path::new("/tmp"))?;
        let before = fixture.haproxy().worker()?;
        let names: Vec<String> = (0..BURST).map(|number| format!("b{number:03}")).collect();
        sample.push(burst(&fixture, setting, &names)?);
        reloads += usize::from(fixture.haproxy().worker()? != before);
        let served = fixture.served()?;
        ensure!(
            served == BURST,
            "{what}: {served} of {BURST} nodes are served"
        );
    }
    let goal = if what.contains("after the other") {
        "-".to_string()
    } else {
        at_most(sample.median(), AT_ONCE)
    };
    let reloads = f64::from(u32::try_from(reloads).unwrap_or(u32::MAX));
    Ok(vec![
        what.to_string(),
        sample.to_string(),
        number(reloads),
        goal,
    ])
}

fn one_event(fixture: &Fixture, _: &Setting, names: &[String]) -> anyhow::Result<f64> {
    Ok(fixture.event("member-join", names, Check::IfNeeded)?.sum())
}

fn one_by_one(fixture: &Fixture, _: &Setting, names: &[String]) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for name in names {
        sum += fixture.join(name, Check::IfNeeded)?.sum();
    }
    Ok(sum)
}

/// As many handlers as nodes, all started before the first has ended.
fn at_once(fixture: &Fixture, setting: &Setting, names: &[String]) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut handlers = Vec::new();
    for name in names {
        let event = fixture.write_event(std::slice::from_ref(name))?;
        let mut command = handler(fixture, setting)?;
        let child = command.stdin(stdin_from(&event)?).spawn();
        handlers.push(child.context("start member-event")?);
    }
    for mut handler in handlers {
        let status = handler.wait().context("wait for member-event")?;
        ensure!(status.success(), "member-event ended with {status}");
    }
    Ok(milliseconds(start))
}

fn handler(fixture: &Fixture, setting: &Setting) -> anyhow::Result<Command> {
    let mut command = fixture.command(&setting.root().join("ha/scripts/member-event"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let ours = std::iter::once(setting.program(""));
    let path = std::env::join_paths(ours.chain(std::env::split_paths(&path)))
        .context("put the programs on the PATH")?;
    command
        .env("PATH", path)
        .env("SERF_EVENT", "member-join")
        .env("SERF_RPC_ADDR", NO_AGENT)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}
