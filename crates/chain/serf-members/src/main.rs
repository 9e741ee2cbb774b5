//! Prints Serf's member list without those that have left and nobody knows.

#![cfg_attr(fuzzing, no_main)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use exit::Exit;
use journal::Step;
use serf_rpc::{Agent, Client, Filter, Member, NOT_LEFT, members};

#[cfg(any(test, fuzzing))]
#[path = "../../../../fuzz/targets/serf_rpc.rs"]
mod fuzz;
mod more;
mod shown;

use more::More;

const PROGRAM: &str = "serf-members";

/// Prints the member list of a Serf agent, as `serf members -format=json` does.
///
/// Interface:
///   Asks the agent at --rpc, and writes the list to stdout. With --nodes the list is without the
///   members that have left, of which an agent keeps each for as long as its `tombstone_timeout`
///   says, but for those that have a file in that folder: for whoever makes the files follow the
///   list, these have to go, where one of which the list says nothing at all may be alive.
///
/// Files:
///   DIR/NAME     with --nodes: what the files are called, and nothing in them
///   FILE         the key of --rpc-key-file: its text without the final line feed
///   DIR/.steps   with --nodes, and where CHAIN_RUN in the environment names a run of the chain:
///                that this step of it has failed, and why, until haproxy-reload makes
///                DIR/.state of it; if it has not failed, nothing is written
///   /var/log/muster.jsonl  the journal, where MUSTER_JOURNAL in the environment names it: with
///                --nodes, a line if this has failed. Above 5 MB it becomes muster.jsonl.1
///
/// Exit codes:
///   0    the list has been printed
///   100  used wrongly
///   111  no agent has answered within --timeout, or the system failed
#[derive(Parser)]
#[expect(
    clippy::doc_markdown,
    reason = "it is the page that --help shows, and no Markdown"
)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Leave out who has left and has no file in this folder, which need not be there
    #[arg(long, env = "NODES_DIR", value_name = "DIR")]
    nodes: Option<PathBuf>,
    #[command(flatten)]
    agent: Agent,
    /// How long connecting, asking and answering may take together
    #[arg(long, default_value = "2s", value_parser = parse_timeout, value_name = "TIME")]
    timeout: Duration,
}

fn parse_timeout(text: &str) -> std::result::Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    limit::reckonable(time)
}

fn run(args: Args) -> Result<Exit> {
    let began = Instant::now();
    let nodes = args.nodes.clone();
    let result = ask(args);
    // The step after it knows that this one has succeeded: each join has to wait for it.
    if let (Err(_), Some(nodes)) = (&result, nodes) {
        let step = Step::begin(PROGRAM, &nodes).begun(began.elapsed());
        step.end(&result);
    }
    result
}

fn ask(args: Args) -> Result<Exit> {
    let mut client = args.agent.connect(args.timeout)?;
    match args.nodes {
        None => show(&members(&client.members()?)?),
        Some(folder) => show_known(&mut client, &names(&folder)?),
    }
}

/// Shows all but those that have left and are not in `nodes`.
fn show_known(client: &mut Client, nodes: &BTreeSet<String>) -> Result<Exit> {
    let first = client.members_filtered(&Filter {
        status: NOT_LEFT.to_owned(),
        ..Filter::default()
    })?;
    let mut list = members(&first)?;
    // The answer of the second question has to live as long as the list.
    let second;
    match more::more(nodes, &list) {
        More::Nothing => (),
        More::Named(filter) => {
            second = client.members_filtered(&filter)?;
            list.extend(members(&second)?);
        }
        More::All => {
            second = client.members()?;
            list = members(&second)?;
            list.retain(|member| more::is_wanted(nodes, member));
        }
    }
    show(&list)
}

fn show(list: &[Member]) -> Result<Exit> {
    exit::print(&shown::json(list)?)?;
    Ok(Exit::Changed)
}

/// The names of the nodes that have a file in `folder`.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = match files::list(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        result => result.with_context(|| format!("list {}", folder.display()))?,
    };
    let names = entries.iter().filter_map(|entry| entry.name.to_str());
    let names = names.filter_map(|name| nodes::Name::parse(name).ok());
    Ok(names.map(|name| name.as_str().to_owned()).collect())
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}
