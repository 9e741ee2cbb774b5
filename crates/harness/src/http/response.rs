//! An answer, read from a stream.

use std::io::{self, BufRead, Read};

/// A longer head is an error: no server that is tested or measured sends one.
const MAX_HEAD: u64 = 64 << 10;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The number in its first line.
    pub status: u16,
    /// The names, in small letters, and the values, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// What follows the head.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name (in small letters).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text, in which whatever is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server ends the connection after this answer.
    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Reads one answer. No body follows the head of an answer to HEAD.
    pub(super) fn read(stream: &mut impl BufRead, head_only: bool) -> io::Result<Self> {
        let mut head = stream.by_ref().take(MAX_HEAD);
        let status = status(&line(&mut head)?)?;
        let mut response = Self {
            status,
            headers: headers(&mut head)?,
            body: Vec::new(),
        };
        if !head_only {
            response.body = body(&response, stream)?;
        }
        Ok(response)
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| malformed("a head that is no text"))
}

fn status(line: &str) -> io::Result<u16> {
    line.strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
        .ok_or_else(|| malformed("no status line"))
}

fn headers(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| malformed("a header without colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
}

fn body(head: &Response, stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.header("transfer-encoding") == Some("chunked") {
        while chunk(stream, &mut body)? {}
    } else if let Some(length) = head.header("content-length") {
        let length = length
            .parse()
            .map_err(|_| malformed("a length that is no number"))?;
        exactly(stream, length, &mut body)?;
    } else if head.status != 204 && head.status != 304 {
        stream.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn exactly(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if stream.take(length).read_to_end(body)? as u64 == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reads a chunk, and tells whether another one follows.
fn chunk(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let size = line(stream)?;
    let digits = size.split(';').next().unwrap_or_default().trim();
    let length =
        u64::from_str_radix(digits, 16).map_err(|_| malformed("a chunk without its size"))?;
    exactly(stream, length, body)?;
    line(stream)?;
    Ok(length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Response> {
        Response::read(&mut text.as_bytes(), false)
    }

    #[test]
    fn a_body_is_as_long_as_its_length_says() {
        let response = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more").unwrap();
        assert_eq!((response.status, response.text()), (200, "hi".to_string()));
        assert_eq!(response.header("content-length"), Some("2"));
        assert!(!response.closes());
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1";
        let response = Response::read(&mut text.as_bytes(), true).unwrap();
        assert_eq!((response.status, response.body.len()), (200, 0));
    }

    #[test]
    fn a_body_in_chunks_is_put_together() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x=y\r\n!\r\n0\r\n\r\n";
        assert_eq!(read(text).unwrap().text(), "hi!");
    }

    #[test]
    fn a_body_without_length_goes_to_the_end() {
        let response = read("HTTP/1.0 503 Busy\r\nConnection: Close\r\n\r\nsorry").unwrap();
        assert_eq!(
            (response.status, response.text()),
            (503, "sorry".to_string())
        );
        assert!(response.closes());
    }

    #[test]
    fn an_answer_that_ends_early_is_told_from_one_that_is_no_http() {
        let early = ["", "HTTP/1.1 200 OK\r\nContent-Le"];
        for text in early {
            assert_eq!(
                read(text).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof,
                "{text}"
            );
        }
        let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi";
        assert_eq!(
            read(short).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        let nonsense = ["SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"];
        for text in nonsense {
            assert_eq!(
                read(text).unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{text}"
            );
        }
    }
}
