//! Finds the agents of a Serf cluster by multicast DNS, and answers those that look.

#![cfg_attr(fuzzing, no_main)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use exit::Exit;

#[cfg(any(test, fuzzing))]
#[path = "../../../../fuzz/targets/multicast_dns.rs"]
mod fuzz;
mod link;
mod message;
mod rate;
mod sockets;

use link::Link;
use message::Service;
use rate::Rate;
use sockets::Sockets;

const PROGRAM: &str = "serf-discover";

/// How many agents are printed. Many that start at the same moment become one cluster when each
/// joins a few others.
const ENOUGH: usize = 32;

/// Finds the agents of a Serf cluster by multicast DNS, and answers those that look.
///
/// Interface:
///   `announce` answers whoever asks for the cluster NAME that an agent is at ADDRESS, until a
///   signal ends it. `find` asks once, and prints the agents of that cluster which answer within
///   a second, one a line as IP:PORT, 32 at most. Both speak as `serf agent -discover NAME` does,
///   so they find such agents, and are found by them.
///   They use the interface that has ADDRESS, by IPv4 and by IPv6 as far as it has them, and need
///   no route.
///
/// Exit codes:
///   0    find: somebody has answered
///   1    find: nobody has
///   100  used wrongly
///   111  the system failed: no interface has ADDRESS, for example
///
/// Notes:
///   Everybody on the network can answer, with what he likes; what keeps him out of the cluster
///   is its gossip key. Printed are only addresses of ADDRESS's family that a neighbour can have,
///   never ADDRESS itself. Nothing else of an answer is used or shown. Fifty questions in a
///   second are answered, from neighbours alone.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Answers whoever looks for the cluster
    Announce(Agent),
    /// Prints the other agents of the cluster
    Find(Agent),
}

#[derive(clap::Args)]
struct Agent {
    /// The name of the cluster, as in `serf agent -discover NAME`
    name: String,
    /// Where this node's own agent is
    #[arg(value_name = "IP:PORT")]
    address: SocketAddr,
}

fn run(args: Args) -> anyhow::Result<Exit> {
    match args.what {
        What::Announce(agent) => announce(&agent),
        What::Find(agent) => find(&agent),
    }
}

fn announce(agent: &Agent) -> anyhow::Result<Exit> {
    let service = Service::of(&agent.name)?;
    let link = Link::of(agent.address.ip())?;
    let sockets = Sockets::answering(&link)?;
    let mut rate = Rate::new(Instant::now());
    loop {
        let Some(question) = sockets.receive(None)? else {
            continue;
        };
        let Some(number) = message::asked(&question.message, &service) else {
            continue;
        };
        if !link.reaches(question.from.ip()) || !rate.allows(Instant::now()) {
            continue;
        }
        let answer = message::answer(&service, agent.address, number)?;
        // Who asked may have gone; whoever still wants to know asks again.
        let _ = sockets.reply(&question, &answer);
    }
}

fn find(agent: &Agent) -> anyhow::Result<Exit> {
    let service = Service::of(&agent.name)?;
    let link = Link::of(agent.address.ip())?;
    let sockets = Sockets::asking(&link)?;
    sockets.send_to_all(&message::question(&service)?)?;
    let mut deadline = Instant::now() + Duration::from_secs(1);
    let mut peers = Vec::new();
    while let Some(answer) = sockets.receive(Some(deadline))? {
        let found = message::found(&answer.message, &service);
        let new = found
            .into_iter()
            .filter(|it| link.is_peer(agent.address, *it));
        for peer in new {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
        if peers.len() >= ENOUGH {
            break;
        }
        if !peers.is_empty() {
            // One is enough to join; others that are there answer as fast.
            deadline = deadline.min(Instant::now() + Duration::from_millis(100));
        }
        if Instant::now() >= deadline {
            break;
        }
    }
    peers.truncate(ENOUGH);
    for peer in &peers {
        exit::print(&format!("{peer}\n"))?;
    }
    Ok(if peers.is_empty() {
        Exit::Unchanged
    } else {
        Exit::Changed
    })
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}
