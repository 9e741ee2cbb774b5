//! A stream that somebody else has to close.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::{is_over, readable, timed_out};

/// Reads a stream to its end, or to its first `max` bytes. If neither is reached within
/// `limit`, the error is of the kind [`io::ErrorKind::TimedOut`].
pub fn read_to_end(stream: impl AsFd, max: u64, limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + limit;
    // What a standard stream has in its own buffer could not be waited for.
    let mut stream = File::from(stream.as_fd().try_clone_to_owned()?);
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let mut content = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while content.len() < max {
        let [is_ready] = readable([Some(&stream)], deadline)?;
        if !is_ready && is_over(deadline) {
            return Err(timed_out(format!("it had no end after {limit:?}")));
        }
        let room = buffer.len().min(max - content.len());
        match stream.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(length) => content.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const AMPLE: Duration = Duration::from_secs(60);

    #[test]
    fn a_stream_is_read_to_its_end_or_to_the_most() {
        for (max, expected) in [(100, &b"whole"[..]), (5, b"whole"), (3, b"who")] {
            let (stream, mut writer) = io::pipe().unwrap();
            writer.write_all(b"whole").unwrap();
            drop(writer);
            assert_eq!(read_to_end(stream, max, AMPLE).unwrap(), expected);
        }
    }

    #[test]
    fn a_stream_without_end_is_given_up() {
        let (stream, mut writer) = io::pipe().unwrap();
        writer.write_all(b"half").unwrap();
        let error = read_to_end(stream, 100, Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "it had no end after 20ms");
    }

    #[test]
    fn what_always_has_more_is_cut() {
        let endless = File::open("/dev/zero").unwrap();
        assert_eq!(read_to_end(endless, 200_000, AMPLE).unwrap().len(), 200_000);
    }
}
