//! A program of somebody else.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::{is_over, readable, timed_out};

/// How much is kept of each of its two outputs, in bytes. What comes after that is read,
/// so that the program can go on, and dropped.
const KEPT: usize = 1 << 20;
/// How long a program that was killed may take to go: one that waits for a dead disk
/// does not go at all.
const LAST: Duration = Duration::from_secs(2);
/// The longest pause between two looks whether it has ended, in milliseconds.
const LONGEST_PAUSE: u8 = 16;

/// Runs a program and returns its status and what it has written, as
/// [`Command::output`] does. If it has not ended after `limit`, it is killed with all
/// that it has started (it gets a process group of its own for that), and the error is
/// of the kind [`io::ErrorKind::TimedOut`].
///
/// Unlike with [`Command::output`], no failed system call is a panic.
pub fn output(command: &mut Command, limit: Duration) -> io::Result<Output> {
    let deadline = Instant::now() + limit;
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.process_group(0).spawn()?;
    let failure = match follow(&mut child, deadline) {
        Ok(Some(output)) => return Ok(output),
        Ok(None) => timed_out(format!("it had not ended after {limit:?}, and was killed")),
        Err(error) => error,
    };
    kill(&mut child)?;
    Err(failure)
}

/// What it writes until it ends; `None` if it has not ended by `deadline`.
fn follow(child: &mut Child, deadline: Instant) -> io::Result<Option<Output>> {
    let mut stdout = Outlet::new(child.stdout.take());
    let mut stderr = Outlet::new(child.stderr.take());
    while stdout.is_open() || stderr.is_open() {
        if is_over(deadline) {
            return Ok(None);
        }
        let [first, second] = readable([stdout.stream(), stderr.stream()], deadline)?;
        if first {
            stdout.take()?;
        }
        if second {
            stderr.take()?;
        }
    }
    let status = wait(child, deadline)?;
    Ok(status.map(|status| Output {
        status,
        stdout: stdout.kept,
        stderr: stderr.kept,
    }))
}

/// Waits for the end of a program that has closed its outputs, so most likely ends at
/// this moment.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = 1;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || is_over(deadline) {
            return Ok(status);
        }
        // Cut short by a signal, it only makes the next look earlier.
        let _ = poll(&mut [], PollTimeout::from(pause));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn kill(child: &mut Child) -> io::Result<()> {
    // Nobody has waited for it yet, so the number is still its own.
    let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    wait(child, Instant::now() + LAST).map(|_| ())
}

/// One of its outputs.
struct Outlet<S> {
    stream: Option<S>,
    kept: Vec<u8>,
}

impl<S: Read + AsFd> Outlet<S> {
    fn new(stream: Option<S>) -> Self {
        let kept = Vec::new();
        Self { stream, kept }
    }

    fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    fn stream(&self) -> Option<&dyn AsFd> {
        self.stream.as_ref().map(|stream| stream as &dyn AsFd)
    }

    /// Takes what is there, without waiting for more.
    fn take(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        match stream.read(&mut buffer) {
            Ok(0) => self.stream = None,
            Ok(length) => {
                let room = KEPT.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(&buffer[..length.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No load of the machine makes a shell take that long.
    const AMPLE: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    fn run(script: &str, limit: Duration) -> io::Result<Output> {
        output(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn what_it_writes_and_how_it_ends_is_known() {
        let output = run("echo one; echo two >&2; exit 7", AMPLE).unwrap();
        assert_eq!(output.status.code(), Some(7));
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&b"one\n"[..], &b"two\n"[..])
        );
    }

    #[test]
    fn much_on_both_outputs_blocks_nobody_and_its_beginning_is_kept() {
        let script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2";
        let output = run(script, AMPLE).unwrap();
        assert!(output.status.success());
        assert_eq!((output.stdout.len(), output.stderr.len()), (KEPT, KEPT));
    }

    #[test]
    fn one_that_does_not_end_is_killed_with_what_it_has_started() {
        for script in ["sleep 1000 & wait", "exec >&- 2>&-; sleep 1000; :"] {
            let (own, theirs) = io::pipe().unwrap();
            let mut command = Command::new("sh");
            // Whoever is left holds this, until the end of which is waited below.
            command.args(["-c", script]).stdin(theirs);
            let error = output(&mut command, SHORT).unwrap_err();
            drop(command);
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{script}: {error}");
            let [ended] = readable([Some(&own)], Instant::now() + AMPLE).unwrap();
            assert!(ended, "{script}");
        }
    }

    #[test]
    fn one_that_is_not_there_is_not_found() {
        let error = output(&mut Command::new("/nonexistent/program"), AMPLE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
