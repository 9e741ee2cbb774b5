//! The lab's web application: what stands behind the balancer.

#![cfg_attr(fuzzing, no_main)]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use exit::Exit;

mod access;
mod app;
#[cfg(any(test, fuzzing))]
#[path = "../../fuzz/targets/webapp.rs"]
mod fuzz;
mod identity;
mod leaving;
mod listener;
mod session;
mod slow;
mod stop;

const PROGRAM: &str = "webapp";

/// The lab's web application: tells who answered, and counts the views of a session.
///
/// Interface:
///   GET /        200, {"hello","ip","host","tag","sessionViews","id"}; cookie NODESESSID,
///                header x-backend-ip
///   HEAD /       the same without a body; never starts a session (it is the health check)
///   POST /       the same as GET, for a request that nobody may repeat
///   POST /delay  {"delay": MS}: from now on GET / and POST / are answered after MS
///                milliseconds, and HEAD / at once, as a slow node lives; 0 is none.
///                400 where the body is not that, or MS is more than 3600000 (an hour);
///                413 where it is longer than 16 KiB. Who reaches the node itself slows it
///                for everybody. A visitor whom a balancer has sent (X-Forwarded-For) slows
///                only his own requests, by 10000 at most and for 5 minutes: of these 8 wait
///                at a time, and more get 429
///   all else     404
///
/// Signals:
///   TERM, INT    take no more connections, finish the requests in flight, end
///   USR1         the node is leaving: HEAD / answers 503 for 10 s, so that a balancer that no
///                leave has reached takes it out; all else is served as before
///
/// Exit codes:
///   0    ended by a signal
///   100  used wrongly
///   111  the system failed, for example the address is taken
///
/// Notes:
///   At most 10,000 sessions are kept, each for 30 minutes after its last view.
///   At most 2,000 requests wait for a delay at a time, of which 256 wait for delays of
///   visitors; more get 503. A visitor is the last address in X-Forwarded-For, which the
///   balancer adds; those behind one proxy are one visitor.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Where to listen
    #[arg(
        long,
        env = "WEBAPP_LISTEN",
        default_value = "0.0.0.0:3000",
        value_name = "ADDRESS:PORT"
    )]
    listen: SocketAddr,
    /// What `ip` and x-backend-ip say; else the address that the request came to
    #[arg(long, env = "SERVER_IP", value_parser = identity::parse_ip, value_name = "ADDRESS")]
    ip: Option<identity::Ip>,
    /// What `host` says; else the host name
    #[arg(
        long,
        env = "SERVER_NAME",
        default_value = "",
        hide_default_value = true
    )]
    name: String,
    /// What `tag` says
    #[arg(
        long,
        env = "SERVER_TAG",
        default_value = "",
        hide_default_value = true
    )]
    tag: String,
    /// Append a line to this file for each request, when it comes: METHOD PATH, and the
    /// name that the header X-Request-Id gives it, or -
    #[arg(long, env = "WEBAPP_LOG", value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write a line feed to this descriptor once it listens
    #[arg(long, value_name = "N")]
    ready_fd: Option<u32>,
    /// How long requests in flight may take after the signal to end
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    grace: std::time::Duration,
}

fn run(args: Args) -> anyhow::Result<Exit> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(stop::serve_until_told(args))?;
    Ok(Exit::Changed)
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

impl Args {
    fn fixed_ip(&self) -> Option<IpAddr> {
        self.ip.as_ref().and_then(|ip| ip.0)
    }
}
