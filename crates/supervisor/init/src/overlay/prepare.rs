//! What s6-overlay does before the services start, and what it reads at the end.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::definitions::definitions;
use super::listing::list;
use super::place::{DEFAULT_SCANDIR, beside};
use super::scripts::{Script, scripts};
use super::{contenv, copy};
use crate::output;

/// The other paths of s6-overlay's scan directory: those of 1 and 2, and of 3.
const ALIASES: [&str; 2] = ["/run/s6/services", "/run/service"];
/// The program with which scripts of s6-overlay 3 end the container.
const HALT: &str = "/run/s6/basedir/bin/halt";
/// Where s6-overlay 3 lets scripts write the container's exit code. They read it as
/// well, so it is there from the beginning.
const RESULT: &str = "/run/s6-linux-init-container-results/exitcode";
/// No more than this, in bytes, is read of a written exit code.
const MAX_CODE: u64 = 64;

/// Keeps the environment for `with-contenv`, copies the services to where they live,
/// and gives the scripts of `cont-init.d`.
pub(crate) fn prepare(services: &Path, scandir: &Path) -> anyhow::Result<Vec<Script>> {
    let directory = beside(scandir, contenv::NAME);
    for name in contenv::write(&directory, std::env::vars_os())? {
        let shown = name.to_string_lossy();
        output::say(format_args!("{shown:?} is no name for a file: not kept"));
    }
    copy::copy_services(services, scandir)?;
    if definitions(services).is_none() {
        tell_of_attributes(&beside(services, "fix-attrs.d"));
    }
    if scandir == Path::new(DEFAULT_SCANDIR) {
        let aliases = ALIASES.map(|path| copy::alias(scandir, Path::new(path)));
        let all = aliases
            .into_iter()
            .chain([put(HALT, &halt(), 0o755), put(RESULT, "0\n", 0o644)]);
        for error in all.filter_map(Result::err) {
            output::say(format_args!("{error:#}"));
        }
    }
    // A script of the container's last life may have left a code there.
    let _ = fs::remove_file(code_file(scandir));
    scripts(&beside(services, "cont-init.d"))
}

/// What s6-overlay does by its `fix-attrs.d` is not done here. Where there are
/// definitions `from-s6-rc` says so.
fn tell_of_attributes(path: &Path) {
    if list(path).is_ok_and(|found| !found.is_empty()) {
        output::say(format_args!(
            "{} is not read: set owners and modes in the Dockerfile, or in a script of cont-init.d",
            path.display()
        ));
    }
}

/// The container's exit code, if a script has written one: of two, the one that is no
/// success.
pub(crate) fn written_code(scandir: &Path) -> Option<u8> {
    let results = Some(PathBuf::from(RESULT)).filter(|_| scandir == Path::new(DEFAULT_SCANDIR));
    let files = [code_file(scandir)].into_iter().chain(results);
    files
        .filter_map(|path| {
            let bytes = servicedir::read_beginning(&path, MAX_CODE).ok()?;
            String::from_utf8(bytes).ok()?.trim().parse().ok()
        })
        .max_by_key(|code| *code != 0)
}

/// Where s6-overlay 1 and 2 let scripts write the container's exit code.
fn code_file(scandir: &Path) -> PathBuf {
    beside(scandir, "env-stage3").join("S6_STAGE2_EXITED")
}

/// A script that asks us to end, which any shell can.
fn halt() -> String {
    format!("#!/bin/sh\nkill -TERM {}\n", std::process::id())
}

fn put(path: &str, content: &str, mode: u32) -> anyhow::Result<()> {
    let path = Path::new(path);
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    let shown = path.display();
    // What an earlier life has left there is not followed, and not opened.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("write {shown}"))
}
