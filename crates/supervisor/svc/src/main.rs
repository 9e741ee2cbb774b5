//! `svc`: tells supervised services what to do, to the letter of `s6-svc`.

mod options;
mod wait;

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use exit::Exit;
use options::Options;
use servicedir::{Servicedir, Subscription, is_nobody_there, reason};
use svc::absent;
use svc::command_line::Words;
use svc::pages::Svc;
use wait::{Outcome, Seen, Wait};

const PROGRAM: &str = "svc";

/// The exit code of s6's programs when they have waited for too long.
const TIMED_OUT: u8 = 99;

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(words: Words) -> Result<Exit> {
    let Some(options) = Options::parse(words)?.work::<Svc>()? else {
        return Ok(Exit::Changed);
    };
    match options.wait {
        None => for_each(&options.services, |path| {
            send(&Servicedir::new(path), &options.letters)
        })
        .map(|_| Exit::Changed),
        Some(wait) => send_and_wait(&options, wait),
    }
}

/// Acts on all paths, whatever fails. Every failure is said, and the last one is that
/// of the program.
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

/// The exit codes are those of s6-svc: 111 for a service that is not there, 100 for one that nobody supervises.
fn unable(service: &Path, error: &io::Error) -> anyhow::Error {
    let shown = service.display();
    if !service.is_dir() {
        let why = std::fs::metadata(service)
            .err()
            .map_or_else(|| "Not a directory".into(), |error| reason(&error));
        let advice = if service.as_os_str().as_bytes().starts_with(b"-") {
            " (options stand before the service directories)".into()
        } else {
            absent::others(service)
        };
        return anyhow!("unable to control {shown}: {why}{advice}");
    }
    if error.kind() == ErrorKind::NotFound || is_nobody_there(error) {
        return exit::misuse(format_args!(
            "unable to control {shown}: supervisor not listening{}",
            absent::nobody(service)
        ));
    }
    exit::misuse(format_args!(
        "something is wrong with the {shown}/supervise directory: {}",
        reason(error)
    ))
}

/// Without a `notification-fd` the service is never ready, so that is not waited for.
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

/// All services are listened to before any of them gets letters.
fn send_and_wait(options: &Options, wait: Wait) -> Result<Exit> {
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let watched = for_each(&options.services, |path| watch(path, wait))?;
    for_each(&options.services, |path| {
        send(&Servicedir::new(path), &options.letters)
    })?;
    let mut exit = Exit::Changed;
    for one in watched {
        let shown = one.service.path().display().to_string();
        match conclude(&shown, follow(one, deadline)?) {
            Exit::Changed => {}
            // If one wait has timed out, that is the exit code, whatever else failed.
            other if exit != Exit::Code(TIMED_OUT) => exit = other,
            _ => {}
        }
    }
    Ok(exit)
}

/// Says how a wait has ended, and gives the exit code for it.
fn conclude(shown: &str, outcome: Outcome) -> Exit {
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
    // Without a supervisor there would never be an event.
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
        let Some(notified) = events.wait(deadline).context("wait for events")? else {
            return Ok(outcome);
        };
        outcome = waiting.after(&notified);
    }
    Ok(outcome)
}
