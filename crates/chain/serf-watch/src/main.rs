//! Runs a command at once when the membership of Serf changes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use exit::Exit;

mod follow;
mod link;
mod runner;
mod scan;
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
///   Follows the log of the agent, in which a change is told a second before its event handlers
///   are called, and asks for the member list when a line is about members, and every --every in
///   any case. The command is run when the list differs from that of its last run, and again
///   when it has failed; one run at a time, and what changes meanwhile is one more run after it.
///   The command is not told the list: it asks for itself, so that it never works on an old one.
///
/// Signals:
///   TERM, INT    start no more runs, wait up to 5 s for the running one, end it, end
///
/// Exit codes:
///   0    ended by a signal; it ends for nothing else
///   100  used wrongly
///   111  the system failed
///   Of the command, 0 and 1 are success; whatever else is a failure, and it is tried again after
///   --every, then after pauses that double up to 10 s, or at once when the list changes.
///
/// Notes:
///   An agent that is not there, that refuses the key or that talks nonsense is told once and
///   tried again, every second at the latest. Without an agent nothing is run.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Where the agent's RPC is
    #[arg(
        long,
        env = "SERF_RPC_ADDR",
        default_value = "127.0.0.1:7373",
        value_parser = parse_address,
        value_name = "HOST:PORT"
    )]
    rpc: String,
    /// The file that holds the agent's RPC key
    #[arg(long, value_name = "FILE")]
    rpc_key_file: Option<PathBuf>,
    /// How often to look in any case
    #[arg(long, default_value = "1s", value_parser = parse_every, value_name = "TIME")]
    every: Duration,
    /// Run the command so long after its last run although nothing has changed: what it holds
    /// back for a time, and what others have undone; 0s is never
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, value_name = "TIME")]
    again: Duration,
    /// What to run
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

fn run(args: Args) -> anyhow::Result<Exit> {
    // Before anything can end that we have started.
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
    Follow::new(agent, watch, Runner::new(args.command), signals).run()?;
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

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    // The agent has other things to do.
    if every < Duration::from_millis(10) {
        return Err("it is less than 10ms".to_owned());
    }
    Ok(every)
}
