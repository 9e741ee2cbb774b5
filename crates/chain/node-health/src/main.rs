//! Answers an engine's health check: does the node serve, and is it a member?

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use exit::Exit;
use serf_rpc::{Address, Agent};

mod agent;
mod mark;
mod seeds;
mod verdict;
mod web;

use verdict::{Facts, Now, Verdict};

const PROGRAM: &str = "node-health";

/// How long the web server and the agent each may take, at the same time, and how long looking
/// up the names of the seeds may take after the agent. An engine gives a check 3 s,
/// and the kernel counts such times in steps of up to an eighth of them.
const LIMIT: Duration = Duration::from_millis(2_100);
const AGENT: Duration = Duration::from_millis(1_200);
const NAMES: Duration = Duration::from_secs(1);

/// The seed of a node that is not told any.
const JOIN: &str = "cluster";

/// Answers an engine's health check: does the node serve, and is it a member of its cluster?
///
/// Interface:
///   Sends `HEAD /` to what serves at this node, and asks the Serf agent for its own status and
///   for how many other members it knows. Writes one line that says what it found, and for a
///   node that is not healthy what to do. It ends within 2.5 s.
///
///   healthy      it serves and is a member with others; it is alone and its seeds' names give
///                nobody else; it was a member and has lost the others, since an engine that
///                kills what is unhealthy would make an outage of a fault of the gossip
///   not healthy  HEAD / is not answered with 200; no agent answers; the node leaves or has
///                left; it has never had another member although its seeds' names give others
///                (another key, another network)
///
/// Files:
///   --mark       says what the node was. `joined`: a member with others, once, which it stays
///                also after its agent has started again. `alone`: alone, when it was written,
///                and its seeds gave nobody else; for 45 s from then on it has time to join
///                those who have come. Where the file cannot be written, that is said, and
///                nothing else changes
///
/// Exit codes:
///   0    healthy
///   1    not healthy
///   100  used wrongly
///   111  the system failed
///
/// Notes:
///   Names are looked up with `getent ahosts`, and only when the node has never had another
///   member. With --live it asks only whether the node serves, for a check after which what
///   does not serve is started anew.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Ask only whether the node serves
    #[arg(long)]
    live: bool,
    /// The port at which the node serves, on 127.0.0.1 or else on `::1`
    #[arg(long, env = "HEALTH_PORT", value_name = "PORT")]
    port: Option<String>,
    /// Where it serves, in place of that: IP:PORT, [IP]:PORT or localhost:PORT
    #[arg(long, env = "HEALTH_ADDRESS", value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(flatten)]
    agent: Agent,
    /// The names and addresses of seeds, separated by blanks
    #[arg(
        long,
        env = "SERF_JOIN",
        default_value = JOIN,
        value_name = "SEEDS"
    )]
    join: String,
    /// Remembers what the node was
    #[arg(
        long,
        env = "NODE_HEALTH_MARK",
        default_value = "/run/node-health.joined",
        value_name = "FILE"
    )]
    mark: PathBuf,
}

#[expect(clippy::needless_pass_by_value, reason = "exit::main hands them over")]
fn run(args: Args) -> Result<Exit> {
    let address = address(&args)?;
    let deadline = Instant::now() + LIMIT;
    if args.live {
        return tell(&verdict::live(&web::ask(&address, deadline)));
    }
    thread::scope(|scope| {
        let web = thread::Builder::new();
        let web = web.spawn_scoped(scope, || web::ask(&address, deadline));
        let web = web.context("start a thread")?;
        let about = cluster(&args);
        let web = web.join().map_err(|_| anyhow!("ask what serves"))?;
        tell(&verdict::verdict(&web, &about))
    })
}

/// What there is to know of the membership. The seeds are looked for only where they matter.
fn cluster(args: &Args) -> Facts {
    let (membership, own) = match agent::ask(&args.agent, AGENT) {
        Ok((membership, own)) => (verdict::Agent::Answers(membership), own),
        Err(error) => (verdict::Agent::Silent(format!("{error:#}")), None),
    };
    let was = mark::read(&args.mark);
    let join = if args.join.trim().is_empty() {
        JOIN
    } else {
        &args.join
    };
    let asks = verdict::asks_seeds(&membership, &was);
    let seeds = asks.then(|| seeds::look(join, own, NAMES));
    let now = verdict::to_remember(&membership, &was, seeds.as_ref());
    let kept = now.map_or(Ok(()), |now| mark::write(&args.mark, now == Now::Joined));
    Facts {
        membership,
        was,
        forgets: kept.err().map(|error| format!("{error:#}")),
        seeds,
    }
}

fn tell(verdict: &Verdict) -> Result<Exit> {
    let (exit, word, text) = match verdict {
        Verdict::Healthy(text) => (Exit::Changed, "healthy", text),
        Verdict::Unhealthy(text) => (Exit::Unchanged, "not healthy", text),
    };
    exit::print(&exit::message(&format!("{PROGRAM}: {word}: {text}\n")))?;
    Ok(exit)
}

/// Where the node serves.
fn address(args: &Args) -> Result<Address> {
    let port = args.port.as_ref();
    let port = port.map(|port| format!("localhost:{port}"));
    let text = args.address.clone().or(port);
    let text = text.ok_or_else(|| exit::misuse("say where the node serves, in HEALTH_PORT"))?;
    let address = text.parse::<Address>();
    address.map_err(|why| exit::misuse(format_args!("where the node serves, '{text}': {why}")))
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}
