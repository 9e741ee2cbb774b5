//! `haproxy-reload`: see [`Options`], whose text is the program's page.

mod converge;
mod file;
mod haproxy;
mod plan;
mod reload;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use exit::{Exit, print};

use crate::converge::{Convergence, situation};
use crate::file::kept::Files;
use crate::haproxy::Haproxy;
use crate::haproxy::socket::Socket;

/// Makes the running HAProxy agree with haproxy.cfg
///
/// Interface
///   Compares the file with what HAProxy itself says that it runs. Where only
///   servers, their addresses or their weights differ, it sends commands: a
///   server that is added gets no request before it passed its check, one that
///   left finishes the requests that it has. Where anything else differs, or a
///   command did not have its effect, HAProxy is reloaded through its master
///   socket, and the new worker is waited for. It can be run at any time, by
///   anybody, as often as one likes: where nothing differs nothing is done.
///
/// Files
///   haproxy.cfg                read, never written
///   haproxy.cfg.good           the last file that HAProxy took
///   .haproxy.cfg.refused       the last one that it refused, and the pause
///   .haproxy.cfg.reload.lock   held while it works
///
/// Exit codes
///   0    done, HAProxy was changed (--dry-run: it would be; --status: shown)
///   1    nothing to do
///   100  used wrongly
///   111  failed, and the old worker goes on; the next run tries again
///
/// Notes
///   A file that HAProxy refused is tried again after 1 s, then 2 s and so on
///   up to 60 s; another content at once. The file needs `stats socket SOCKET
///   level admin`, and HAProxy runs as `haproxy -W -S MASTER`. If nobody answers
///   at SOCKET and the master does, HAProxy is reloaded. Where somebody removed
///   the socket that does not help: start HAProxy anew (`svc -r`).
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
struct Options {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "HAPROXY_CFG",
        default_value = "/usr/local/etc/haproxy/haproxy.cfg"
    )]
    config: PathBuf,
    /// The command socket of HAProxy's worker
    #[arg(
        long,
        value_name = "SOCKET",
        env = "HAPROXY_SOCKET",
        default_value = "/var/run/haproxy.sock"
    )]
    socket: PathBuf,
    /// The command socket of HAProxy's master
    #[arg(
        long,
        value_name = "SOCKET",
        env = "HAPROXY_MASTER",
        default_value = "/var/run/haproxy-master.sock"
    )]
    master: PathBuf,
    /// The longest that a run may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Reload even if commands would do, or nothing
    #[arg(long)]
    full: bool,
    /// Say what would be done
    #[arg(long, conflicts_with = "full")]
    dry_run: bool,
    /// Show the servers: wanted, running, their health and their requests
    #[arg(long, conflicts_with_all = ["full", "dry_run"])]
    status: bool,
    /// The same for programs
    #[arg(long, requires = "status")]
    json: bool,
}

fn main() -> ExitCode {
    exit::main("haproxy-reload", run)
}

fn run(options: Options) -> anyhow::Result<Exit> {
    // A year is for ever; more would not fit into a clock.
    let timeout = options.timeout.min(Duration::from_secs(365 * 86_400));
    let deadline = Instant::now() + timeout;
    let socket = |path, half_close| Socket {
        path,
        deadline,
        refusals: Duration::from_millis(if half_close { 2_000 } else { 250 }),
        half_close,
    };
    let files = Files {
        config: options.config,
    };
    let haproxy = Haproxy {
        worker: socket(options.socket, false),
        master: socket(options.master, true),
    };
    if options.status {
        return status::show(&files, &haproxy, options.json);
    }
    if options.dry_run {
        return dry_run(&files, &haproxy);
    }
    let _lock = files.lock(deadline)?;
    Convergence::new(&files, &haproxy, options.full).run()
}

fn dry_run(files: &Files, haproxy: &Haproxy) -> anyhow::Result<Exit> {
    let plan = situation(files, haproxy)?.plan;
    let text = plan.to_string();
    print(&text)?;
    Ok(if text.is_empty() {
        Exit::Unchanged
    } else {
        Exit::Changed
    })
}
