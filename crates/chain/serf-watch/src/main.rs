//! Runs a command at once when the membership of Serf changes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use exit::Exit;

mod backoff;
mod due;
mod follow;
mod link;
mod runner;
mod session;
mod signals;
mod told;
mod watch;
mod wire;

use follow::{Agent, Follow};
use runner::Runner;
use signals::Signals;
use watch::{Pace, Watch};

const PROGRAM: &str = "serf-watch";

/// Runs a command at once when the membership of Serf changes.
///
/// Interface:
///   Follows the log of the agent, which shows a change a second before the agent calls its event
///   handlers. It asks for the member list when a line is about members, and every --every in any
///   case. It runs the command when the list differs from that of the last run, and again when
///   the command has failed. There is one run at a time; changes during a run lead to one more
///   run after it. The command is not given the list: it asks for it itself, so that it never
///   works on an old one.
///   With --due the command says in a file when it wants to be run again, for what it holds
///   back until then. The file is read after each run; without one nothing is due. A moment
///   that has passed before a run began has had its run. Two runs because of it are 100 ms
///   apart at least.
///
/// Signals:
///   TERM, INT    start no more runs and end. A run that has not ended after 5 s gets TERM, and
///                KILL 1 s later, so this takes up to 6 s
///
/// Exit codes:
///   0    a signal ended it, which is the only normal end
///   100  used wrongly
///   111  the system failed
///   For the command, 0 and 1 are success. After anything else it is run again after --every,
///   then after pauses that double up to 10 s, or at once when the list changes.
///
/// Notes:
///   An agent that is not there, refuses the key or sends nonsense is reported once and tried
///   again, at least every second. Without an agent nothing is run.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// The address of the agent's RPC
    #[arg(
        long,
        env = "SERF_RPC_ADDR",
        default_value = "127.0.0.1:7373",
        value_parser = parse_address,
        value_name = "HOST:PORT"
    )]
    rpc: String,
    /// The file that holds the agent's RPC key
    #[arg(long, env = "SERF_RPC_KEY_FILE", value_name = "FILE")]
    rpc_key_file: Option<PathBuf>,
    /// How often to ask for the member list in any case
    #[arg(
        long,
        env = "SERF_WATCH_EVERY",
        default_value = "1s",
        value_parser = parse_every,
        value_name = "TIME"
    )]
    every: Duration,
    /// Run the command this long after its last run even if nothing has changed, for what
    /// others have undone; 0s is never
    #[arg(
        long,
        env = "SERF_WATCH_AGAIN",
        default_value = "10s",
        value_parser = parse_time,
        value_name = "TIME"
    )]
    again: Duration,
    /// Run the command at the moment in this file as well, which it writes: the Unix time in
    /// seconds
    #[arg(long, env = "SERF_WATCH_DUE", value_name = "FILE")]
    due: Option<PathBuf>,
    /// What to run
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

fn run(args: Args) -> anyhow::Result<Exit> {
    // Before the first command is started, so that no end of a command goes unnoticed.
    let signals = Signals::new()?;
    let agent = Agent {
        address: args.rpc,
        key_file: args.rpc_key_file,
    };
    let again = Some(args.again).filter(|again| !again.is_zero());
    let watch = Watch::new(
        Pace {
            every: args.every,
            again,
        },
        Instant::now(),
    );
    Follow::new(agent, watch, Runner::new(args.command), signals, args.due).run()?;
    Ok(Exit::Changed)
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn parse_address(text: &str) -> Result<String, String> {
    match text
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse::<u16>()))
    {
        Some((host, Ok(1..))) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("it is not of the form HOST:PORT".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    limit::reckonable(time)
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = parse_time(text)?;
    // Asking more often would keep the agent from its other work.
    if every < Duration::from_millis(10) {
        return Err("it is less than 10ms".to_owned());
    }
    Ok(every)
}
