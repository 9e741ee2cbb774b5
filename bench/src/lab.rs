//! The lab's handler, with files of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use files::{Durability, replace};

use crate::fixture::write_nodes;
use crate::process::{stdin_from, timed};
use crate::setting::Setting;

/// The handler of `bench/lab-handler`, and where it works.
pub(crate) struct Handler {
    script: PathBuf,
    directory: PathBuf,
}

impl Handler {
    /// Makes a new directory in which the handler has so many nodes already.
    pub(crate) fn new(setting: &Setting, directory: &Path, nodes: usize) -> anyhow::Result<Self> {
        fs::create_dir(directory).with_context(|| format!("make {}", directory.display()))?;
        write_nodes(&directory.join("nodes"), nodes)?;
        Ok(Self {
            script: setting.root().join("bench/lab-handler/member-join.sh"),
            directory: directory.to_path_buf(),
        })
    }

    /// Lets a node join, and tells how many milliseconds the handler took.
    pub(crate) fn join(&self, name: &str) -> anyhow::Result<f64> {
        self.joins(&[name.to_string()])
    }

    /// Does the same for several nodes that join in one event.
    pub(crate) fn joins(&self, names: &[String]) -> anyhow::Result<f64> {
        let event = self.directory.join("event");
        let lines = names.iter().map(String::as_str);
        let lines = lines.map(|name| [name, "\t127.43.40.1\tbackend\trole=backend\n"].concat());
        replace(
            &event,
            lines.collect::<String>().as_bytes(),
            Durability::Unsynced,
        )?;
        let mut command = Command::new("bash");
        command
            .arg(&self.script)
            .env("LAB", &self.directory)
            .stdin(stdin_from(&event)?);
        match timed(&mut command) {
            // The list is one argument, which the kernel limits to 128 KiB.
            Err(error) if format!("{error:#}").contains("Argument list too long") => Ok(f64::NAN),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_makes_a_configuration_of_all_nodes() {
        let scratch = harness::scratch();
        let directory = scratch.path().join("lab");
        let setting = Setting::unchecked(harness::root());
        let handler = Handler::new(&setting, &directory, 2).unwrap();
        assert!(handler.join("x").unwrap() > 0.0);
        let text = fs::read_to_string(directory.join("haproxy.cfg")).unwrap();
        let servers: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("    server "))
            .collect();
        assert_eq!(servers.len(), 3, "{text}");
        assert_eq!(servers[2], "    server x 127.43.40.1:3000 check");
    }
}
