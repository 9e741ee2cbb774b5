//! A relay on HAProxy's command socket, which lets so many commands through and
//! then strikes.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use harness::wait_for;
use nix::sys::signal::Signal::SIGKILL;

use crate::haproxy::{Haproxy, PATIENCE};

/// What is done instead of the next command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Strike {
    /// Master and worker are killed.
    Haproxy,
    /// The worker is killed, which the master does not survive for long.
    Worker,
    /// Only the connection ends.
    Connection,
}

pub(crate) struct Relay {
    /// Where HAProxy itself listens.
    behind: PathBuf,
    front: PathBuf,
    thread: JoinHandle<Option<String>>,
}

impl Relay {
    /// Takes the place of HAProxy's socket and lets `left` commands through.
    pub(crate) fn before(haproxy: &Haproxy, left: usize, strike: Strike) -> Self {
        let victims = match strike {
            Strike::Haproxy => vec![haproxy.master(), haproxy.worker()],
            Strike::Worker => vec![haproxy.worker()],
            Strike::Connection => Vec::new(),
        };
        let (front, behind) = (haproxy.path("s"), haproxy.path("behind"));
        std::fs::rename(&front, &behind).unwrap();
        let listener = UnixListener::bind(&front).unwrap();
        let path = behind.clone();
        let thread = std::thread::spawn(move || relay(&listener, &path, left, &victims));
        Self {
            behind,
            front,
            thread,
        }
    }

    /// Gives the socket back to a HAProxy that still lives. Returns the command instead of
    /// which the relay struck, if it did.
    pub(crate) fn end(self) -> Option<String> {
        if let Ok(mut stream) = UnixStream::connect(&self.front) {
            stream.write_all(END.as_bytes()).unwrap();
        }
        let struck = self.thread.join().unwrap();
        std::fs::rename(self.behind, self.front).unwrap();
        struck
    }
}

const END: &str = "end of the relay\n";

fn relay(
    listener: &UnixListener,
    behind: &Path,
    mut left: usize,
    victims: &[u32],
) -> Option<String> {
    let mut struck = None;
    for mut stream in listener.incoming().flatten() {
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        if line == END {
            break;
        }
        let commands: Vec<&str> = line.trim_end().split(';').collect();
        let strikes = struck.is_none() && commands.len() > left;
        let through = if strikes { left } else { commands.len() };
        let answer = pass_on(behind, &commands[..through]);
        left = left.saturating_sub(through);
        if strikes {
            struck = Some(commands[through].to_owned());
            kill(victims, behind);
        }
        let _ = stream.write_all(answer.as_bytes());
        if strikes && !victims.is_empty() {
            break;
        }
    }
    struck
}

/// What HAProxy answers to the first commands of a line.
fn pass_on(behind: &Path, commands: &[&str]) -> String {
    if commands.is_empty() {
        return String::new();
    }
    harness::haproxy::ask(behind, &commands.join(";")).unwrap()
}

fn kill(victims: &[u32], behind: &Path) {
    for pid in victims {
        harness::send(*pid, SIGKILL);
    }
    if !victims.is_empty() {
        wait_for("nobody to listen any more", PATIENCE, || {
            UnixStream::connect(behind).err()
        });
    }
}
