//! An end for what could take for ever: a program of somebody else, a stream that
//! somebody else has to close, a computation that somebody else has written.

mod program;
mod stream;
mod time;
mod work;

pub use program::output;
pub use stream::{read_to_end, write_all};
pub use time::reckonable;
pub use work::work;

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of `streams` can be read or has ended; whether each of them can.
/// None of them can when `deadline` is over.
fn readable<const N: usize>(
    streams: [Option<&dyn AsFd>; N],
    deadline: Instant,
) -> io::Result<[bool; N]> {
    wait_for(streams, PollFlags::POLLIN, deadline)
}

fn wait_for<const N: usize>(
    streams: [Option<&dyn AsFd>; N],
    events: PollFlags,
    deadline: Instant,
) -> io::Result<[bool; N]> {
    let mut asked: Vec<PollFd<'_>> = streams
        .iter()
        .flatten()
        .map(|stream| PollFd::new(stream.as_fd(), events))
        .collect();
    loop {
        match poll(&mut asked, until(deadline)) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => break,
        }
    }
    let mut answers = asked.iter().map(|it| it.any().unwrap_or(true));
    Ok(streams.map(|stream| stream.is_some() && answers.next().unwrap_or(false)))
}

/// The time until then, rounded up to milliseconds, so that nobody asks again and again
/// in the last one.
fn until(deadline: Instant) -> PollTimeout {
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = left.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

fn is_over(deadline: Instant) -> bool {
    Instant::now() >= deadline
}

fn timed_out(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, message)
}
