//! `svscanctl`: tells the supervisor of a scan directory what to do, to the letter of `s6-svscanctl`.

mod options;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use exit::Exit;
use options::Options;
use servicedir::{is_nobody_there, reason};
use svc::absent;
use svc::command_line::Words;
use svc::pages::Svscanctl;

/// What a supervisor keeps in the scan directory.
const DIRECTORY: &str = ".s6-svscan";

fn main() -> ExitCode {
    exit::main("svscanctl", run)
}

fn run(words: Words) -> Result<Exit> {
    let Some(options) = Options::parse(words)?.work::<Svscanctl>()? else {
        return Ok(Exit::Changed);
    };
    let scandir = &options.scandir;
    servicedir::send(&scandir.join(DIRECTORY).join("control"), &options.letters)
        .map_err(|error| unable(scandir, &error))?;
    Ok(Exit::Changed)
}

/// The exit codes are those of s6-svscanctl: 111 for a directory that is not there, 100 for one that nobody supervises.
fn unable(scandir: &Path, error: &io::Error) -> anyhow::Error {
    let shown = scandir.display();
    if !scandir.is_dir() {
        let why = std::fs::metadata(scandir)
            .err()
            .map_or_else(|| "Not a directory".into(), |error| reason(&error));
        return anyhow!("unable to control {shown}: {why}");
    }
    if error.kind() == ErrorKind::NotFound || is_nobody_there(error) {
        return exit::misuse(format_args!(
            "unable to control {shown}: supervisor not listening{}",
            absent::no_supervisor(scandir)
        ));
    }
    exit::misuse(format_args!(
        "something is wrong with the {shown}/{DIRECTORY} directory: {}",
        reason(error)
    ))
}
