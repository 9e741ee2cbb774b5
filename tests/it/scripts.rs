//! The scripts as people meet them: called from anywhere, on a machine that lacks
//! something, and interrupted.

mod demonstrations;
mod leftovers_of_tests;
mod machine;
mod pages;
mod starts_and_ends;
mod starts_of_containers;
mod what_cannot_start;
mod what_is_installed;
mod what_is_missing;

use std::path::Path;
use std::process::Output;

fn write(path: &Path, text: &str) {
    files::replace(path, text.as_bytes(), files::Durability::Unsynced).unwrap();
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
