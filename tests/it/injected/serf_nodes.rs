//! serf-nodes: the list of the members, and an event.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Scratch;
use harness::cluster::program;
use harness::faults::Program;

use super::folder::without_digits;
use super::trial::{Ended, Subject, try_all};
use super::write;

const BEFORE: [&str; 5] = [
    "s1 10.0.0.1 weight=7",
    "s2 10.0.0.2",
    "s4 10.0.0.4",
    "s5 10.0.0.5",
    "s6 10.0.0.6",
];
/// Those that stay, whatever happens.
const STAY: [&str; 4] = ["s1", "s2", "s5", "s6"];

struct SerfNodes {
    scratch: Scratch,
    is_event: bool,
}

impl SerfNodes {
    fn new(is_event: bool) -> Self {
        let scratch = harness::scratch();
        fs::create_dir_all(scratch.path().join("nodes/.lost")).unwrap();
        let subject = Self { scratch, is_event };
        let member = |name: &str, host: &str, status: &str, tags: &str| {
            format!(
                r#"{{"name":"{name}","addr":"10.0.0.{host}:7946","port":7946,"tags":{{"role":"backend"{tags}}},"status":"{status}"}}"#
            )
        };
        // s2 has another port, s3 joins, s4 was lost long ago and s5 is, s6 has come back.
        let members = [
            member("s1", "1", "alive", r#","weight":"7""#),
            member("s2", "2", "alive", r#","port":"80""#),
            member("s3", "3", "alive", ""),
            member("s4", "4", "failed", ""),
            member("s5", "5", "failed", ""),
            member("s6", "6", "alive", ""),
        ];
        let list = format!("{{\"members\":[{}]}}", members.join(","));
        write(&subject.path("list"), &list);
        let event = "s1\t10.0.0.9\tbackend\tweight=7\ns2\t10.0.0.8\tbackend\t\n";
        write(&subject.path("event"), event);
        subject
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }
}

impl Subject for SerfNodes {
    fn name(&self) -> &'static str {
        "serf-nodes"
    }

    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn reset(&mut self) {
        for folder in ["nodes/.lost", "nodes"] {
            for entry in fs::read_dir(self.path(folder)).unwrap().flatten() {
                if entry.path().is_file() {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
        let _ = fs::remove_file(self.path("serf.log"));
        for line in BEFORE {
            let name = line.split(' ').next().unwrap();
            write(&self.path("nodes").join(name), &format!("{line}\n"));
        }
        for name in ["s4", "s6"] {
            let mark = self.path("nodes/.lost").join(name);
            write(&mark, "2020-01-01T00:00:00.000Z\n");
        }
    }

    fn program(&self) -> Program {
        let mut command = Command::new(program("serf-nodes"));
        command.env_clear();
        command
            .env("NODES_DIR", self.path("nodes"))
            .env("SERF_LOG", self.path("serf.log"));
        if self.is_event {
            command.env("SERF_EVENT", "member-update");
            return Program {
                command,
                stdin: self.path("event"),
            };
        }
        command.arg("--members").arg(self.path("list"));
        command.into()
    }

    fn shown(&self, name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        match name {
            // A run that failed adds lines of its own.
            "serf.log" => None,
            "nodes/.due" => Some(without_digits(content)),
            _ if name.starts_with("nodes/.lost/") => Some(without_digits(date_of(content))),
            _ => Some(content),
        }
    }

    fn judge(&self, _ended: &Ended) -> Result<(), String> {
        let log = fs::read_to_string(self.path("serf.log")).unwrap_or_default();
        if !log.is_empty() && !log.ends_with('\n') {
            return Err(format!("the log ends with half a line: {log}"));
        }
        let missing = STAY
            .iter()
            .find(|name| !self.path("nodes").join(name).is_file());
        missing.map_or(Ok(()), |name| Err(format!("{name} is missing")))
    }
}

/// The date of a mark. The moment behind it is left out where the machine does not tell it.
fn date_of(mark: Vec<u8>) -> Vec<u8> {
    match mark.iter().position(|byte| *byte == b' ') {
        Some(end) if mark.ends_with(b"\n") => [&mark[..end], b"\n"].concat(),
        _ => mark,
    }
}

#[test]
fn whatever_fails_while_the_list_is_followed_the_next_run_puts_all_right() {
    try_all(&mut SerfNodes::new(false));
}

#[test]
fn whatever_fails_while_an_event_is_followed_the_next_run_puts_all_right() {
    try_all(&mut SerfNodes::new(true));
}
