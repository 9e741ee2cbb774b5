//! Asks what serves.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use exit::escape;
use serf_rpc::{Address, left_until};

use crate::verdict::Web;

const QUESTION: &[u8] = b"HEAD / HTTP/1.0\r\n\r\n";

/// The longest first line of an answer that is read, in bytes.
const LONGEST: usize = 1024;

/// How much of an answer that is none is shown, in bytes.
const SHOWN: usize = 60;

pub(crate) fn ask(address: &Address, deadline: Instant) -> Web {
    let asked = address.connect(deadline).context("connect");
    let line = asked.and_then(|stream| first_line(stream, deadline));
    match line {
        Ok(line) => judge(&line),
        Err(error) => Web::Silent(format!("{address}: {}", explain(&error))),
    }
}

fn first_line(mut stream: TcpStream, deadline: Instant) -> Result<Vec<u8>> {
    // So short a question is taken by the kernel at once.
    stream.write_all(QUESTION).context("ask")?;
    let mut line = Vec::new();
    let mut part = [0; LONGEST];
    while line.len() < LONGEST && !line.contains(&b'\n') {
        stream.set_read_timeout(Some(left_until(deadline)?))?;
        match stream.read(&mut part) {
            Ok(0) if line.is_empty() => bail!("it closed the connection"),
            Ok(0) => break,
            Ok(read) => line.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(line)
}

fn judge(answer: &[u8]) -> Web {
    let line = answer
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.trim_ascii_end();
    let mut words = line.split(|byte| *byte == b' ');
    let version = words.next().unwrap_or_default();
    match words.next() {
        Some(b"200") if version.starts_with(b"HTTP/1.") => Web::Serves,
        Some(code) if version.starts_with(b"HTTP/1.") && code.len() == 3 => {
            Web::Answers(escape(code).to_string())
        }
        _ => {
            let shown = &line[..line.len().min(SHOWN)];
            Web::Answers(format!("'{}'", escape(shown)))
        }
    }
}

fn explain(error: &anyhow::Error) -> String {
    let kind = error.root_cause().downcast_ref::<std::io::Error>();
    match kind.map(std::io::Error::kind) {
        Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => "it has not answered in time".into(),
        _ => format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &[u8]) -> String {
        match judge(answer) {
            Web::Serves => "serves".to_owned(),
            Web::Answers(what) | Web::Silent(what) => what,
        }
    }

    #[test]
    fn only_200_is_serving() {
        assert_eq!(told(b"HTTP/1.1 200 OK\r\nx: y\r\n"), "serves");
        assert_eq!(told(b"HTTP/1.0 200\r\n"), "serves");
        assert_eq!(told(b"HTTP/1.1 503 Service Unavailable\r\n"), "503");
        assert_eq!(told(b"HTTP/1.1 2000 OK\r\n"), "'HTTP/1.1 2000 OK'");
        assert_eq!(told(b"SSH-2.0 200 OK"), "'SSH-2.0 200 OK'");
    }

    #[test]
    fn what_it_says_is_short_and_escaped() {
        assert_eq!(told(b"a\x1b[2J\r\n"), "'a\\x1b[2J'");
        assert_eq!(told(&[b'a'; LONGEST]).len(), SHOWN + 2);
    }
}
