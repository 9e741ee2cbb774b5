//! The command whose exit code is ours.

use std::ffi::OsString;
use std::fs::File;
use std::io;

use nix::libc;
use servicedir::WaitStatus;

use crate::output;
use crate::process::spawn::Nursery;
use crate::process::sys;

/// A command that runs once, in the directory that we were started in.
#[derive(Debug)]
pub(crate) struct MainCommand {
    argv: Vec<OsString>,
    origin: Option<File>,
    pid: Option<i32>,
    is_started: bool,
}

impl MainCommand {
    pub(crate) fn new(argv: Vec<OsString>) -> Self {
        Self {
            argv,
            origin: File::open(".").ok(),
            pid: None,
            is_started: false,
        }
    }

    pub(crate) fn exists(&self) -> bool {
        !self.argv.is_empty()
    }

    /// It has not been started yet, and is to be.
    pub(crate) fn waits(&self) -> bool {
        self.exists() && !self.is_started
    }

    pub(crate) fn runs(&self) -> bool {
        self.pid.is_some()
    }

    /// Stands where we were started: for it, and for scripts.
    pub(crate) fn enter_origin(&self) {
        if let Some(origin) = &self.origin {
            let _ = nix::unistd::fchdir(origin);
        }
    }

    /// Starts it; the code if that is not possible.
    pub(crate) fn start(&mut self, nursery: &Nursery) -> Option<u8> {
        self.is_started = true;
        self.enter_origin();
        match nursery.command(&self.argv) {
            Ok(pid) => {
                self.pid = Some(pid);
                None
            }
            Err(failed) => {
                let name = self.argv[0].to_string_lossy().into_owned();
                output::say(format_args!("start {name}: {}", failed.why));
                Some(failed.code())
            }
        }
    }

    /// Its code if it was this process that ended.
    pub(crate) fn ended(&mut self, pid: i32, status: WaitStatus) -> Option<u8> {
        self.pid.take_if(|its| *its == pid)?;
        Some(status.shell_code())
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        if let Some(pid) = self.pid {
            let _ = sys::kill(pid, signal);
        }
    }

    /// It is not to be started any more.
    pub(crate) fn give_up(&mut self) {
        self.is_started = true;
    }

    /// Tells it to end: an interactive shell hears on SIGHUP alone.
    pub(crate) fn stop(&mut self) {
        self.give_up();
        self.signal(libc::SIGTERM);
        if io::IsTerminal::is_terminal(&io::stdin()) {
            self.signal(libc::SIGHUP);
        }
        self.signal(libc::SIGCONT);
    }
}
