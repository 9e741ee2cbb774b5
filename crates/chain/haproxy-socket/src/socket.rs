//! A command socket, and what can go wrong with it.

use std::fmt::{self, Display};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

/// How long HAProxy may stay silent, for most commands, before we give up.
pub const SILENCE: Duration = Duration::from_secs(2);
/// The pause before asking again. What is waited for, such as the end of a health check,
/// mostly takes some milliseconds, a reload about 60.
pub const TURN: Duration = Duration::from_millis(5);
/// The longest answer that is read, in bytes. It is enough for `show stat` with 50,000
/// servers.
const LONGEST: usize = 64 << 20;

/// The error if nobody listens at a socket or if it does not exist. HAProxy may still
/// be running then: somebody may have removed the file.
#[derive(Debug)]
pub struct Absent(&'static str);

impl std::error::Error for Absent {}

impl Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what) = self;
        write!(
            f,
            "{what}: is HAProxy running? If it is, `svc -r` of its service gives it its sockets back"
        )
    }
}

/// A command socket.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Where it is.
    pub path: PathBuf,
    /// When the whole run has to end.
    pub deadline: Instant,
    /// For how long to try again if the connection is refused or reset, as by a master
    /// that is restarting itself.
    pub refusals: Duration,
    /// Whether to close our half of the connection after the line: the master answers
    /// only then, a worker at the end of the line.
    pub half_close: bool,
}

impl Socket {
    /// Asks `line`, and gives HAProxy [`SILENCE`] for each part of its answer.
    pub fn ask(&self, line: &str) -> anyhow::Result<String> {
        self.ask_patiently(line, SILENCE)
    }

    /// Asks what HAProxy may be silent about for that long.
    pub fn ask_patiently(&self, line: &str, silence: Duration) -> anyhow::Result<String> {
        let answer = self.ask_for_bytes(line.as_bytes(), silence)?;
        Ok(String::from_utf8(answer)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Sends what need not be a text, and returns the answer as it is.
    pub fn ask_bytes(&self, line: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.ask_for_bytes(line, SILENCE)
    }

    /// Asks `line`, and gives up after so long, whatever HAProxy is at: for whoever only looks,
    /// and can look again. Here the deadline says nothing.
    pub fn glance(&self, line: &str, patience: Duration) -> anyhow::Result<String> {
        let until = Instant::now() + patience;
        let asked = self.connect_within(patience).and_then(|stream| {
            self.send(&stream, line.as_bytes(), patience)?;
            read_all(&stream, patience, until)
        });
        let answer = asked.with_context(|| format!("ask {}", self.path.display()))?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn ask_for_bytes(&self, line: &[u8], silence: Duration) -> anyhow::Result<Vec<u8>> {
        let until = Instant::now() + self.refusals;
        loop {
            match self.exchange(line, silence) {
                // A master that restarts itself resets the connections that it has.
                Err(error) if self.half_close && is_reset(&error) && Instant::now() < until => {
                    pause(TURN);
                }
                asked => return asked.with_context(|| format!("ask {}", self.path.display())),
            }
        }
    }

    fn exchange(&self, line: &[u8], silence: Duration) -> anyhow::Result<Vec<u8>> {
        let stream = self.connect_within(SILENCE)?;
        self.send(&stream, line, SILENCE)?;
        // A question that is asked just before the deadline still gets time for an
        // answer, so that the run can report what HAProxy said.
        let until = self.deadline.max(Instant::now() + SILENCE);
        read_all(&stream, silence, until)
    }

    fn send(&self, mut stream: &UnixStream, line: &[u8], patience: Duration) -> anyhow::Result<()> {
        stream.set_write_timeout(Some(patience))?;
        stream
            .write_all(&[line, b"\n"].concat())
            .map_err(|error| silent(error, patience))?;
        if self.half_close {
            stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn connect_within(&self, patience: Duration) -> anyhow::Result<UnixStream> {
        let until = Instant::now() + self.refusals;
        loop {
            match connect_once(&self.path, patience) {
                Ok(stream) => return Ok(stream),
                Err(Errno::ECONNREFUSED) if Instant::now() < until => pause(TURN),
                Err(Errno::ECONNREFUSED) => return Err(Absent("nobody listens there").into()),
                Err(Errno::ENOENT) => return Err(Absent("there is no such socket").into()),
                Err(Errno::EAGAIN) => return Err(nobody_answers(patience)),
                Err(error) => return Err(error).context("connect"),
            }
        }
    }
}

/// Reads the answer to its end: each part within `silence`, all of it before `until`.
fn read_all(stream: &UnixStream, silence: Duration, until: Instant) -> anyhow::Result<Vec<u8>> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 1 << 14]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "the time for it is over");
        let patience = left.min(silence);
        stream.set_read_timeout(Some(patience))?;
        let length = read_once(stream, &mut buffer).map_err(|error| silent(error, patience))?;
        if length == 0 {
            return Ok(answer);
        }
        answer.extend_from_slice(&buffer[..length]);
        ensure!(answer.len() < LONGEST, "the answer is longer than 64 MB");
    }
}

fn is_reset(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::NotConnected
        )
    })
}

fn read_once(mut stream: &UnixStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Connects within `patience`. A blocking `connect` would wait for ever if the other
/// side has stopped accepting, but Linux applies the send time-out to it as well.
fn connect_once(path: &Path, patience: Duration) -> Result<UnixStream, Errno> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let micros = i64::from(patience.subsec_micros());
    let patience = TimeVal::new(patience.as_secs().cast_signed(), micros);
    setsockopt(&socket, sockopt::SendTimeout, &patience)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// The error for a read or write that failed, or that was given up after `silence`.
fn silent(error: std::io::Error, silence: Duration) -> anyhow::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => nobody_answers(silence),
        _ => error.into(),
    }
}

fn nobody_answers(silence: Duration) -> anyhow::Error {
    let seconds = silence.as_millis().div_ceil(1000);
    anyhow!("nobody answers for {seconds} s")
}

/// Waits before asking again for something of which HAProxy gives no notice.
#[expect(
    clippy::disallowed_methods,
    reason = "HAProxy gives no notice of what is waited for"
)]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}
