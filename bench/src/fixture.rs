//! A balancer's files with any number of nodes, and the chain run on them.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use files::{Durability, replace};
use harness::Owned;
use harness::cluster::configured;
use harness::haproxy::Haproxy;

use crate::process::{stdin_from, timed};
use crate::setting::Setting;

/// Where the HAProxy of the fixture listens.
const ADDRESS: &str = "127.0.43.2";
/// The template's health checks as it writes them, and rare ones. The nodes do not exist,
/// and HAProxy would check them a thousand times a second on the processor that is measured.
const CHECKS: [(&str, &str); 3] = [
    ("check inter 600ms", "check inter 5m"),
    ("fastinter 100ms", "fastinter 5m"),
    ("downinter {{ down }}", "downinter 5m"),
];

/// Whether `haproxy-gen` must have its result checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Forced,
    IfNeeded,
}

/// How long each program of the chain took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) serf_nodes: f64,
    pub(crate) haproxy_gen: f64,
    pub(crate) haproxy_reload: f64,
}

impl Cost {
    pub(crate) fn sum(self) -> f64 {
        self.serf_nodes + self.haproxy_gen + self.haproxy_reload
    }
}

/// A balancer's files, with which a HAProxy runs until the value goes.
pub(crate) struct Fixture<'a> {
    setting: &'a Setting,
    haproxy: Haproxy,
    _running: Owned,
    directory: PathBuf,
    /// How many runs there were.
    runs: Cell<u32>,
}

impl<'a> Fixture<'a> {
    /// A balancer with that many nodes, whose HAProxy runs.
    pub(crate) fn new(setting: &'a Setting, nodes: usize) -> anyhow::Result<Self> {
        let directory = setting.scratch()?;
        write_template(setting, &directory)?;
        write_nodes(&directory.join("nodes"), nodes)?;
        let haproxy = Haproxy::new(&directory, ADDRESS);
        let mut generate = Command::new(setting.program("haproxy-gen"));
        chain_environment(&mut generate, &directory, &haproxy);
        timed(&mut generate)?;
        Ok(Self {
            setting,
            _running: haproxy.start()?,
            haproxy,
            directory,
            runs: Cell::new(0),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn haproxy(&self) -> &Haproxy {
        &self.haproxy
    }

    /// A program of ours, or a script, that works on these files.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        chain_environment(&mut command, &self.directory, &self.haproxy);
        command
    }

    /// The script that runs the whole chain. It finds programs in the folder `bin` of these
    /// files first, then ours, then all others.
    pub(crate) fn member_event(&self) -> anyhow::Result<Command> {
        let mut command = self.command(&self.setting.root().join("ha/scripts/member-event"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let first = [self.path("bin"), self.setting.program("")].into_iter();
        let path = std::env::join_paths(first.chain(std::env::split_paths(&path)))
            .context("put the programs on the PATH")?;
        command.env("PATH", path);
        Ok(command)
    }

    /// Writes an event as Serf gives it to a handler, with one line for each member.
    pub(crate) fn write_event(&self, names: &[String]) -> anyhow::Result<PathBuf> {
        let line = |name: &String| format!("{name}\t{}\tbackend\trole=backend\n", newcomer(name));
        let text: String = names.iter().map(line).collect();
        let path = self.path("event");
        replace(&path, text.as_bytes(), Durability::Unsynced)?;
        Ok(path)
    }

    /// Runs the three programs of the chain for an event of these members, as a run that is
    /// recorded.
    pub(crate) fn event(&self, kind: &str, names: &[String], check: Check) -> anyhow::Result<Cost> {
        let run = self.runs.get();
        self.runs.set(run.wrapping_add(1));
        let records = [
            ("CHAIN_RUN", format!("run-{run}").into()),
            ("MUSTER_JOURNAL", self.path("muster.jsonl")),
        ];
        self.event_with(kind, names, check, &records)
    }

    fn event_with(
        &self,
        kind: &str,
        names: &[String],
        check: Check,
        records: &[(&str, PathBuf)],
    ) -> anyhow::Result<Cost> {
        let event = self.write_event(names)?;
        if check == Check::Forced {
            forget(&self.path(".haproxy.cfg.checked"))?;
        }
        let step = |name| {
            let mut step = self.command(&self.setting.program(name));
            step.envs(records.iter().map(|(name, value)| (name, value)));
            step
        };
        let mut nodes = step("serf-nodes");
        nodes.env("SERF_EVENT", kind).stdin(stdin_from(&event)?);
        Ok(Cost {
            serf_nodes: timed(&mut nodes)?,
            haproxy_gen: timed(&mut step("haproxy-gen"))?,
            haproxy_reload: timed(&mut step("haproxy-reload"))?,
        })
    }

    pub(crate) fn join(&self, name: &str, check: Check) -> anyhow::Result<Cost> {
        self.event("member-join", &[name.to_string()], check)
    }

    /// A join that leaves no state and no line of a journal.
    pub(crate) fn join_unrecorded(&self, name: &str) -> anyhow::Result<Cost> {
        let names = [name.to_string()];
        self.event_with("member-join", &names, Check::IfNeeded, &[])
    }

    pub(crate) fn leave(&self, name: &str) -> anyhow::Result<Cost> {
        self.event("member-leave", &[name.to_string()], Check::IfNeeded)
    }

    /// How many milliseconds a program takes that does the least possible with these files.
    pub(crate) fn limit(&self) -> anyhow::Result<f64> {
        let mut limit = self.setting.limit();
        timed(limit.arg(self.path("nodes")).arg(self.path("limit")))
    }

    /// How many nodes the configuration serves.
    pub(crate) fn served(&self) -> usize {
        configured(&self.haproxy.config).len()
    }
}

fn chain_environment(command: &mut Command, directory: &Path, haproxy: &Haproxy) {
    haproxy.environment(command);
    command
        .env("NODES_DIR", directory.join("nodes"))
        .env("SERF_LOG", directory.join("serf.log"))
        .env("MUSTER_JOURNAL", "")
        .env("HAPROXY_TEMPLATE", directory.join("haproxy.cfg.tera"))
        .env("ALLOW_LOOPBACK", "1")
        .env("SERF_SELF_NAME", "ha");
}

fn write_template(setting: &Setting, directory: &Path) -> anyhow::Result<()> {
    let path = setting.root().join("ha/config/haproxy.cfg.tera");
    let mut text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    for (often, rarely) in CHECKS {
        ensure!(
            text.contains(often),
            "find '{often}' in {}: the benchmark has to make these checks rare",
            path.display()
        );
        text = text.replace(often, rarely);
    }
    replace(
        &directory.join("haproxy.cfg.tera"),
        text.as_bytes(),
        Durability::Unsynced,
    )
}

/// The files of that many nodes, whose addresses are all different.
pub(crate) fn write_nodes(directory: &Path, count: usize) -> anyhow::Result<()> {
    fs::create_dir(directory).with_context(|| format!("make {}", directory.display()))?;
    for number in 0..count {
        let name = node(number);
        let line = format!("{name} {}\n", address(number));
        replace(
            &directory.join(&name),
            line.as_bytes(),
            Durability::Unsynced,
        )?;
    }
    Ok(())
}

/// The address of a member that comes later, which none of the files has: those whose names
/// end with different numbers have different ones.
fn newcomer(name: &str) -> String {
    let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    address(12_000 + digits.parse::<usize>().unwrap_or(999))
}

pub(crate) fn node(number: usize) -> String {
    format!("n{number:05}")
}

/// Nobody listens there.
pub(crate) fn address(number: usize) -> String {
    format!("127.43.{}.{}", number / 250, number % 250 + 1)
}

fn forget(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_written_in_the_form_that_the_chain_reads() {
        let scratch = harness::scratch();
        let directory = scratch.path().join("nodes");
        write_nodes(&directory, 300).unwrap();
        let listing = nodes::Nodes::new(&directory).list().unwrap();
        assert_eq!((listing.nodes.len(), listing.refused.len()), (300, 0));
        assert_eq!(listing.nodes[299].name.as_str(), "n00299");
        assert_eq!(listing.nodes[299].ip.to_string(), "127.43.1.50");
    }
}
