//! Lets single system calls of a program fail.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::require;

/// No load of the machine makes a program take that long, in seconds. One that waits is
/// ended, with the code 124.
const LONGEST: &str = "60";

/// The calls by which a program reads.
pub const READING: [&str; 9] = [
    "openat",
    "read",
    "pread64",
    "fstat",
    "newfstatat",
    "statx",
    "getdents64",
    "readlink",
    "lseek",
];
/// How they fail.
pub const UNREADABLE: [&str; 5] = ["ESTALE", "EIO", "EINTR", "EACCES", "EMFILE"];

/// A program with what it reads from stdin, which a [`Command`] does not tell.
#[derive(Debug)]
pub struct Program {
    /// How it is run.
    pub command: Command,
    /// The file that is its stdin.
    pub stdin: PathBuf,
}

impl From<Command> for Program {
    fn from(command: Command) -> Self {
        Self {
            command,
            stdin: "/dev/null".into(),
        }
    }
}

/// One call that fails.
#[derive(Clone, Debug)]
pub struct Fault {
    call: String,
    /// Which of the program's calls of that name it is, from 1.
    number: usize,
    error: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} {}", self.error, self.call, self.number)
    }
}

/// Each of `errors` at each of the `calls` that the program makes from the first one on
/// that is about something in `folder`. The program is run once to know them. Only its
/// main thread counts, and no child.
///
/// # Panics
/// When there is none: nothing would be tested.
pub fn faults(program: &Program, folder: &Path, calls: &[&str], errors: &[&str]) -> Vec<Fault> {
    let scratch = crate::scratch();
    let log = scratch.path().join("calls");
    // What is opened shows where its own work begins, behind that of the loader.
    let rule = format!("trace=openat,{}", calls.join(","));
    let mut strace = traced(program, &log, &rule);
    strace.output().expect("run strace");
    let log = std::fs::read_to_string(log).expect("read what strace wrote");
    let folder = folder.to_string_lossy();
    let (mut counts, mut faults) = (BTreeMap::new(), Vec::new());
    let mut has_begun = false;
    for line in log.lines() {
        let Some((call, arguments)) = line.split_once('(') else {
            continue;
        };
        let number: &mut usize = counts.entry(call).or_default();
        *number += 1;
        has_begun |= arguments.contains(&*folder);
        if has_begun && calls.contains(&call) {
            faults.extend(errors.iter().map(|error| Fault {
                call: call.to_owned(),
                number: *number,
                error: (*error).to_owned(),
            }));
        }
    }
    assert!(!faults.is_empty(), "no call is about {folder}: {log}");
    faults
}

/// The program as it runs with this fault.
///
/// # Panics
/// When its stdin cannot be opened.
pub fn with_fault(program: &Program, fault: &Fault) -> Command {
    let Fault {
        call,
        number,
        error,
    } = fault;
    let rule = format!("inject={call}:error={error}:when={number}");
    traced(program, Path::new("/dev/null"), &rule)
}

fn traced(program: &Program, log: &Path, rule: &str) -> Command {
    let Program { command, stdin } = program;
    let mut traced = Command::new("timeout");
    traced.stdin(File::open(stdin).expect("open its stdin"));
    traced
        .args(["--kill-after=5", LONGEST])
        .arg(require("strace"));
    traced
        .arg("-qq")
        .arg("-o")
        .arg(log)
        .args(["-e", rule, "--"]);
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
}
