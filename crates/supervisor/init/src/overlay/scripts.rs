//! The scripts of `cont-init.d` and `cont-finish.d`: which, in which order, and how each is started.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use servicedir::reason;

use super::listing::list;
use crate::process::shebang::{Shebang, beginning_of};

/// One script to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    path: PathBuf,
    /// Program and arguments that run it.
    pub(crate) argv: Vec<OsString>,
    /// Why it is none that can run.
    pub(crate) broken: Option<String>,
}

impl Script {
    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// A program that runs as the scripts do.
    pub(crate) fn of(name: &str, argv: Vec<OsString>) -> Script {
        Script {
            path: name.into(),
            argv,
            broken: None,
        }
    }

    /// `None` for a directory, which s6-overlay leaves out as well. A link to what is missing, as to a file that was not
    /// mounted, is a script that fails.
    fn new(path: PathBuf) -> Option<Script> {
        let broken = match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => return None,
            Ok(meta) if meta.is_file() => None,
            Ok(_) => Some("it is no regular file".into()),
            Err(error) => Some(unreachable(&path, &error)),
        };
        let mut argv = if broken.is_some() || is_executable(&path) {
            Vec::new()
        } else {
            interpreter(&path)
        };
        argv.push(path.clone().into_os_string());
        Some(Script { path, argv, broken })
    }
}

/// The scripts in `dir`, in the order of the bytes of their names; none when there is no such directory.
pub(crate) fn scripts(dir: &Path) -> Result<Vec<Script>> {
    let mut paths: Vec<PathBuf> = list(dir)?
        .iter()
        .filter(|entry| !is_hidden(&entry.file_name()))
        .map(fs::DirEntry::path)
        .collect();
    paths.sort();
    Ok(paths.into_iter().filter_map(Script::new).collect())
}

fn unreachable(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => "which is missing".into(),
        _ => format!("which cannot be reached: {}", reason(error)),
    };
    match fs::read_link(path) {
        Ok(target) => format!("it links to {}, {why}", target.display()),
        Err(_) => reason(error),
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// The mode says it for root as well, who may not execute a file without any execute bit.
fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// s6-overlay 1 and 2 made each script executable first, which fails where the root is read-only. So a script that is
/// not executable is given to its interpreter; without a first line that names one it is the shell's, as for execvp.
fn interpreter(path: &Path) -> Vec<OsString> {
    let start = beginning_of(path).unwrap_or_default();
    let words = Shebang::of(&start).map(|it| [it.interpreter.as_os_str(), it.argument]);
    let words = words.unwrap_or_default().into_iter();
    let argv: Vec<OsString> = words
        .filter(|word| !word.is_empty())
        .map(OsStr::to_owned)
        .collect();
    if argv.is_empty() {
        return vec!["/bin/sh".into()];
    }
    argv
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "fixtures need no atomic replacement"
)]
mod tests {
    use super::*;
    use std::process::Command;

    fn script(dir: &Path, name: &str, content: &str, mode: u32) {
        fs::write(dir.join(name), content).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn words(argv: &[&str]) -> Vec<OsString> {
        argv.iter().map(OsString::from).collect()
    }

    #[test]
    fn scripts_come_in_the_order_of_their_names() {
        let dir = harness::scratch();
        for name in ["20-b", "10-a", "9-c", "B", "a"] {
            script(dir.path(), name, "", 0o755);
        }
        let names: Vec<String> = scripts(dir.path())
            .unwrap()
            .iter()
            .map(Script::name)
            .collect();
        assert_eq!(names, ["10-a", "20-b", "9-c", "B", "a"]);
    }

    #[test]
    fn directories_and_hidden_files_are_no_scripts() {
        let dir = harness::scratch();
        fs::create_dir(dir.path().join("sub")).unwrap();
        script(dir.path(), ".gitkeep", "", 0o644);
        std::os::unix::fs::symlink("sub", dir.path().join("linked")).unwrap();
        assert_eq!(scripts(dir.path()).unwrap(), []);
    }

    #[test]
    fn what_can_be_no_script_has_the_reason() {
        let dir = harness::scratch();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, dir.path().join(name)).unwrap();
        };
        link("/nonexistent/x", "10-dangling");
        link("20-loop", "20-loop");
        let fifo = dir.path().join("30-fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        script(dir.path(), "40-good", "", 0o755);
        let reasons: Vec<_> = scripts(dir.path())
            .unwrap()
            .into_iter()
            .map(|script| script.broken.unwrap_or_default())
            .collect();
        let want = [
            "it links to /nonexistent/x, which is missing",
            "it links to 20-loop, which cannot be reached: Too many levels of symbolic links",
            "it is no regular file",
            "",
        ];
        assert_eq!(reasons, want);
    }

    #[test]
    fn no_directory_is_no_script() {
        assert_eq!(scripts(Path::new("/nonexistent/cont-init.d")).unwrap(), []);
    }

    #[test]
    fn an_executable_script_is_started_as_it_is() {
        let dir = harness::scratch();
        script(dir.path(), "x", "#!/bin/false\n", 0o755);
        let found = scripts(dir.path()).unwrap();
        assert_eq!(found[0].argv, [dir.path().join("x").into_os_string()]);
    }

    #[test]
    fn one_that_is_not_is_given_to_its_interpreter() {
        let dir = harness::scratch();
        script(dir.path(), "x", "#! /bin/sh -e\necho \"$0\"\n", 0o644);
        let found = scripts(dir.path()).unwrap();
        assert_eq!(found[0].argv[..2], words(&["/bin/sh", "-e"]));
        let output = Command::new(&found[0].argv[0])
            .args(&found[0].argv[1..])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().trim(),
            dir.path().join("x").to_str().unwrap()
        );
    }

    #[test]
    fn without_a_first_line_it_is_the_shells() {
        let dir = harness::scratch();
        script(dir.path(), "x", "echo hello\n", 0o644);
        assert_eq!(scripts(dir.path()).unwrap()[0].argv[0], "/bin/sh");
    }
}
