//! `haproxy-reload`: the documentation of [`Options`] is the program's page.

mod converge;
mod file;
mod haproxy;
mod loaded;
mod plan;
mod reload;
mod situation;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use exit::{Exit, print};

use crate::converge::Convergence;
use crate::file::kept::Files;
use crate::haproxy::Haproxy;
use crate::haproxy::socket::Socket;
use crate::situation::situation;

/// The name before every message.
const PROGRAM: &str = "haproxy-reload";

/// Makes the running HAProxy agree with haproxy.cfg
///
/// Interface
///   Compares the file with what HAProxy itself says that it runs. If only
///   servers, their addresses or their weights differ, it sends commands: a
///   server that is added gets no request before it has passed its check, and
///   one that left finishes the requests that it has. If anything else differs,
///   or a command did not have its effect, it reloads HAProxy through the master
///   socket and waits for the new worker. It can be run at any time, by anybody
///   and as often as one likes: if nothing differs, it does nothing.
///   Maps and ACL files that haproxy-gen made together with haproxy.cfg are
///   compared as well, and taken over by commands, each of them at once.
///
/// Files
///   haproxy.cfg                read, never written
///   haproxy.cfg.good           the last file that HAProxy took
///   .haproxy.cfg.refused       which file it refused last, when, and the pause
///   .haproxy.cfg.reload.lock   held during a run
///   those of maps and ACLs     read, where haproxy.cfg names them in its comments
///
/// Exit codes
///   0    done, HAProxy was changed (--dry-run: it would be; --status: shown)
///   1    nothing to do
///   100  used wrongly
///   111  failed, and the old worker keeps running; the next run tries again
///
/// Notes
///   A file that HAProxy refused is tried again after 1 s, then after 2 s and so
///   on up to 60 s; a file with other content is tried at once. The file needs
///   `stats socket SOCKET level admin`, and HAProxy has to run as `haproxy -W
///   -S MASTER`. If nobody answers at SOCKET but the master does, HAProxy is
///   reloaded. If somebody removed the socket, that does not help: restart
///   HAProxy (`svc -r`).
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
    /// How long a run may take before it gives up
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Reload even if commands would be enough, or if nothing differs
    #[arg(long)]
    full: bool,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "full")]
    dry_run: bool,
    /// Show the servers in the file and in HAProxy, their health and their requests
    #[arg(long, conflicts_with_all = ["full", "dry_run"])]
    status: bool,
    /// With --status: show the same as JSON
    #[arg(long, requires = "status")]
    json: bool,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(options: Options) -> anyhow::Result<Exit> {
    // A year is as good as for ever, and adding much more to an `Instant` overflows.
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
    let now = situation(files, haproxy)?;
    let (plan, loaded) = (&now.plan, loaded::report(&now, haproxy)?.next);
    let lines = loaded.iter().cloned().chain(plan.later());
    let lines: String = lines.map(|line| line + "\n").collect();
    print(&format!("{plan}{lines}"))?;
    Ok(if plan.is_done() && loaded.is_empty() {
        Exit::Unchanged
    } else {
        Exit::Changed
    })
}
