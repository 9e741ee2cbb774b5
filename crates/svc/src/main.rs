//! `svc`: tells a supervised service what to do, to the letter of `s6-svc`.

mod options;
mod wait;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use chain::exit::{self, Exit};
use options::Options;
use servicedir::{Servicedir, Subscription};
use svc::absent;
use wait::{Outcome, Seen, Wait};

const PROGRAM: &str = "svc";

const USAGE: &str = "svc [-wu | -wU | -wd | -wD | -wr | -wR] [-T MILLISECONDS]
           [-abqhkti12pcyroduDUxOQ] SERVICEDIR";

/// What s6's waiters exit with when the time is over.
const TIMED_OUT: u8 = 99;

/// What the kernel says when a FIFO has no reader.
const ENXIO: i32 = 6;

/// Control a supervised service, to the letter of s6-svc
///
/// Interface
///   svc [-wu | -wU | -wd | -wD | -wr | -wR] [-T MILLISECONDS]
///       [-abqhkti12pcyroduDUxOQ] SERVICEDIR
///
///   The letters are obeyed in the order in which they stand:
///   -u   bring it up, and start it again when it dies
///   -d   bring it down, and leave it down
///   -o   bring it up once: it is not started again
///   -O   let it run, but do not start it again
///   -r   restart: send it its down-signal
///   -U, -D, -Q   as -u, -d, -O, and for the next supervisor as well:
///                the file `down` is removed (-U) or made (-D, -Q)
///   -x   the supervisor lets go of the service when it is down
///   -p, -c   pause it (STOP), continue it (CONT)
///   -a ALRM, -b ABRT, -q QUIT, -h HUP, -k KILL, -t TERM, -i INT,
///   -1 USR1, -2 USR2, -y WINCH   send it this signal
///
///   -w waits until it is
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
///   Options stand before SERVICEDIR; what stands behind it is ignored, and that
///   is told, as in s6-svc.
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

#[expect(
    clippy::needless_pass_by_value,
    reason = "chain::exit::main hands it over"
)]
fn run(arguments: Arguments) -> Result<Exit> {
    let options = Options::parse(&arguments.words)?;
    if options.has_more {
        exit::say(PROGRAM, "ignoring extra arguments");
    }
    let service = Servicedir::new(&options.service);
    match options.wait {
        None => send(&service, &options.letters).map(|()| Exit::Changed),
        Some(wait) => send_and_wait(&service, &options, without_readiness(&service, wait)),
    }
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
        return anyhow!(
            "unable to control {shown}: {why}{}",
            absent::others(service)
        );
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

fn send_and_wait(service: &Servicedir, options: &Options, wait: Wait) -> Result<Exit> {
    // Nobody would ever tell us anything.
    send(service, b"")?;
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let mut subscription = service
        .subscribe()
        .with_context(|| format!("subscribe to events for {}", service.path().display()))?;
    let status = service
        .status()
        .with_context(|| format!("read status for {}", service.path().display()))?;
    let seen = Seen {
        up: status.is_up(),
        ready: status.ready,
    };
    send(service, &options.letters)?;
    Ok(
        match follow(&mut subscription, wait.begin(seen), deadline)? {
            Outcome::Waiting(_) => {
                exit::say(PROGRAM, "timed out");
                Exit::Code(TIMED_OUT)
            }
            Outcome::Reached => Exit::Changed,
            Outcome::Failed => {
                exit::say(
                    PROGRAM,
                    "the service failed for good, or its supervisor ended",
                );
                Exit::Unchanged
            }
        },
    )
}

fn follow(
    subscription: &mut Subscription,
    mut outcome: Outcome,
    deadline: Option<Instant>,
) -> Result<Outcome> {
    while let Outcome::Waiting(waiting) = outcome {
        let Some(events) = subscription.wait(deadline).context("wait for events")? else {
            return Ok(outcome);
        };
        outcome = waiting.after(&events);
    }
    Ok(outcome)
}
