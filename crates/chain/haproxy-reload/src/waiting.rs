//! The process that waits until a reload may be made.
//!
//! A run that finds it due too early leaves this process behind, since nobody is to wait for
//! it. It keeps nothing in mind: when the time is over it does an ordinary run, and if it
//! is killed, the next run finds the same reload due.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, stdout};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use exit::{Exit, say};
use nix::unistd::close;

use crate::PROGRAM;
use crate::converge::End;
use crate::file::kept::Files;
use haproxy_socket::pause;

/// The worker's age is in whole seconds, so to ask for it more often tells nothing new.
const SHORTEST: Duration = Duration::from_millis(100);
/// How long to wait for those who only look whether a process waits.
const LOOKING: Duration = Duration::from_millis(20);
/// How long to wait for other runs: whoever is at work may take all its time.
const PATIENCE: Duration = Duration::from_secs(86_400);
/// How much of what it said is told, in bytes.
const MOST_TOLD: u64 = 64 << 10;

/// Leaves a process behind that runs this program again in `left`, unless one waits already.
/// The caller holds the lock of a run.
///
/// Its output is the file of its lock, so it has that from its first moment to its last.
/// It must not have ours, since who reads that would wait for the end of both.
pub(crate) fn leave(files: &Files, left: Duration) -> anyhow::Result<()> {
    let Some(lock) = files::lock_until(&files.waiting(), Instant::now() + LOOKING)? else {
        return Ok(());
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| PROGRAM.into());
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command
        .arg0(name)
        .arg("--waiting")
        .arg(humantime::format_duration(left).to_string())
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(lock.try_clone().context("share the lock")?)
        .stderr(lock);
    command.spawn().context("start who waits for it")?;
    Ok(())
}

/// Waits for `left`, then runs `once` until no reload has to wait any more. What `once` says
/// is for the next run to tell.
pub(crate) fn wait(
    mut left: Duration,
    files: &Files,
    once: &dyn Fn() -> anyhow::Result<End>,
) -> anyhow::Result<Exit> {
    close_inherited();
    loop {
        pause(left.max(SHORTEST));
        // This lock is the last to go: a run that gets it finds us waiting, or gone.
        let _lock = files.lock(Instant::now() + PATIENCE)?;
        let exit = match once() {
            Ok(End::Postponed(due)) => {
                left = due.left;
                continue;
            }
            Ok(End::Agrees(exit)) => exit,
            Err(error) => {
                say(PROGRAM, format_args!("{error:#}"));
                Exit::Unchanged
            }
        };
        stop_waiting();
        return Ok(exit);
    }
}

/// Closes what somebody has left open for us, such as a lock of the script that runs this
/// program, or the pipe of a log. At this moment nothing of it is our own.
fn close_inherited() {
    let open = files::list(Path::new("/proc/self/fd")).unwrap_or_default();
    let numbers = open
        .iter()
        .filter_map(|entry| entry.name.to_str()?.parse().ok());
    for number in numbers.filter(|number: &i32| *number > 2) {
        // That of the listing itself is closed already.
        let _ = close(number);
    }
}

/// Gives the lock back that is our output; see [`leave`]. Who has called us otherwise has
/// given us none.
fn stop_waiting() {
    let output = stdout().as_fd().try_clone_to_owned();
    let _ = output.map(|output| File::from(output).unlock());
}

/// Says what a process has said that waited and is gone, which nobody has read. The caller
/// holds the lock of a run.
pub(crate) fn tell(files: &Files) {
    let path = files.waiting();
    if path.metadata().map_or(0, |metadata| metadata.len()) == 0 {
        return;
    }
    // As long as somebody waits, it goes on writing.
    let Ok(Some(lock)) = files::try_lock(&path) else {
        return;
    };
    let Ok((is_all, said)) = end(&path) else {
        return;
    };
    if lock.set_len(0).is_err() {
        return;
    }
    if !is_all {
        let told = format_args!("the process that waited said more than this end of it:");
        say(PROGRAM, told);
    }
    let said = String::from_utf8_lossy(&said);
    let before = format!("{PROGRAM}: ");
    for line in said.lines() {
        let line = line.strip_prefix(&before).unwrap_or(line);
        say(
            PROGRAM,
            format_args!("the process that waited says: {line}"),
        );
    }
}

/// The last bytes of a file, and whether that is all of it.
fn end(path: &Path) -> io::Result<(bool, Vec<u8>)> {
    let (mut file, metadata) = files::open_regular(path, files::Links::Refuse)?;
    let skipped = metadata.len().saturating_sub(MOST_TOLD);
    file.seek(SeekFrom::Start(skipped))?;
    let mut said = Vec::new();
    file.take(MOST_TOLD).read_to_end(&mut said)?;
    Ok((skipped == 0, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_too_much_the_end_is_read() {
        let scratch = harness::scratch();
        let path = scratch.path().join("said");
        let most = usize::try_from(MOST_TOLD).unwrap();
        let read = |content: &[u8]| {
            files::replace(&path, content, files::Durability::Unsynced).unwrap();
            end(&path).unwrap()
        };
        let whole = vec![b'x'; most];
        assert_eq!(read(&whole), (true, whole.clone()));
        assert_eq!(read(&[b"first", &whole[..]].concat()), (false, whole));
        assert_eq!(read(b""), (true, Vec::new()));
    }
}
