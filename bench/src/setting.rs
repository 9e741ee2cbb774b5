//! Where things are, and how thoroughly they are measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use exit::say;
use tempfile::TempDir;

/// What every question needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The repository.
    root: PathBuf,
    /// The programs that are measured.
    programs: PathBuf,
    /// The yardstick, which is built beside this program.
    limit: PathBuf,
    pub(crate) quick: bool,
    /// These directories go with the last copy of the value.
    scratches: Arc<Mutex<Vec<TempDir>>>,
}

/// How the names of scratch directories begin. They hold the number of the parent process,
/// by which `scripts/bench` removes what a run has left that was killed.
pub(crate) fn scratch_prefix() -> String {
    format!("bench-{}-", std::os::unix::process::parent_id())
}

impl Setting {
    pub(crate) fn new(root: &Path, programs: Option<PathBuf>, quick: bool) -> anyhow::Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("find {}", root.display()))?;
        let own = std::env::current_exe().context("find this program")?;
        let setting = Self {
            programs: programs.unwrap_or_else(|| root.join("target/bin")),
            limit: own.with_file_name("limit"),
            root,
            quick,
            scratches: Arc::default(),
        };
        for program in [setting.program("haproxy-gen"), setting.limit.clone()] {
            if !program.is_file() {
                bail!(
                    "{} is not built: scripts/bench builds it",
                    program.display()
                );
            }
        }
        Ok(setting)
    }

    /// A setting for tests, which does not look whether anything is built.
    #[cfg(test)]
    pub(crate) fn unchecked(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            programs: root.join("target/bin"),
            limit: "limit".into(),
            quick: true,
            scratches: Arc::default(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    pub(crate) fn limit(&self) -> Command {
        Command::new(&self.limit)
    }

    /// Makes a directory that stays until everything is measured. If it were removed before,
    /// ext4 would not use the inodes of its files again for minutes, and would look at each
    /// of them whenever another file is made.
    pub(crate) fn scratch(&self) -> anyhow::Result<PathBuf> {
        let scratch = tempfile::Builder::new()
            .prefix(&scratch_prefix())
            .tempdir_in(self.place())
            .context("make a scratch directory")?;
        let path = scratch.path().to_path_buf();
        let mut scratches = self.scratches.lock();
        let scratches = scratches.as_mut().unwrap_or_else(PoisonError::get_mut);
        scratches.push(scratch);
        Ok(path)
    }

    /// What is judged is measured in memory, where no disk can make it slow.
    fn place(&self) -> &'static Path {
        let memory = Path::new("/dev/shm");
        if self.quick && tempfile::tempfile_in(memory).is_ok() {
            memory
        } else {
            Path::new("/tmp")
        }
    }

    /// A script of the repository, which uses the programs as they are built.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.root.join("scripts").join(name));
        command.current_dir(&self.root).env("MUSTER_BUILT", "1");
        command
    }

    /// How often something is measured.
    pub(crate) fn rounds(&self, thorough: usize, quick: usize) -> usize {
        if self.quick { quick } else { thorough }
    }
}

/// Tells people how far the measuring is.
pub(crate) fn progress(message: impl std::fmt::Display) {
    say("bench", message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_not_built_are_named() {
        let nowhere = PathBuf::from("/nonexistent");
        let error = Setting::new(Path::new("/"), Some(nowhere), true).unwrap_err();
        let expected = "/nonexistent/haproxy-gen is not built: scripts/bench builds it";
        assert_eq!(error.to_string(), expected);
    }
}
