//! How every program ends: its exit codes, how its output and errors are printed,
//! and how input from others is escaped before it is shown.

mod escape;

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::Resettable;

pub use escape::{Escaped, escape, json, line, message};

/// The program was used wrongly, or can never work as it is configured. s6 and
/// execline use the same number.
const MISUSE: u8 = 100;
/// The system failed, and a later run may work. s6 and execline use the same number.
pub const FAILED: u8 = 111;

/// How a program ends when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: something was changed or shown.
    Changed,
    /// 1: there was nothing to do, or the answer is no.
    Unchanged,
    /// Another code that the program's page explains, such as that of a program that
    /// it ran.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(code(&Ok(exit)))
    }
}

/// The whole of a program's `main`: parses the arguments, calls `run`, and prints
/// an error as `program: what: why`.
///
/// The exit code is that of [`Exit`], 100 if the program was used wrongly
/// ([`misuse`]), and 111 for every other error.
pub fn main<A: clap::Parser>(
    program: &str,
    run: impl FnOnce(A) -> anyhow::Result<Exit>,
) -> ExitCode {
    match guarded(|| from_arguments(std::env::args_os(), run)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            say(program, format_args!("{error:#}"));
            ExitCode::from(code_of(&error))
        }
    }
}

/// Ends the program as [`main`] does for this error, from a thread beside it.
#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "the thread of main does not come back"
)]
pub fn end(program: &str, error: &anyhow::Error) -> ! {
    say(program, format_args!("{error:#}"));
    std::process::exit(code_of(error).into())
}

fn from_arguments<A: clap::Parser>(
    arguments: impl Iterator<Item = OsString>,
    run: impl FnOnce(A) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    match parse(arguments) {
        Ok(arguments) => run(arguments),
        Err(error) if error.use_stderr() => Err(misuse(complaint(&error))),
        Err(page) => {
            print(&page.to_string())?;
            Ok(Exit::Changed)
        }
    }
}

/// Parses the arguments, and takes an empty variable as one that is not set: compose
/// passes on a variable that has no value as an empty one.
fn parse<A: clap::Parser>(arguments: impl Iterator<Item = OsString>) -> clap::error::Result<A> {
    let is_empty = |arg: &clap::Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    let mut command = A::command().mut_args(|arg| {
        if is_empty(&arg) {
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    });
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// A panic becomes an error: the standard library has some for failed system calls, as
/// that of the pipe by which a process is started. Its own words are on stderr then.
fn guarded(run: impl FnOnce() -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    done.unwrap_or_else(|_| Err(anyhow::anyhow!("gave up, since it panicked: see above")))
}

/// clap's own message without its `error: `, since [`say`] puts the program's name
/// there.
fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.trim_end();
    text.strip_prefix("error: ").unwrap_or(text).to_string()
}

/// The exit code with which [`main`] ends for this result.
#[must_use]
pub fn code(result: &anyhow::Result<Exit>) -> u8 {
    match result {
        Ok(Exit::Changed) => 0,
        Ok(Exit::Unchanged) => 1,
        Ok(Exit::Code(code)) => *code,
        Err(error) => code_of(error),
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(<dyn std::error::Error>::is::<Misuse>) {
        MISUSE
    } else {
        FAILED
    }
}

#[derive(Debug)]
struct Misuse(String);

impl Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// An error that ends the program with 100, for a wrong use or for what can never
/// work.
pub fn misuse(message: impl Display) -> anyhow::Error {
    anyhow::Error::new(Misuse(message.to_string()))
}

/// Turns an error into one with the same text that ends the program with 100.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "it is for map_err")]
pub fn into_misuse(error: anyhow::Error) -> anyhow::Error {
    misuse(format_args!("{error:#}"))
}

/// Writes one line, `program: text`, to stderr. If that fails there is nowhere
/// left to report it, so the failure is ignored.
pub fn say(program: &str, text: impl Display) {
    let line = message(&format!("{program}: {text}\n"));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes `text` to stdout. It is not an error if the reader has gone away, as
/// `head` does.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("write to stdout")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    #[command(version)]
    struct Page {
        #[arg(long)]
        nodes: Option<String>,
    }

    fn run_with(arguments: &[&str]) -> anyhow::Result<Exit> {
        let arguments = arguments.iter().map(OsString::from);
        from_arguments(arguments, |page: Page| match page.nodes {
            Some(_) => Ok(Exit::Changed),
            None => Ok(Exit::Unchanged),
        })
    }

    #[test]
    fn the_program_decides_between_done_and_nothing_to_do() {
        assert_eq!(run_with(&["p", "--nodes", "x"]).unwrap(), Exit::Changed);
        assert_eq!(run_with(&["p"]).unwrap(), Exit::Unchanged);
    }

    #[test]
    fn an_unknown_option_is_misuse_and_named_without_claps_prefix() {
        let error = run_with(&["p", "--node", "x"]).unwrap_err();
        assert_eq!(code_of(&error), 100);
        assert!(
            error
                .to_string()
                .starts_with("unexpected argument '--node'"),
            "{error}"
        );
    }

    #[test]
    fn asking_for_the_version_is_done_without_running_the_program() {
        assert_eq!(run_with(&["p", "--version"]).unwrap(), Exit::Changed);
    }

    #[test]
    fn a_panic_is_a_failure_that_may_work_later() {
        let error = guarded(|| panic!("as the library does")).unwrap_err();
        assert_eq!(code_of(&error), 111);
        assert_eq!(guarded(|| Ok(Exit::Unchanged)).unwrap(), Exit::Unchanged);
    }

    #[test]
    fn context_does_not_hide_misuse() {
        let error = misuse("a weight is 0 to 256").context("read /nodes/s1");
        assert_eq!(code_of(&error), 100);
        assert_eq!(format!("{error:#}"), "read /nodes/s1: a weight is 0 to 256");
    }

    #[test]
    fn every_other_error_may_work_later() {
        assert_eq!(code_of(&anyhow::anyhow!("no space left on device")), 111);
    }

    #[test]
    fn an_error_becomes_misuse_with_its_whole_text() {
        let error = into_misuse(anyhow::anyhow!("why").context("what"));
        assert_eq!(
            (code_of(&error), error.to_string()),
            (100, "what: why".to_string())
        );
    }
}
