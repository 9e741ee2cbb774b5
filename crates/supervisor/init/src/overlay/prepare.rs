//! What s6-overlay does before the services start, and what it reads at the end.

use std::fs;
use std::path::{Path, PathBuf};

use super::place::{DEFAULT_SCANDIR, beside};
use super::scripts::{Script, scripts};
use super::{contenv, copy};
use crate::output;

/// The second path of s6-overlay's scan directory.
const ALIAS: &str = "/run/s6/services";

/// Keeps the environment for `with-contenv`, copies the services to where they live,
/// and gives the scripts of `cont-init.d`.
pub(crate) fn prepare(services: &Path, scandir: &Path) -> anyhow::Result<Vec<Script>> {
    let directory = beside(scandir, contenv::NAME);
    for name in contenv::write(&directory, std::env::vars_os())? {
        let shown = name.to_string_lossy();
        output::say(format_args!("{shown:?} is no name for a file: not kept"));
    }
    copy::copy_services(services, scandir)?;
    if scandir == Path::new(DEFAULT_SCANDIR)
        && let Err(error) = copy::alias(Path::new(DEFAULT_SCANDIR), Path::new(ALIAS))
    {
        output::say(format_args!("{error:#}"));
    }
    // A script of the container's last life may have left a code there.
    let _ = fs::remove_file(code_file(scandir));
    scripts(&beside(services, "cont-init.d"))
}

/// The container's exit code, if a script has written one.
pub(crate) fn written_code(scandir: &Path) -> Option<u8> {
    let text = fs::read_to_string(code_file(scandir)).ok()?;
    text.trim().parse().ok()
}

/// Where s6-overlay lets scripts write the container's exit code.
fn code_file(scandir: &Path) -> PathBuf {
    beside(scandir, "env-stage3").join("S6_STAGE2_EXITED")
}
