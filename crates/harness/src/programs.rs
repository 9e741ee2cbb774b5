//! Programs that a test needs, and those that it writes.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

/// Where `program` is, on the PATH or in a folder that only root's path has.
///
/// # Panics
/// When it is not installed, saying what to do.
#[track_caller]
pub fn require(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|error| panic!("{error}"))
}

/// Where `program` is, on the PATH or in a folder that only root's path has.
///
/// # Errors
/// When it is not installed, saying what to do.
pub fn find(program: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(program))
        .find(|candidate| is_program(candidate))
        .with_context(|| format!("{program} is not installed: scripts/require {program}"))
}

/// Another program of this repository, which a build puts beside `program`.
///
/// # Panics
/// When it is not built, saying what to do.
#[track_caller]
pub fn beside(program: &Path, name: &str) -> PathBuf {
    let path = program.with_file_name(name);
    assert!(
        is_program(&path),
        "{} is not built: cargo build -p {name}",
        path.display()
    );
    path
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Writes a script that can be executed at once, in place of what is there: what a link names,
/// as a program of this machine, stays as it is.
///
/// Another process writes it. If this one did, a process that another thread starts at the
/// same time would have a copy of the descriptor for a moment, and executing a file that
/// anybody has open for writing fails with "text file busy".
///
/// # Panics
/// When it cannot be written.
pub fn write_program(path: &Path, text: &str) {
    let _ = std::fs::remove_file(path);
    let mut dd = Command::new("dd")
        .arg(format!("of={}", path.display()))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("run dd");
    let mut pipe = dd.stdin.take().expect("a pipe to dd");
    pipe.write_all(text.as_bytes()).expect("write to dd");
    drop(pipe);
    let done = dd.wait().expect("wait for dd");
    assert!(done.success(), "write {}: {done}", path.display());
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("make a program of it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "scripts/require no-such-program")]
    fn a_missing_program_is_named_with_what_installs_it() {
        let _ = require("no-such-program");
    }

    #[test]
    fn what_a_link_names_is_not_overwritten() {
        let scratch = crate::scratch();
        let (victim, link) = (scratch.path().join("victim"), scratch.path().join("link"));
        write_program(&victim, "#!/bin/sh\nexit 0\n");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        write_program(&link, "#!/bin/sh\nexit 1\n");
        assert!(Command::new(&victim).status().unwrap().success());
        assert!(!Command::new(&link).status().unwrap().success());
    }

    #[test]
    fn it_can_be_executed_while_others_start_processes() {
        let scratch = crate::scratch();
        let others: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..20).for_each(|_| run("true"))))
            .collect();
        for number in 0..40 {
            let path = scratch.path().join(number.to_string());
            write_program(&path, "#!/bin/sh\n");
            run(path);
        }
        for other in others {
            other.join().unwrap();
        }
    }

    fn run(program: impl AsRef<std::ffi::OsStr>) {
        assert!(Command::new(program).status().unwrap().success());
    }
}
