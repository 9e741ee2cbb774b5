//! Makes `/nodes` follow a Serf event or the member list. The documentation of
//! [`Args`] is the program's page.

#![cfg_attr(fuzzing, no_main)]

mod address;
mod admission;
mod apply;
mod by_name;
mod cidr;
mod due;
mod event;
mod facts;
mod folder;
mod follow;
#[cfg(any(test, fuzzing))]
#[path = "../../../../fuzz/targets/serf_nodes.rs"]
mod fuzz;
mod handler;
mod listed;
mod log;
mod marks;
mod members;
mod own;
mod places;
mod plan;
mod refusal;
mod remarks;
mod roster;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Parser};
use journal::Step;

use cidr::Cidr;
use listed::Listed;
use plan::Percent;

/// The name before each message.
const PROGRAM: &str = "serf-nodes";

/// Makes /nodes follow a Serf event or the member list
///
/// Interface
///   Without --members and --log-only it applies one Serf event, as an event
///   handler gets it: SERF_EVENT and SERF_SELF_NAME in the environment, on stdin
///   one line for each member: name, address, role and tags, separated by TAB. It
///   first writes the event's lines to the log.
///   --log-only writes those lines and does nothing else. A user event or a query
///   has none, and it exits with 0 then too.
///   --members makes /nodes follow the living backends of the whole list:
///     serf members -format=json | serf-nodes --members -
///
/// Events
///   join and update write a node, leave, failed and reap remove it, at once.
///   A node that exists keeps the port, weight and service of its file, since
///   an event's tags cannot be told apart. For user and query there is nothing to
///   do. A line above 4 kB and whatever comes after the first megabyte is refused,
///   and so is a member at the address and port of another node's file, and one that
///   goes while the file of its name has another address.
///
/// Member list
///   A node is written as its tags port, weight and service say. left and
///   leaving remove it at once. A node that has failed, is absent from the list,
///   has another role or is refused is lost: it stays for --hold, then it is
///   removed. But if more than one node and more than --max-lost of all nodes are
///   lost, all of them stay. A list of only one member, or of none, removes
///   nothing.
///   A node is an address and a port (3000 if no tag names one) as well as a name:
///   its place. A lost node whose place a living one has goes at once, and does not
///   count as lost. Of several living members with one place the one whose file has
///   it serves, or else the first in name order; the others are refused, until it
///   leaves or is lost.
///
/// Addresses
///   These addresses are refused: unspecified, multicast, broadcast and
///   link-local ones, loopback unless it is allowed, and the balancers' own: those
///   of living members with the role balancer (of an event: those in it, and
///   SERF_SELF_NAME's). But a node that lives and whose file has the address stays
///   when a balancer claims it, unless it is this machine's own. With --allow everything outside of its networks is
///   refused as well. A network of loopback addresses in --allow allows these; a
///   balancer's address is taken if --allow names it alone. --deny wins.
///
/// Files
///   /nodes/NAME        one line: NAME ADDRESS [port=N] [weight=N] [service=NAME]
///   /nodes/.lock       held while /nodes is read and written
///   /nodes/.lost/NAME  since when the node is lost: the date, and for the runs until the
///                      machine starts anew the same moment on a clock that nobody sets
///   /nodes/.due        when the next hold ends, as Unix time in seconds; not there if
///                      no node is held, or if those that are lost stay for longer
///   /nodes/.said       remarks on the list that are in the log and still true
///   /nodes/.steps      where CHAIN_RUN in the environment names a run of the chain: how
///                      this step of it ended, and who is lost, held or refused at present,
///                      until haproxy-reload makes /nodes/.state of it
///   /var/log/muster.jsonl  the journal, where MUSTER_JOURNAL in the environment names it:
///                      a line if a node was added, changed or removed, is lost or back,
///                      or if this failed. Above 5 MB it becomes muster.jsonl.1
///   /var/log/serf.log  above 5 MB it becomes serf.log.1
///
/// Exit codes
///   0    a node was written or removed; with --log-only: the lines, if there are
///        any, were written
///   1    nothing to do
///   100  used wrongly: unknown option, SERF_EVENT missing or unknown
///   111  failed, but a later run may work: a list, a node or a mark that cannot be
///        read, and nothing was done; or a file that cannot be written. What could
///        be done was done then, and the next run does the rest.
///
/// Notes
///   A member that is refused never changes what happens to the others. Whatever
///   comes from the network is shown in escaped form.
///   If .steps or the journal cannot be written, nothing else changes by that.
#[derive(Parser)]
#[expect(
    clippy::doc_markdown,
    reason = "it is the page that --help shows, and no Markdown"
)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Follow this member list, as `serf members -format=json` prints it; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "log_only")]
    members: Option<PathBuf>,
    /// Only write the event's lines to the log
    #[arg(long)]
    log_only: bool,
    /// The directory with one file for each node
    #[arg(
        long,
        value_name = "DIR",
        env = "NODES_DIR",
        hide_env_values = true,
        default_value = "/nodes"
    )]
    nodes: PathBuf,
    /// The role of the members that are nodes
    #[arg(
        long,
        value_name = "ROLE",
        env = "SERF_ROLE",
        hide_env_values = true,
        default_value = "backend"
    )]
    role: String,
    /// The log; - is stderr
    #[arg(
        long,
        value_name = "FILE",
        env = "SERF_LOG",
        hide_env_values = true,
        default_value = "/var/log/serf.log"
    )]
    log: PathBuf,
    /// Accept nodes with loopback addresses
    #[arg(long, env = "ALLOW_LOOPBACK", hide_env_values = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    allow_loopback: bool,
    /// Accept only nodes in this network; repeat it, or separate several by commas
    #[arg(long, value_name = "CIDR", env = "NODES_ALLOW", hide_env_values = true)]
    allow: Vec<Listed<Cidr>>,
    /// Never accept a node with this address; several as with --allow
    #[arg(long, value_name = "IP", env = "NODES_DENY", hide_env_values = true)]
    deny: Vec<Listed<IpAddr>>,
    /// How long a lost node stays
    #[arg(
        long,
        value_name = "TIME",
        env = "NODES_HOLD",
        hide_env_values = true,
        default_value = "30s",
        value_parser = humantime::parse_duration
    )]
    hold: Duration,
    /// If more than this share of the nodes is lost, all lost nodes stay
    #[arg(
        long,
        value_name = "SHARE",
        env = "NODES_MAX_LOST",
        hide_env_values = true,
        default_value = "50%"
    )]
    max_lost: Percent,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(args: Args) -> anyhow::Result<exit::Exit> {
    let admission = admission::Admission {
        role: args.role,
        allow_loopback: args.allow_loopback,
        allow: args.allow.into_iter().flat_map(|list| list.0).collect(),
        deny: args.deny.into_iter().flat_map(|list| list.0).collect(),
    };
    let mut log = log::Log::new(args.log);
    if args.log_only {
        return handler::log_only(&mut log);
    }
    let nodes = nodes::Nodes::new(args.nodes);
    let mut step = Step::begin(PROGRAM, nodes.path());
    let result = match args.members {
        Some(list) => {
            let policy = plan::Policy {
                hold: args.hold,
                max_lost: args.max_lost,
            };
            follow::run(&list, &nodes, &admission, policy, &mut log, &mut step)
        }
        None => handler::run(&nodes, &admission, &mut log, &mut step),
    };
    log.flush_or_say();
    step.end(&result);
    result
}
