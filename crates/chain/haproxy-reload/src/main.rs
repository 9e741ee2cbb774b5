//! `haproxy-reload`: the documentation of [`Options`] is the program's page.

#![cfg_attr(fuzzing, no_main)]

mod converge;
mod file;
#[cfg(any(test, fuzzing))]
#[path = "../../../../fuzz/targets/haproxy_answers.rs"]
mod fuzz;
mod haproxy;
mod loaded;
mod plan;
mod record;
mod reload;
mod situation;
mod status;
mod waiting;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use exit::{Exit, print, say};
use journal::{Line, Step};

use crate::converge::{Convergence, End};
use crate::file::kept::Files;
use crate::haproxy::Haproxy;
use crate::record::Told;
use crate::reload::pace::Pace;
use crate::situation::situation;
use crate::status::Places;
use haproxy_socket::Socket;

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
///   Maps and ACL files that haproxy-gen made together with haproxy.cfg, and
///   the files of certificates, are compared as well and taken over by commands.
///   A certificate that comes to a folder, or goes, is a reload.
///
/// Files
///   haproxy.cfg                read, never written
///   haproxy.cfg.good           the last file that HAProxy took
///   With several --config, or with a folder, each file has such a copy beside
///   it. The others are there once, named after the first --config:
///   .haproxy.cfg.refused       which file it refused last, when, and the pause
///   .haproxy.cfg.reload.lock   held during a run
///   .haproxy.cfg.waiting.lock  held by who waits for --reload-every, with what it said
///   maps, ACL files            read, where haproxy.cfg names them in its comments
///   certificates               read when they changed since the last run
///   /nodes/.state, /var/log/muster.jsonl
///                              what a step of the chain did; --status reads them
///   /nodes/NAME                read by --status
///
/// Exit codes
///   0    done, HAProxy was changed (--dry-run: it would be; --status: all is well, or
///        nothing is recorded of the chain), or all is done but a reload that waits for
///        its time, as stderr says
///   1    nothing to do (--status: something is not well)
///   100  used wrongly
///   111  failed, and the old worker keeps running; the next run tries again
///
/// Notes
///   Several files are one text, in the order in which they are given, as for
///   HAProxy; in a folder, those whose names end in .cfg and do not begin with a
///   dot, in the order of their names.
///   A file that HAProxy refused is tried again after 1 s, then after 2 s and so
///   on up to 60 s; a file with other content is tried at once. The file needs
///   `stats socket SOCKET level admin`, and HAProxy has to run as `haproxy -W
///   -S MASTER`. If nobody answers at SOCKET but the master does, HAProxy is
///   reloaded. If somebody removed the socket, that does not help: restart
///   HAProxy (`svc -r`).
///   While the worker is younger than --reload-every, a reload that is due waits.
///   What commands can do for servers and certificates is done at once; maps wait
///   with the lines, since an entry may name a backend that is new. A process that
///   is left behind makes it when the time is over, and what it says is told by
///   the next run. If it is killed, the next run finds the same reload due. --full
///   does not wait, nor does the reload of a worker that does not answer.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
struct Options {
    /// The configuration: a file, or a folder whose `.cfg` files are read; several
    /// --config are read as HAProxy reads several -f
    #[arg(
        long,
        value_name = "FILE",
        env = "HAPROXY_CFG",
        default_value = "/usr/local/etc/haproxy/haproxy.cfg"
    )]
    config: Vec<PathBuf>,
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
    /// The folder of the nodes, which has the state of the chain; --status compares the
    /// nodes too
    #[arg(long, value_name = "DIR", env = "NODES_DIR", default_value = "/nodes")]
    nodes: PathBuf,
    /// How long a run may take before it gives up
    #[arg(
        long,
        value_name = "TIME",
        env = "HAPROXY_RELOAD_TIMEOUT",
        default_value = "30s",
        value_parser = humantime::parse_duration
    )]
    timeout: Duration,
    /// The shortest time between two reloads
    #[arg(
        long,
        value_name = "TIME",
        env = "HAPROXY_RELOAD_EVERY",
        default_value = "0s",
        value_parser = humantime::parse_duration
    )]
    reload_every: Duration,
    /// Wait this long, then run: how a run that finds a reload due too early starts this
    /// program again
    #[arg(long, value_name = "TIME", hide = true, value_parser = humantime::parse_duration)]
    waiting: Option<Duration>,
    /// Reload even if commands would be enough, or if nothing differs
    #[arg(long)]
    full: bool,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "full")]
    dry_run: bool,
    /// Show how the chain is, the servers in the file and in HAProxy, their health, their
    /// requests and what is known of their nodes
    #[arg(long, conflicts_with_all = ["full", "dry_run"])]
    status: bool,
    /// With --status: the journal, which knows who has left and who died
    #[arg(
        long,
        value_name = "FILE",
        env = "MUSTER_JOURNAL",
        default_value = "/var/log/muster.jsonl"
    )]
    journal: PathBuf,
    /// With --status: the pause of serf-watch between two runs; a chain is missed after three
    /// of them, and not before 30 s
    #[arg(
        long,
        value_name = "TIME",
        env = "SERF_WATCH_AGAIN",
        default_value = "10s",
        value_parser = humantime::parse_duration
    )]
    again: Duration,
    /// With --status: show the same as JSON
    #[arg(long, requires = "status")]
    json: bool,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, |options: Options| run(&options))
}

fn run(options: &Options) -> anyhow::Result<Exit> {
    let files = Files {
        config: options.config.clone(),
    };
    let pace = Pace(options.reload_every);
    if let Some(first) = options.waiting {
        return waiting::wait(first, &files, &|| {
            let mut step = Step::aside(PROGRAM, &options.nodes);
            let end = Convergence::new(&files, &options.haproxy(), false, pace, step.line()).run();
            recorded(step, end)
        });
    }
    let haproxy = options.haproxy();
    if options.status {
        return status::show(&files, &haproxy, pace, &options.places(), options.json);
    }
    if options.dry_run {
        return dry_run(&files, &haproxy, pace);
    }
    let step = Step::begin(PROGRAM, &options.nodes);
    converge(&files, &haproxy, options, step)
}

/// A run, which leaves a process behind where a reload has to wait.
fn converge(
    files: &Files,
    haproxy: &Haproxy,
    options: &Options,
    mut step: Step,
) -> anyhow::Result<Exit> {
    let pace = Pace(options.reload_every);
    let run = |done: &mut Line| {
        let _lock = files.lock(haproxy.worker.deadline)?;
        waiting::tell(files);
        let end = Convergence::new(files, haproxy, options.full, pace, done).run()?;
        if let End::Postponed(due) = &end {
            let what = |why: &str| format!("wait for the time of the reload, due since {why}");
            let what = || Told::new(&due.why, what);
            waiting::leave(files, due.left).with_context(what)?;
            say(PROGRAM, due.told());
        }
        Ok(end)
    };
    let end = run(step.line());
    match recorded(step, end)? {
        End::Agrees(exit) => Ok(exit),
        End::Postponed(_) => Ok(Exit::Changed),
    }
}

/// Ends the step with what came of the run.
fn recorded(mut step: Step, end: anyhow::Result<End>) -> anyhow::Result<End> {
    let (result, due) = match end {
        Ok(End::Agrees(exit)) => (Ok(exit), None),
        Ok(End::Postponed(due)) => (Ok(Exit::Changed), Some(due)),
        Err(error) => (Err(error), None),
    };
    if let Some(due) = &due {
        step.postponed(record::without_quotation(&due.why));
    }
    match result.as_ref().err().and_then(record::for_the_journal) {
        Some(error) => step.end(&Err(error)),
        None => step.end(&result),
    }
    let exit = result?;
    Ok(due.map_or(End::Agrees(exit), End::Postponed))
}

impl Options {
    /// Where the chain records what it does.
    fn places(&self) -> Places {
        Places {
            nodes: self.nodes.clone(),
            journal: self.journal.clone(),
            again: self.again,
        }
    }

    /// The sockets, for a run that begins now.
    fn haproxy(&self) -> Haproxy {
        // A year is as good as for ever, and adding much more to an `Instant` overflows.
        let timeout = self.timeout.min(Duration::from_secs(365 * 86_400));
        let deadline = Instant::now() + timeout;
        let socket = |path: &Path, half_close| Socket {
            path: path.to_owned(),
            deadline,
            refusals: Duration::from_millis(if half_close { 2_000 } else { 250 }),
            half_close,
        };
        Haproxy {
            worker: socket(&self.socket, false),
            master: socket(&self.master, true),
        }
    }
}

fn dry_run(files: &Files, haproxy: &Haproxy, pace: Pace) -> anyhow::Result<Exit> {
    let now = situation(files, haproxy)?;
    let loaded = loaded::report(&now, haproxy)?.next;
    let is_done = now.plan.is_done() && loaded.is_empty();
    let next = now.next(pace).into_iter().chain(loaded);
    let lines = next.chain(now.plan.later()).map(|line| line + "\n");
    print(&lines.collect::<String>())?;
    Ok(if is_done {
        Exit::Unchanged
    } else {
        Exit::Changed
    })
}
