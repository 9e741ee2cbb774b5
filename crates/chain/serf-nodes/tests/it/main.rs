//! `serf-nodes` as Serf, `member-event` and a person run it.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on is a test that failed"
)]

mod address;
mod anti_wipe;
mod clocks;
mod endless;
mod event;
mod failure;
mod faults;
mod fixtures;
mod journal;
mod log_only;
mod members;
mod options;
mod places;
mod scale;

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use harness::Scratch;

/// What it reads of its environment.
pub(crate) const VARIABLES: [&str; 13] = [
    "NODES_DIR",
    "SERF_LOG",
    "ALLOW_LOOPBACK",
    "SERF_EVENT",
    "SERF_SELF_NAME",
    "SERF_NODE",
    "CHAIN_RUN",
    "MUSTER_JOURNAL",
    "SERF_ROLE",
    "NODES_ALLOW",
    "NODES_DENY",
    "NODES_HOLD",
    "NODES_MAX_LOST",
];

/// The directories of one run, and what the program is given.
pub(crate) struct Case {
    scratch: Scratch,
}

/// What a run left.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stderr: String,
}

impl Case {
    pub(crate) fn new() -> Self {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("nodes")).unwrap();
        Self { scratch }
    }

    /// A case with these files in `/nodes`, each by its line.
    pub(crate) fn with(lines: &[&str]) -> Self {
        let case = Self::new();
        for line in lines {
            let name = line.split(' ').next().unwrap();
            case.put(&format!("nodes/{name}"), &format!("{line}\n"));
        }
        case
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "a fixture")]
    pub(crate) fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The program, with nothing of the caller's environment that it would read.
    pub(crate) fn command(&self) -> Command {
        let mut command = assert_cmd::cargo_bin_cmd!("serf-nodes");
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        command
            .env("NODES_DIR", self.path("nodes"))
            .env("SERF_LOG", self.path("serf.log"))
            .timeout(std::time::Duration::from_secs(60));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], stdin: &str) -> Ran {
        run(self.command().args(arguments).write_stdin(stdin))
    }

    /// Runs the program for an event of these members, each with its name, address and role.
    pub(crate) fn event(&self, event: &str, members: &[[&str; 3]]) -> Ran {
        let lines = members
            .iter()
            .map(|member| format!("{}\t\n", member.join("\t")));
        let stdin: String = lines.collect();
        run(self.command().env("SERF_EVENT", event).write_stdin(stdin))
    }

    /// Runs the program on a list of a balancer and these members, given on stdin.
    pub(crate) fn follow(&self, members: &[String], arguments: &[&str]) -> Ran {
        let ha =
            r#"{"name":"ha","addr":"10.0.0.42:7946","status":"alive","tags":{"role":"balancer"}}"#;
        let mut members = members.to_vec();
        members.push(ha.to_string());
        let list = list(&members);
        self.run(&[&["--members", "-"], arguments].concat(), &list)
    }

    /// The nodes' lines in name order.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("nodes"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        let read = |name: &String| fs::read_to_string(self.path("nodes").join(name)).unwrap();
        names
            .iter()
            .map(|name| read(name).trim_end().to_string())
            .collect()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("serf.log")).unwrap_or_default()
    }
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn list(members: &[String]) -> String {
    format!("{{\"members\":[{}]}}", members.join(","))
}

/// A member with the role backend, as the list has it.
pub(crate) fn backend(name: &str, ip: &str, status: &str) -> String {
    tagged(name, ip, status, "")
}

/// Such a member with further tags, each with a comma before it.
pub(crate) fn tagged(name: &str, ip: &str, status: &str, tags: &str) -> String {
    format!(
        r#"{{"name":"{name}","addr":"{ip}:7946","port":7946,"tags":{{"role":"backend"{tags}}},"status":"{status}","protocol":{{"max":5,"min":2,"version":5}}}}"#
    )
}
