//! The cluster as one page: what the chain has done, and what serves.

#![cfg_attr(fuzzing, no_main)]

mod facts;
mod http;
mod metrics;
mod once;
mod render;
mod view;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use exit::Exit;
use facts::{Paths, Reader};
use view::{History, Level};

/// The name before each message.
const PROGRAM: &str = "muster-page";
/// From which age on the end of the last run says that there are no runs.
const STALE: Duration = Duration::from_secs(30);
/// The host's name, where nobody has given the node one.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// More than any host name has, in bytes.
const MAX_HOST_NAME: u64 = 1024;

/// Shows the cluster as one page, which follows it, and as metrics.
///
/// Interface:
///   It reads, and writes nothing: the nodes and what the last run of the chain left in
///   --nodes, the journal, the records of the supervised services, and what HAProxy says at a
///   socket of `level user`, which refuses whatever would change anything. What cannot be read
///   is shown with the reason.
///   It serves GET and HEAD of / (the page), /live (its changes), /state.json, /agreement.json
///   and /metrics, to requests whose Host is an IP address, localhost or a --host.
///   With --once it prints the sentence, the chain, the nodes that do not serve and the last
///   events as text.
///
/// Signals:
///   TERM, INT    end, within a second
///
/// Exit codes:
///   0    a signal ended it; with --once, all is well
///   1    with --once, all is not well
///   100  used wrongly
///   111  the system failed
///
/// Notes:
///   It reads only while somebody looks, and once for all who do. At most 64 browsers follow it
///   at a time, and more get 503; of more than 256 connections some wait. A connection to which
///   nothing could be sent for 10 s is closed.
///   It asks the other balancers, at their addresses and the port of --listen, which nodes they
///   have.
#[derive(clap::Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Print it as text, and end
    #[arg(long)]
    once: bool,
    /// Where to serve it
    #[arg(
        long,
        env = "MUSTER_PAGE_LISTEN",
        default_value = "127.0.0.1:1940",
        value_name = "ADDRESS:PORT"
    )]
    listen: SocketAddr,
    /// A name under which it may be asked for, beside IP addresses and localhost; in the
    /// environment several, with commas or blanks between them
    #[arg(long = "host", env = "MUSTER_PAGE_HOSTS", value_name = "NAME")]
    hosts: Vec<String>,
    /// The folder with one file for each node
    #[arg(
        long,
        env = "NODES_DIR",
        default_value = "/nodes",
        value_name = "FOLDER"
    )]
    nodes: PathBuf,
    /// The journal of the chain; empty is none
    #[arg(
        long,
        env = "MUSTER_JOURNAL",
        default_value = "/var/log/muster.jsonl",
        value_name = "FILE"
    )]
    journal: OsString,
    /// HAProxy's socket for looking
    #[arg(
        long,
        env = "HAPROXY_LOOK_SOCKET",
        default_value = "/var/run/haproxy-look.sock",
        value_name = "FILE"
    )]
    socket: PathBuf,
    /// The folder of the supervised services; empty is none
    #[arg(
        long,
        env = "MUSTER_PAGE_SERVICES",
        default_value = "/var/run/s6/services",
        value_name = "FOLDER"
    )]
    services: OsString,
    /// The balancer's name; if empty, that of the host
    #[arg(long, env = "SERF_NODE", default_value = "", value_name = "NAME")]
    name: String,
    /// After which time the chain runs again although nothing has changed; 0s is never. A last
    /// run that is three times as old, and older than 30 s, is told
    #[arg(
        long,
        env = "SERF_WATCH_AGAIN",
        default_value = "10s",
        value_parser = humantime::parse_duration,
        value_name = "TIME"
    )]
    again: Duration,
    /// Write a line feed to this descriptor once it listens
    #[arg(long, value_name = "N")]
    ready_fd: Option<u32>,
}

impl Args {
    fn paths(&self) -> Paths {
        let named = |path: &OsString| (!path.is_empty()).then(|| PathBuf::from(path));
        let patience = self.again.saturating_mul(3).max(STALE);
        Paths {
            name: self.name(),
            nodes: self.nodes.clone(),
            journal: named(&self.journal),
            socket: self.socket.clone(),
            services: named(&self.services),
            patience: (!self.again.is_zero()).then_some(patience),
        }
    }

    fn name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let name = files::read(Path::new(HOST_NAME), MAX_HOST_NAME)
            .ok()
            .flatten();
        let name = name.unwrap_or_default();
        String::from_utf8_lossy(name.trim_ascii()).into_owned()
    }

    /// The names under which it may be asked for.
    fn hosts(&self) -> Vec<String> {
        let is_between = |c: char| c == ',' || c.is_whitespace();
        let hosts = self.hosts.iter().flat_map(|host| host.split(is_between));
        let hosts = hosts.filter(|host| !host.is_empty());
        hosts.map(str::to_lowercase).collect()
    }
}

fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.once {
        return once(args);
    }
    serve(args)
}

/// Prints the page as text.
fn once(args: &Args) -> anyhow::Result<Exit> {
    let snapshot = Reader::new(&args.paths()).read();
    let view = view::view(&snapshot, &History::default());
    exit::print(&once::text(&view))?;
    Ok(if view.sentence.level == Level::Well {
        Exit::Changed
    } else {
        Exit::Unchanged
    })
}

/// Serves the page until a signal ends it.
fn serve(args: &Args) -> anyhow::Result<Exit> {
    let place = http::Place {
        listen: args.listen,
        hosts: args.hosts(),
        ready_fd: args.ready_fd,
    };
    http::serve(&place, http::Site::new(args.paths())?)?;
    Ok(Exit::Changed)
}

fn main() -> ExitCode {
    exit::main(PROGRAM, |args: Args| run(&args))
}
