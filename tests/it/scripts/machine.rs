//! A machine of a test's own, on which scripts run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use harness::root;

/// What scripts need of every machine, and all that a bare one has.
const BARE: [&str; 24] = [
    "sh", "sed", "sort", "dirname", "readlink", "cut", "head", "tail", "cat", "grep", "ls", "rm",
    "expr", "ln", "mkdir", "chmod", "flock", "setsid", "find", "tr", "xargs", "wc", "id", "stat",
];

/// A machine that has nothing but what a test gives it.
pub(super) struct Machine {
    folder: harness::Scratch,
}

impl Machine {
    pub(super) fn new() -> Self {
        let folder = harness::scratch();
        let machine = Self { folder };
        for folder in ["bin", "home", "tmp"] {
            fs::create_dir(machine.path(folder)).unwrap();
        }
        for name in BARE {
            symlink(harness::require(name), machine.path("bin").join(name)).unwrap();
        }
        machine
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that notes that it ran, and then does what `text` says.
    pub(super) fn program(&self, name: &str, text: &str) -> &Self {
        let ran = self.path("ran");
        let noted = format!("echo \"{name} $*\" >>'{}'", ran.display());
        let path = self.path("bin").join(name);
        // Through a link it would be written over the program of this very machine.
        let _ = fs::remove_file(&path);
        harness::write_program(&path, &format!("#!/bin/sh\n{noted}\n{text}\n"));
        self
    }

    pub(super) fn rust(&self, version: &str) -> &Self {
        for tool in ["cargo", "rustc", "rustfmt"] {
            self.program(tool, &format!("echo \"{tool} {version} (123 2026-01-01)\""));
        }
        self
    }

    /// What was run, one command a line.
    pub(super) fn ran(&self) -> String {
        fs::read_to_string(self.path("ran")).unwrap_or_default()
    }

    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    pub(super) fn script(&self, name: &str, words: &[&str]) -> Output {
        self.command(root().join("scripts").join(name))
            .args(words)
            .output()
            .unwrap()
    }

    /// What `scripts/require WORDS` says where it has to give up.
    pub(super) fn refusal(&self, words: &[&str]) -> String {
        let output = self.script("require", words);
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        assert!(!self.ran().contains("apt-get"), "{}", self.ran());
        String::from_utf8(output.stderr).unwrap()
    }
}

/// One whose programs would be noticed.
pub(super) fn watched() -> Machine {
    let machine = Machine::new();
    machine.rust("99.0.0");
    for name in ["apt-get", "docker", "shellcheck", "debootstrap", "curl"] {
        machine.program(name, "");
    }
    machine
}
