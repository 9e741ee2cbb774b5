//! `svc`: tells supervised services what to do, to the letter of `s6-svc`.

mod options;
mod wait;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use exit::Exit;
use options::Options;
use servicedir::{Servicedir, Subscription};
use svc::absent;
use wait::{Outcome, Seen, Wait};

const PROGRAM: &str = "svc";

const USAGE: &str = "svc [-wu | -wU | -wd | -wD | -wr | -wR] [-T MILLISECONDS]
           [-s SIGNAL] [-abqhkti12pcyrlPCKoduDUxOQ] SERVICEDIR...";

/// What s6's waiters exit with when the time is over.
const TIMED_OUT: u8 = 99;

/// What the kernel says when a FIFO has no reader.
const ENXIO: i32 = 6;

/// Control supervised services, to the letter of s6-svc
///
/// Interface
///   svc [-wu | -wU | -wd | -wD | -wr | -wR] [-T MILLISECONDS]
///       [-s SIGNAL] [-abqhkti12pcyrlPCKoduDUxOQ] SERVICEDIR...
///
///   The letters are obeyed in the order in which they stand:
///   -u   bring it up, and start it again when it dies
///   -d   bring it down, and leave it down
///   -o   bring it up once: it is not started again
///   -O   let it run, but do not start it again
///   -r   restart: send it its down-signal
///   -l   reload: send it its reload-signal (HUP)
///   -U, -D, -Q   as -u, -d, -O, and for the next supervisor as well:
///                the file `down` is removed (-U) or made (-D, -Q)
///   -x   the supervisor lets go of the service when it is down
///   -p, -c   pause it (STOP), continue it (CONT)
///   -P, -C, -K   STOP, CONT, KILL for its whole process group
///   -a ALRM, -b ABRT, -q QUIT, -h HUP, -k KILL, -t TERM, -i INT,
///   -1 USR1, -2 USR2, -y WINCH   send it this signal
///   -s SIGNAL   one of these by its name or number
///
///   -w waits until each of the services is
///      u up, U up and ready, d down, D down and ready to be started,
///      r down and up again, R down, up again and ready.
///   Without a notification-fd, U and R are u and r.
///   -T is the longest wait; 0, as without it, is for ever.
///
/// Files
///   SERVICEDIR/supervise/control   the letters are written there
///   SERVICEDIR/supervise/status    what it is now
///   SERVICEDIR/event               where waiting is told
///
/// Exit codes
///   0    done
///   1    waiting was in vain: the service failed for good, or its supervisor
///        ended
///   99   timed out
///   100  used wrongly, or nobody supervises the service
///   111  the system failed, or there is no such service
///
/// Notes
///   Options stand before the first SERVICEDIR. Of several services each is told,
///   whatever happens to the others; with -w none, where one cannot be waited for.
///   -P, -C, -K need a supervisor of s6 2.13 or later, or init; -l of 2.15.1.
///   Waiting looks at the state before the letters take effect: `-wu -u` on a
///   service that is up returns at once. It waits without polling. s6-svc waits
///   for ever where nobody supervises; svc says so and exits 100.
#[derive(clap::Parser)]
#[command(
    version,
    verbatim_doc_comment,
    override_usage = USAGE,
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    /// Show this page
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,

    /// Show the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,

    /// The letters, whose order clap would forget, then the service directory
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    words: Vec<OsString>,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

#[expect(clippy::needless_pass_by_value, reason = "exit::main hands it over")]
fn run(arguments: Arguments) -> Result<Exit> {
    let options = Options::parse(&arguments.words)?;
    match options.wait {
        None => for_each(&options.services, |path| {
            send(&Servicedir::new(path), &options.letters)
        })
        .map(|_| Exit::Changed),
        Some(wait) => send_and_wait(&options, wait),
    }
}

/// All get their turn. Every failure is told, and the last one is the program's.
fn for_each<T>(paths: &[PathBuf], act: impl Fn(&Path) -> Result<T>) -> Result<Vec<T>> {
    let mut done = Vec::new();
    let mut failed = None;
    for path in paths {
        match act(path) {
            Ok(result) => done.push(result),
            Err(error) => {
                if let Some(before) = failed.replace(error) {
                    exit::say(PROGRAM, format_args!("{before:#}"));
                }
            }
        }
    }
    failed.map_or(Ok(done), Err)
}

fn send(service: &Servicedir, letters: &[u8]) -> Result<()> {
    service
        .send(letters)
        .map_err(|error| unable(service.path(), &error))
}

/// Exit codes as in s6-svc: 111 for a service that is not there, 100 for one that nobody supervises.
fn unable(service: &Path, error: &io::Error) -> anyhow::Error {
    let shown = service.display();
    if !service.is_dir() {
        let why = std::fs::metadata(service)
            .err()
            .map_or_else(|| "Not a directory".into(), |error| words(&error));
        let hint = if service.as_os_str().as_bytes().starts_with(b"-") {
            " (options stand before the service directories)".into()
        } else {
            absent::others(service)
        };
        return anyhow!("unable to control {shown}: {why}{hint}");
    }
    let nobody = error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ENXIO);
    if nobody {
        return exit::misuse(format_args!(
            "unable to control {shown}: supervisor not listening{}",
            absent::nobody(service)
        ));
    }
    exit::misuse(format_args!(
        "something is wrong with the {shown}/supervise directory: {}",
        words(error)
    ))
}

/// The system's words without Rust's `(os error 2)`.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error")
        .map_or(text.clone(), |(words, _)| words.into())
}

fn without_readiness(service: &Servicedir, wait: Wait) -> Wait {
    let file = service.join("notification-fd");
    if !wait.needs_readiness() || file.exists() {
        return wait;
    }
    exit::say(
        PROGRAM,
        format_args!(
            "{} not present - ignoring request for readiness notification",
            file.display()
        ),
    );
    wait.without_readiness()
}

/// A service that is waited for.
struct Watched {
    service: Servicedir,
    events: Subscription,
    outcome: Outcome,
}

/// Nobody is told anything before all are listened to.
fn send_and_wait(options: &Options, wait: Wait) -> Result<Exit> {
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let watched = for_each(&options.services, |path| watch(path, wait))?;
    for_each(&options.services, |path| {
        send(&Servicedir::new(path), &options.letters)
    })?;
    let mut exit = Exit::Changed;
    for one in watched {
        let shown = one.service.path().display().to_string();
        match tell(&shown, follow(one, deadline)?) {
            Exit::Changed => {}
            // That the time is over says more than that one of them failed.
            other if exit != Exit::Code(TIMED_OUT) => exit = other,
            _ => {}
        }
    }
    Ok(exit)
}

/// Where a wait has ended.
fn tell(shown: &str, outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Reached => Exit::Changed,
        Outcome::Waiting(_) => {
            exit::say(PROGRAM, format_args!("timed out waiting for {shown}"));
            Exit::Code(TIMED_OUT)
        }
        Outcome::Failed => {
            let why = "it failed for good, or its supervisor ended";
            exit::say(PROGRAM, format_args!("waiting for {shown}: {why}"));
            Exit::Unchanged
        }
    }
}

fn watch(path: &Path, wait: Wait) -> Result<Watched> {
    let service = Servicedir::new(path);
    let wait = without_readiness(&service, wait);
    // Where nobody listens nobody would ever tell us anything.
    send(&service, b"")?;
    let shown = path.display();
    let events = service
        .subscribe()
        .with_context(|| format!("subscribe to events for {shown}"))?;
    let status = service
        .status()
        .with_context(|| format!("read status for {shown}"))?;
    let seen = Seen {
        up: status.is_up(),
        ready: status.ready,
    };
    Ok(Watched {
        service,
        events,
        outcome: wait.begin(seen),
    })
}

fn follow(watched: Watched, deadline: Option<Instant>) -> Result<Outcome> {
    let Watched {
        mut events,
        mut outcome,
        ..
    } = watched;
    while let Outcome::Waiting(waiting) = outcome {
        let Some(told) = events.wait(deadline).context("wait for events")? else {
            return Ok(outcome);
        };
        outcome = waiting.after(&told);
    }
    Ok(outcome)
}
