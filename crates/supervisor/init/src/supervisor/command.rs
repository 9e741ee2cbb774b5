//! The command whose exit code is ours.

use std::ffi::OsString;
use std::fs::File;
use std::io;

use nix::libc;
use nix::sys::signal::Signal;
use servicedir::WaitStatus;

use crate::output;
use crate::process::spawn::Nursery;
use crate::process::{sys, terminal};

/// A command that runs once, in the directory that we were started in.
#[derive(Debug)]
pub(crate) struct MainCommand {
    /// Empty where there is no command.
    argv: Vec<OsString>,
    /// The directory that we were started in.
    origin: Option<File>,
    pid: Option<i32>,
    /// It was started, or is not to be started any more.
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

    /// It is to be started, and was not yet.
    pub(crate) fn waits(&self) -> bool {
        self.exists() && !self.is_started
    }

    pub(crate) fn runs(&self) -> bool {
        self.pid.is_some()
    }

    /// Enters the directory that we were started in, where it and the scripts run.
    pub(crate) fn enter_origin(&self) {
        if let Some(origin) = &self.origin {
            let _ = nix::unistd::fchdir(origin);
        }
    }

    /// Lets go of that directory where nothing else is started in it, so that its file
    /// system can be unmounted.
    pub(crate) fn leave_origin(&mut self) {
        self.origin = None;
        let _ = nix::unistd::chdir("/");
    }

    /// Starts it; gives the exit code if that is not possible.
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

    /// Its exit code if `pid` was its process.
    pub(crate) fn ended(&mut self, pid: i32, status: WaitStatus) -> Option<u8> {
        self.pid.take_if(|its| *its == pid)?;
        terminal::take_back(pid);
        Some(status.shell_code())
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        if let Some(pid) = self.pid {
            let _ = sys::kill(pid, signal);
        }
    }

    /// Where it has stopped, so do we, and whoever else is in our job: the shell that has
    /// started us waits for us alone, to take its terminal back.
    pub(crate) fn follow_stop(&self) {
        let Some(pid) = self.pid.filter(|_| terminal::exists()) else {
            return;
        };
        let Some(signal) = sys::has_stopped(pid) else {
            return;
        };
        // It has wanted a terminal that it had not got, and now it can have it.
        let waited = matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU) && terminal::is_ours();
        if !waited {
            terminal::take_back(pid);
            // Once continued, we hear of that as of any signal.
            let has_stopped = sys::stop_job();
            // Without a shell the key stops nobody: the command would not have either.
            if has_stopped || signal != Signal::SIGTSTP || !terminal::is_ours() {
                return;
            }
        }
        self.go_on();
    }

    /// Gives the terminal to the rest of our job, such as a pager that shows what the
    /// command writes; false if the command has not got it.
    pub(crate) fn lend_terminal(&self) -> bool {
        let is_lent = self.pid.is_some_and(terminal::take_back);
        if is_lent {
            sys::continue_job();
        }
        is_lent
    }

    /// Continues it, and all of its group if there is a terminal, whose keys stop all.
    pub(crate) fn go_on(&self) {
        let Some(pid) = self.pid else {
            return;
        };
        terminal::give(pid);
        if !terminal::exists() || sys::kill(-pid, libc::SIGCONT).is_err() {
            self.signal(libc::SIGCONT);
        }
    }

    /// Gives up a command that was not started yet.
    pub(crate) fn give_up(&mut self) {
        self.is_started = true;
    }

    /// Asks it to end. An interactive shell heeds SIGHUP alone, and one that was
    /// stopped has to be continued before it heeds anything.
    pub(crate) fn stop(&mut self) {
        self.give_up();
        self.signal(libc::SIGTERM);
        if io::IsTerminal::is_terminal(&io::stdin()) {
            self.signal(libc::SIGHUP);
        }
        self.signal(libc::SIGCONT);
    }
}
