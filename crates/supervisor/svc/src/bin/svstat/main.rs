//! `svstat`: what a supervised service is doing, in the words of `s6-svstat`.

mod fields;
mod options;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};
use exit::Exit;
use options::{Form, Options};
use report::Report;
use servicedir::Servicedir;
use svc::absent;
use svc::command_line::Words;
use svc::pages::Svstat;

const PROGRAM: &str = "svstat";

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(words: Words) -> Result<Exit> {
    let Some(options) = Options::parse(words)?.work::<Svstat>()? else {
        return Ok(Exit::Changed);
    };
    let service = &options.service;
    let Some(report) = look(service)? else {
        let why = absent::nobody(service);
        exit::say(
            PROGRAM,
            format_args!(
                "unable to read status for {}: nobody supervises it{why}",
                service.display()
            ),
        );
        return Ok(Exit::Unchanged);
    };
    exit::print(&format!("{}\n", show(&report, &options)?))?;
    Ok(Exit::Changed)
}

/// What is known of the service; `None` when nobody supervises it.
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

fn show(report: &Report, options: &Options) -> Result<String> {
    Ok(match options.form {
        Form::Line { numeric } => report.line(numeric),
        Form::Fields => options
            .fields
            .iter()
            .map(|field| field.show(report))
            .collect::<Vec<_>>()
            .join(" "),
        Form::Json => serde_json::to_string(&report.all()).context("write JSON")?,
    })
}
