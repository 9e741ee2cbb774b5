//! The cluster as one page: what the chain has done, and what serves.

#![expect(dead_code, reason = "the parts are put together last")]

mod render;
mod view;

use std::process::ExitCode;

use exit::Exit;

/// The name before each message.
const PROGRAM: &str = "muster-page";

/// Shows the cluster as one page.
#[derive(clap::Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {}

fn main() -> ExitCode {
    exit::main(PROGRAM, |_: Args| Ok(Exit::Unchanged))
}
