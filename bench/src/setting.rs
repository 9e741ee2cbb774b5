//! Where things are, and how thoroughly they are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use chain::exit::say;

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

    /// One for tests, for which nothing has to be built.
    #[cfg(test)]
    pub(crate) fn unchecked(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            programs: root.join("target/bin"),
            limit: "limit".into(),
            quick: true,
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

/// Tells how far it is.
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
