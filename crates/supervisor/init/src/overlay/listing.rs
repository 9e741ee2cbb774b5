//! What a directory has.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result};

/// The entries of a directory, in no order; none when there is no such directory.
pub(super) fn list(directory: &Path) -> Result<Vec<DirEntry>> {
    let listed = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(Iterator::collect::<io::Result<_>>),
    };
    listed.with_context(|| format!("read {}", directory.display()))
}
