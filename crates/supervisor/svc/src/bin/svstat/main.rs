//! `svstat`: what a supervised service is doing, in the words of `s6-svstat`.

mod fields;
mod report;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use exit::Exit;
use fields::Field;
use report::Report;
use servicedir::Servicedir;
use svc::{absent, getopt};

const PROGRAM: &str = "svstat";

const KNOWN: &str = "uwNrpgesto:n";

const USAGE: &str = "usage: svstat [ --json ] [ -uwNrpgest | -o up,wantedup,normallyup,ready,paused,pid,pgid,exitcode,\
                     signal,signum,updownsince,readysince,updownfor,readyfor ] [ -n ] servicedir";

/// Show what a supervised service is doing, in the words of s6-svstat
///
/// Interface
///   svstat [--json] [-uwNrpgest | -o FIELD,...] [-n] SERVICEDIR
///
///   Without options one line for people:
///     up (pid 42) 7 seconds, ready 6 seconds
///     down (exitcode 3) 1 seconds, normally up, want up
///
///   -o prints these fields, separated by a space:
///        up, wantedup, normallyup, ready, paused   true or false
///        pid, pgid, exitcode, signum               -1: does not apply
///        signal                                    NA: does not apply
///        updownsince, readysince                   TAI64N
///        updownfor, readyfor                       seconds
///   -u up, -w wantedup, -N normallyup, -r ready, -p pid, -g pgid,
///   -e exitcode, -s signal, -t updownfor   are short for -o with this field
///   -n shows a signal in the line as a number
///   --json prints an object of all fields: null for what does not apply,
///          seconds since 1970 for times
///
/// Files
///   SERVICEDIR/supervise/lock     whether somebody supervises it
///   SERVICEDIR/supervise/status   the record: 35 bytes, or the 43 of s6 2.13
///   SERVICEDIR/down               whether it is normally up
///
/// Exit codes
///   0    shown
///   1    nobody supervises it
///   100  used wrongly
///   111  the system failed, or the record is none
///
/// Notes
///   The words are those of s6 2.11, whatever release the supervisor is of. Where
///   that is 2.13.2 or later, a service may be `down (not started yet)`.
#[derive(clap::Parser)]
#[command(
    name = "svstat",
    version,
    verbatim_doc_comment,
    override_usage = "svstat [--json] [-uwNrpgest | -o FIELD,...] [-n] SERVICEDIR",
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

    /// Everything as one JSON object
    #[arg(long)]
    json: bool,

    /// The options of s6-svstat, in their order, then the service directory
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    words: Vec<OsString>,
}

/// How it is to be shown.
enum Form {
    Line { numeric: bool },
    Fields(Vec<Field>),
    Json,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(arguments: Arguments) -> Result<Exit> {
    let (form, service) = parse(arguments)?;
    let Some(report) = look(&service)? else {
        let why = absent::nobody(&service);
        exit::say(
            PROGRAM,
            format_args!(
                "unable to read status for {}: nobody supervises it{why}",
                service.display()
            ),
        );
        return Ok(Exit::Unchanged);
    };
    exit::print(&format!("{}\n", show(&report, &form)?))?;
    Ok(Exit::Changed)
}

fn parse(arguments: Arguments) -> Result<(Form, PathBuf)> {
    let mut words = arguments.words;
    let asked = words
        .iter()
        .take_while(|word| word.to_str().is_some_and(|word| word.starts_with('-')));
    let behind = asked.clone().position(|word| word == "--json");
    if let Some(at) = behind {
        words.remove(at);
    }
    let Some((choices, rest)) = getopt::parse(&words, KNOWN) else {
        bail!(exit::misuse(USAGE))
    };
    let Some(service) = rest.first() else {
        bail!(exit::misuse(USAGE))
    };
    let fields = fields::chosen(&choices).map_err(exit::misuse)?;
    let form = match fields.as_slice() {
        _ if arguments.json || behind.is_some() => Form::Json,
        [] => Form::Line {
            numeric: choices.iter().any(|(letter, _)| *letter == 'n'),
        },
        _ => Form::Fields(fields),
    };
    Ok((form, service.into()))
}

/// `None` when nobody supervises it.
fn look(path: &Path) -> Result<Option<Report>> {
    let service = Servicedir::new(path);
    let supervised = service
        .is_supervised()
        .with_context(|| format!("check the lock of {}", path.display()))?;
    if !supervised {
        return Ok(None);
    }
    let status = service
        .status()
        .with_context(|| format!("read status for {}", path.display()))?;
    Ok(Some(Report {
        status,
        normally_up: service.is_normally_up(),
        now: SystemTime::now(),
    }))
}

fn show(report: &Report, form: &Form) -> Result<String> {
    Ok(match form {
        Form::Line { numeric } => report.line(*numeric),
        Form::Fields(fields) => fields
            .iter()
            .map(|field| field.show(report))
            .collect::<Vec<_>>()
            .join(" "),
        Form::Json => serde_json::to_string(&report.all()).context("write JSON")?,
    })
}
