//! The benchmark as people run it.

#![expect(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod limit;
mod load;
mod questions;
mod quick;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use harness::root;

/// Held by a test that measures, so that no other measures at the same time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of the programs that are measured.
fn programs() -> PathBuf {
    let programs = root().join("target/bin");
    assert!(
        programs.join("haproxy-gen").is_file(),
        "{} has no programs: scripts/build",
        programs.display()
    );
    programs
}

/// The program that measures.
fn bench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.arg("--root").arg(root());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
