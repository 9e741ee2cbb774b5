//! A stream that somebody else has to close.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::{is_over, readable, timed_out, wait_for};

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

/// Writes all of `bytes` to what was opened so that it does not wait (`O_NONBLOCK`), as
/// soon as its reader makes room. If he does not within `limit`, the error is of the kind
/// [`io::ErrorKind::TimedOut`].
pub fn write_all(mut file: &File, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if is_over(deadline) {
                    return Err(timed_out(format!("nobody has read from it for {limit:?}")));
                }
                wait_for([Some(file)], PollFlags::POLLOUT, deadline)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    use nix::fcntl::{FcntlArg, OFlag, fcntl};

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
    fn what_a_reader_takes_in_time_is_written_whole_and_the_rest_is_given_up() {
        let (mut stream, writer) = io::pipe().unwrap();
        let writer = File::from(OwnedFd::from(writer));
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let much = vec![b'x'; 300_000];
        let error = write_all(&writer, &much, Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let reader = std::thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        write_all(&writer, &much, AMPLE).unwrap();
        drop(writer);
        assert!(reader.join().unwrap().unwrap() > 300_000);
    }

    #[test]
    fn what_always_has_more_is_cut() {
        let endless = File::open("/dev/zero").unwrap();
        assert_eq!(read_to_end(endless, 200_000, AMPLE).unwrap().len(), 200_000);
    }
}
