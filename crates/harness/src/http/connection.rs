//! One connection, and requests over it.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Failure, Response};

/// After this time a client gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that is open as far as is known.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    served: bool,
}

impl Connection {
    /// Opens one for a request that was due at `start`.
    pub(crate) fn open(address: SocketAddr, start: Instant) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, left(start)?)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            served: false,
        })
    }

    /// Whether the server has not closed it meanwhile. A client that did not
    /// look would blame the server for its own sleep.
    pub(crate) fn is_open(&self) -> bool {
        let stream = self.stream.get_ref();
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let seen = stream.peek(&mut [0]);
        stream.set_nonblocking(false).is_ok()
            && matches!(seen, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Asks for `path`; the answer can have any status.
    pub(crate) fn get(
        &mut self,
        path: &str,
        keep: bool,
        start: Instant,
    ) -> Result<Response, Failure> {
        let reused = std::mem::replace(&mut self.served, true);
        let stream = self.stream.get_ref();
        let host = stream.peer_addr()?;
        let connection = if keep { "keep-alive" } else { "close" };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n");
        stream.set_write_timeout(Some(left(start)?))?;
        let mut answer = Counted::new(&mut self.stream, start);
        let outcome = answer
            .write_all(request.as_bytes())
            .map_err(Failure::from)
            .and_then(|()| Ok(Response::read(&mut BufReader::new(&mut answer))?));
        match outcome {
            Err(Failure::Reset | Failure::ClosedEarly) if reused && answer.bytes == 0 => {
                Err(Failure::ClosedOnReuse)
            }
            other => other,
        }
    }
}

/// What is left of the patience with a request that was due at `start`.
fn left(start: Instant) -> Result<Duration, Failure> {
    PATIENCE
        .checked_sub(start.elapsed())
        .filter(|left| !left.is_zero())
        .ok_or(Failure::Timeout)
}

/// Counts the bytes of an answer, and gives up in time.
struct Counted<'a> {
    stream: &'a mut BufReader<TcpStream>,
    start: Instant,
    bytes: usize,
}

impl<'a> Counted<'a> {
    fn new(stream: &'a mut BufReader<TcpStream>, start: Instant) -> Self {
        Self {
            stream,
            start,
            bytes: 0,
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = left(self.start).map_err(|_| std::io::ErrorKind::TimedOut)?;
        self.stream.get_ref().set_read_timeout(Some(left))?;
        let bytes = self.stream.read(buffer)?;
        self.bytes += bytes;
        Ok(bytes)
    }
}
