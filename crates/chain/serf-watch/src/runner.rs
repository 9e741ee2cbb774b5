//! Runs the command, one run at a time.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub(crate) struct Runner {
    program: OsString,
    arguments: Vec<OsString>,
    child: Option<Child>,
}

impl Runner {
    /// `command` must not be empty, which clap ensures.
    pub(crate) fn new(mut command: Vec<OsString>) -> Runner {
        let program = command.remove(0);
        Runner {
            program,
            arguments: command,
            child: None,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// Starts the command in a process group of its own, so that a signal to our group, such as
    /// Ctrl-C in a terminal, does not end it in the middle of its work.
    pub(crate) fn start(&mut self) -> Result<()> {
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("run {}", self.name()))?;
        self.child = Some(child);
        Ok(())
    }

    /// How the command ended, if it has.
    pub(crate) fn reap(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let status = child
            .try_wait()
            .with_context(|| format!("wait for {}", self.name()))?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Sends a signal to the running command and to everything that it has started.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self
            .child
            .as_ref()
            .and_then(|child| i32::try_from(child.id()).ok());
        if let Some(id) = id {
            // This fails if there is no such group, and then the command has ended.
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }
}

/// Whether a run has done its work. The exit code 1 says that there was nothing to do.
pub(crate) fn is_well(status: ExitStatus) -> bool {
    matches!(status.code(), Some(0 | 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn run(script: &str) -> Runner {
        let command = ["sh", "-c", script].map(OsString::from);
        let mut runner = Runner::new(command.into());
        runner.start().unwrap();
        runner
    }

    fn end(runner: &mut Runner) -> ExitStatus {
        harness::wait_for("the command to end", Duration::from_secs(30), || {
            runner.reap().unwrap()
        })
    }

    #[test]
    fn nothing_to_do_is_as_good_as_done() {
        assert!(is_well(end(&mut run("exit 0"))));
        assert!(is_well(end(&mut run("exit 1"))));
        assert!(!is_well(end(&mut run("exit 111"))));
        assert!(!is_well(end(&mut run("kill -9 $$"))));
    }

    #[test]
    fn the_command_has_nothing_to_read() {
        assert_eq!(
            end(&mut run("read line; test -z \"$line\"")).code(),
            Some(0)
        );
    }

    #[test]
    fn a_signal_reaches_what_the_command_has_started() {
        let mut runner = run("sleep 1000 | sleep 1000");
        runner.signal(Signal::SIGTERM);
        assert!(!is_well(end(&mut runner)));
        assert!(!runner.is_running());
        runner.signal(Signal::SIGTERM);
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let error = Runner::new(vec!["/no/such".into()]).start().unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "run /no/such: No such file or directory (os error 2)"
        );
    }
}
