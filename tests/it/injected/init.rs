//! init's work on files, while it starts two services, restarts one, and stops.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::cluster::program;
use harness::faults::Program;
use harness::{Scratch, processes_of, write_program};
use nix::libc::O_NONBLOCK;
use nix::sys::signal::Signal;

use servicedir::{Servicedir, Status};

use super::trial::{Ended, Running, Subject, try_all};
use super::write;

const SERVICES: [&str; 2] = ["a", "b"];

const SIGTERM: u8 = 15;

/// The calls by which it works on files.
const OF_FILES: [&str; 24] = [
    "access",
    "chdir",
    "chmod",
    "chown",
    "close",
    "faccessat2",
    "fchdir",
    "fchmod",
    "fchown",
    "fcntl",
    "flock",
    "fsync",
    "getcwd",
    "getdents64",
    "mkdir",
    "mknodat",
    "newfstatat",
    "openat",
    "read",
    "readlink",
    "rename",
    "statx",
    "unlink",
    "write",
];

struct Init {
    scratch: Scratch,
    /// So many starts there were of each service when the program was started.
    before: [usize; 2],
}

impl Init {
    fn new() -> Self {
        let scratch = harness::scratch();
        for name in SERVICES {
            let folder = scratch.path().join("scan").join(name);
            fs::create_dir_all(&folder).unwrap();
            let text = format!("#!/bin/sh\necho {name} >>../../log\nexec sleep 1000\n");
            write_program(&folder.join("run"), &text);
            // Else a service that has just been started comes back after a second.
            write(&folder.join("restart-delay"), "50\n");
        }
        Self {
            scratch,
            before: [0; 2],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// How often each service has been started.
    fn starts(log: &Path) -> [usize; 2] {
        let log = fs::read_to_string(log).unwrap_or_default();
        SERVICES.map(|name| log.lines().filter(|line| *line == name).count())
    }

    fn restart(&self, name: &str) -> bool {
        let mut options = fs::OpenOptions::new();
        let control = self.path("scan").join(name).join("supervise/control");
        let control = options.write(true).custom_flags(O_NONBLOCK).open(control);
        control.is_ok_and(|mut control| control.write_all(b"r").is_ok())
    }

    /// A supervisor that is killed leaves its services behind.
    fn end_services(&self) {
        for pid in processes_of(self.folder()) {
            harness::send(pid.cast_unsigned(), Signal::SIGKILL);
        }
    }
}

impl Subject for Init {
    fn name(&self) -> &'static str {
        "init"
    }

    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn reset(&mut self) {
        for folder in [
            "a/supervise",
            "a/event",
            "b/supervise",
            "b/event",
            ".s6-svscan",
        ] {
            let _ = fs::remove_dir_all(self.path("scan").join(folder));
        }
        let _ = fs::remove_file(self.path("log"));
    }

    fn program(&self) -> Program {
        let mut command = Command::new(program("init"));
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.arg("--scan").arg(self.path("scan"));
        command.into()
    }

    fn is_tried(&self, call: &str) -> bool {
        OF_FILES.contains(&call)
    }

    fn is_followed(&self) -> bool {
        false
    }

    fn begin(&mut self) {
        self.before = Self::starts(&self.path("log"));
    }

    fn attend(&mut self, run: &mut Running) -> Result<(), String> {
        let Some(pid) = run.pid() else { return Ok(()) };
        let (log, [a, b]) = (self.path("log"), self.before);
        let up = run.wait("both services to start", || {
            let now = Self::starts(&log);
            now[0] > a && now[1] > b
        })?;
        if up
            && run.wait("the letter to be taken", || self.restart("a"))?
            && run.wait("the second start", || Self::starts(&log)[0] > a + 1)?
        {
            harness::send(pid, Signal::SIGTERM);
            run.wait("its end", || false)?;
        }
        if run.was_killed() {
            self.end_services();
        }
        Ok(())
    }

    fn shown(&self, name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        match Path::new(name).file_name().and_then(|name| name.to_str()) {
            Some("run" | "lock") => Some(content),
            // Their content has times; the tools look whether they are whole.
            Some("status" | "death_tally") => Some(Vec::new()),
            _ if name == "log" => None,
            _ => Some(content),
        }
    }

    fn judge(&self, ended: &Ended) -> Result<(), String> {
        let serves = Self::starts(&self.path("log")) != [0; 2];
        // What follows when all have stopped may fail, as the look for its `finish`.
        if ended.code() == 111 && serves && self.settled().is_err() {
            return Err("it has died although services ran".to_owned());
        }
        // Whoever reads the file sees a whole record.
        let mut made = SERVICES.iter().filter(|name| {
            let folder = self.path("scan").join(name);
            folder.join("supervise/status").exists()
        });
        made.try_for_each(|name| self.record(name).map(drop))
    }

    fn settled(&self) -> Result<(), String> {
        for name in SERVICES {
            let record = self.record(name)?;
            if record.pid != 0 || record.wait_status.signal() != Some(SIGTERM) {
                return Err(format!("{name} is {record:?}"));
            }
        }
        Ok(())
    }
}

impl Init {
    fn record(&self, name: &str) -> Result<Status, String> {
        let folder = Servicedir::new(self.path("scan").join(name));
        let record = folder.status();
        record.map_err(|error| format!("the record of {name}: {error}"))
    }
}

#[test]
fn whatever_fails_when_init_works_on_files_its_services_start_restart_and_stop() {
    try_all(&mut Init::new());
}
