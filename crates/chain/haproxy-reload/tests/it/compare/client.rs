//! Requests from an address of one's choice, since HAProxy can go by the client's address.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};

/// Far above what an answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands for an answer that no server gave.
pub(crate) const FAILED: &str = "no server answers";

/// A request, over a connection of its own.
pub(crate) struct Request {
    pub(crate) from: Ipv4Addr,
    pub(crate) path: String,
    /// Whole header lines.
    pub(crate) headers: String,
}

impl Request {
    /// Who answered and how: status, cookie, mark and body, or the error.
    pub(crate) fn send(&self, to: SocketAddrV4) -> String {
        match self.exchange(to) {
            Ok(answer) => summary(&String::from_utf8_lossy(&answer)),
            Err(error) => format!("failed: {:?}", error.kind()),
        }
    }

    fn exchange(&self, to: SocketAddrV4) -> std::io::Result<Vec<u8>> {
        let mut stream = open(self.from, to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let Self { path, headers, .. } = self;
        let text = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !is_whole(&answer) {
            match stream.read(&mut buffer)? {
                0 => break,
                length => answer.extend(&buffer[..length]),
            }
        }
        Ok(answer)
    }
}

fn open(from: Ipv4Addr, to: SocketAddrV4) -> nix::Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    // The port is chosen at `connect`, so that one can serve for several destinations.
    setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    bind(
        socket.as_raw_fd(),
        &SockaddrIn::from(SocketAddrV4::new(from, 0)),
    )?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(to))?;
    Ok(TcpStream::from(socket))
}

/// Whether the answer has all of its body. A server behind `mode tcp` does not end the
/// connection.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").and_then(|length| length.parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

fn summary(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).unwrap_or("no answer");
    if matches!(status, "502" | "503") {
        // Which of them it is depends on when a node that serves nobody ends the connection.
        return FAILED.to_owned();
    }
    let mut words = vec![status.to_owned()];
    for name in ["set-cookie", "x-mark"] {
        words.extend(header(head, name).map(|value| format!("{name}={value}")));
    }
    if status == "200" {
        words.push(body.to_owned());
    }
    words.join(" ")
}
