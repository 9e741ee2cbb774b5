//! One connection, and requests over it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Failure, Response};

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, for example.
    pub method: &'a str,
    /// What follows the server's address.
    pub path: &'a str,
    /// Whole lines besides `Host` and `Content-Length`, each with its `\r\n`.
    pub headers: &'a str,
    /// What follows the head.
    pub body: &'a str,
}

impl<'a> Request<'a> {
    /// Asks for a page, over a connection that is to end after the answer.
    pub const fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: "Connection: close\r\n",
            body: "",
        }
    }

    fn text(&self, host: SocketAddr) -> String {
        let Self {
            method,
            path,
            headers,
            body,
        } = self;
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n{body}")
    }
}

/// A connection that is open as far as is known.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Timed>,
    /// Whether an answer came over it before.
    has_served: bool,
    /// Whether no body follows the next answer's head.
    head_only: bool,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// When nobody accepts it before `deadline`.
    pub fn open(address: SocketAddr, deadline: Instant) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, left(deadline)?)?;
        stream.set_nodelay(true)?;
        let stream = Timed {
            stream,
            deadline,
            bytes: 0,
        };
        Ok(Self {
            stream: BufReader::new(stream),
            has_served: false,
            head_only: false,
        })
    }

    /// Whether the server has not closed it meanwhile. A client that did not look would
    /// blame the server for the time in which it was asleep itself.
    pub fn is_open(&self) -> bool {
        let stream = &self.stream.get_ref().stream;
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let seen = stream.peek(&mut [0]);
        stream.set_nonblocking(false).is_ok()
            && matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends a request and reads its answer, which can have any status.
    ///
    /// # Errors
    /// When no whole answer comes before `deadline`.
    pub fn ask(&mut self, request: &Request, deadline: Instant) -> Result<Response, Failure> {
        let (has_served, before) = (self.has_served, self.stream.get_ref().bytes);
        let answer = self
            .send(request, deadline)
            .and_then(|()| self.answer(deadline));
        match answer {
            Err(Failure::Reset | Failure::ClosedEarly)
                if has_served && self.stream.get_ref().bytes == before =>
            {
                Err(Failure::ClosedOnReuse)
            }
            other => other,
        }
    }

    /// Sends a request alone.
    ///
    /// # Errors
    /// When it cannot be sent before `deadline`.
    pub fn send(&mut self, request: &Request, deadline: Instant) -> Result<(), Failure> {
        let mut stream = &self.stream.get_ref().stream;
        stream.set_write_timeout(Some(left(deadline)?))?;
        stream.write_all(request.text(stream.peer_addr()?).as_bytes())?;
        self.head_only = request.method == "HEAD";
        Ok(())
    }

    /// Reads the answer to the request that was sent last.
    ///
    /// # Errors
    /// When no whole answer comes before `deadline`.
    pub fn answer(&mut self, deadline: Instant) -> Result<Response, Failure> {
        self.stream.get_mut().deadline = deadline;
        let response = Response::read(&mut self.stream, self.head_only)?;
        self.has_served = true;
        Ok(response)
    }

    /// Waits until the server ends the connection.
    ///
    /// # Errors
    /// When it sends something instead, or nothing happens before `deadline`.
    pub fn wait_for_end(&mut self, deadline: Instant) -> Result<(), Failure> {
        self.stream.get_mut().deadline = deadline;
        match self.stream.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(Failure::Malformed),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn left(deadline: Instant) -> Result<Duration, Failure> {
    deadline
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
        .ok_or(Failure::Timeout)
}

/// Gives up reading in time, and counts what was read.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    deadline: Instant,
    bytes: usize,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = left(self.deadline).map_err(|_| ErrorKind::TimedOut)?;
        self.stream.set_read_timeout(Some(left))?;
        let bytes = self.stream.read(buffer)?;
        self.bytes += bytes;
        Ok(bytes)
    }
}
