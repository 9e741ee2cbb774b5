//! HAProxy's command sockets: one line out, an answer to its end in, and
//! everything bounded in time and size.

use std::fmt::{self, Display};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

/// A socket on which nobody says a word for so long is given up.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// `show stat` of 50,000 servers; an answer without end stops here.
const LONGEST: usize = 64 << 20;

/// Why nobody can be asked at a socket, which somebody may have removed.
#[derive(Debug)]
pub(crate) struct Absent(&'static str);

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
pub(crate) struct Socket {
    pub(crate) path: PathBuf,
    /// When whatever is going on must have ended.
    pub(crate) deadline: Instant,
    /// For how long a refused connection is tried again.
    pub(crate) refusals: Duration,
    /// The master answers when our half is closed; a worker at the line's end.
    pub(crate) half_close: bool,
}

impl Socket {
    pub(crate) fn ask(&self, line: &str) -> anyhow::Result<String> {
        self.ask_patiently(line, SILENCE)
    }

    pub(crate) fn ask_patiently(&self, line: &str, silence: Duration) -> anyhow::Result<String> {
        let asked = self.exchange(line, silence);
        asked.with_context(|| format!("ask {}", self.path.display()))
    }

    fn exchange(&self, line: &str, silence: Duration) -> anyhow::Result<String> {
        let mut stream = self.connect()?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream
            .write_all(format!("{line}\n").as_bytes())
            .map_err(silent)?;
        if self.half_close {
            stream.shutdown(Shutdown::Write)?;
        }
        // Who asks at the last moment gets an answer yet, and can tell it.
        let until = self.deadline.max(Instant::now() + SILENCE);
        let (mut answer, mut buffer) = (Vec::new(), [0; 1 << 14]);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "the time for it is over");
            stream.set_read_timeout(Some(left.min(silence)))?;
            let length = read_once(&stream, &mut buffer).map_err(silent)?;
            if length == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..length]);
            ensure!(answer.len() < LONGEST, "the answer is longer than 64 MB");
        }
        Ok(String::from_utf8(answer)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn connect(&self) -> anyhow::Result<UnixStream> {
        let until = Instant::now() + self.refusals;
        loop {
            match connect_once(&self.path) {
                Ok(stream) => return Ok(stream),
                Err(Errno::ECONNREFUSED) if Instant::now() < until => {
                    pause(Duration::from_millis(5));
                }
                Err(Errno::ECONNREFUSED) => return Err(Absent("nobody listens there").into()),
                Err(Errno::ENOENT) => return Err(Absent("there is no such socket").into()),
                Err(Errno::EAGAIN) => bail!("nobody answers for 2 s"),
                Err(error) => return Err(error).context("connect"),
            }
        }
    }
}

fn read_once(mut stream: &UnixStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// A blocking connect waits for ever where the other side has stopped
/// accepting; Linux applies the time limit of sending to it.
fn connect_once(path: &Path) -> Result<UnixStream, Errno> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let silence = TimeVal::new(SILENCE.as_secs().cast_signed(), 0);
    setsockopt(&socket, sockopt::SendTimeout, &silence)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn silent(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => anyhow::anyhow!("nobody answers for 2 s"),
        _ => error.into(),
    }
}

/// For what can only be asked again and again.
pub(crate) fn pause(length: Duration) {
    std::thread::park_timeout(length);
}
