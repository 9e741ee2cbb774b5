//! Chooses which of this host's addresses the cluster reaches it at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Parser;
use exit::{Exit, escape};

mod choice;
mod host;

use choice::{Choice, Own, choose};

const PROGRAM: &str = "node-address";

/// Of networks that exist in documents alone, so that the default route leads to them.
const OUTSIDE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Chooses which of this host's addresses the cluster reaches it at.
///
/// Interface:
///   The arguments are the addresses of the cluster's seeds. Prints the first of these that there
///   is: an address of this host's own that is among them; the address that this host sends from
///   to one of them; the only address that reaches beyond the link. Else it prints the one that
///   the default route has, or the first, and the exit code says that this is a guess. Several
///   addresses of one interface are no guess.
///   Where both families are as good, IPv4 is taken: an agent that is bound to the one family
///   cannot send to the other, so all members have to take the same. Loopback and link-local
///   addresses are taken only where the seeds have such, or --interface has no other.
///
/// Exit codes:
///   0    the address is printed
///   1    it is printed, and nothing tells whether it is the right one
///   100  used wrongly
///   111  there is no address, or the system failed
///
/// Notes:
///   Nothing is sent, and no name is resolved: `getent ahosts NAME` gives the addresses.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Only the addresses of this interface
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Addresses of the cluster's seeds, with or without a port
    #[arg(value_parser = parse_seed, value_name = "IP[:PORT]")]
    seeds: Vec<IpAddr>,
}

fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { interface, seeds } = args;
    let all = host::addresses()?;
    let named = interface.as_deref();
    let is_meant = |it: &&Own| named.is_none_or(|name| it.interface == name);
    let own: Vec<Own> = all.iter().filter(is_meant).cloned().collect();
    let chosen = choose(&own, &seeds, &OUTSIDE, named.is_some(), host::route);
    let (ip, exit) = match chosen {
        Some(Choice::Told(ip)) => (ip, Exit::Changed),
        Some(Choice::Guessed(ip)) => (ip, Exit::Unchanged),
        None => return Err(none(named, &all)),
    };
    exit::print(&format!("{ip}\n"))?;
    Ok(exit)
}

/// What to say where no address can be chosen.
fn none(named: Option<&str>, all: &[Own]) -> anyhow::Error {
    let has = all
        .iter()
        .map(|it| format!("{} {}", escape(it.interface.as_bytes()), it.ip));
    let has = has.collect::<Vec<_>>().join(", ");
    match named {
        Some(name) => anyhow!(
            "the interface '{}' is not up, or has no address; this host has: {has}",
            escape(name.as_bytes())
        ),
        None => anyhow!(
            "this host has no address that reaches beyond its link, and the seeds give none; \
             it has: {has}"
        ),
    }
}

fn parse_seed(text: &str) -> anyhow::Result<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Ok(ip);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) => Ok(address.ip()),
        Err(_) => bail!("it is no IP address (names are resolved by: getent ahosts NAME)"),
    }
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}
