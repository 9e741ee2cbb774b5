//! As much of an HTTP client as the tests need: one request, one connection,
//! and HTTP 1.0, which has no chunks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Far above what an answer takes, so that only a lost one fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status and the body of `GET path`, or in words why there is none.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<(u16, String), String> {
    let text = exchange(address, path).map_err(|error| error.to_string())?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("cut short: {text:?}"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("no status: {head:?}"))?;
    Ok((status, body.to_owned()))
}

fn exchange(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: muster\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
