//! A computation that somebody else has written.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// As large as that of a main thread, so that nothing fails here that would not there.
const STACK: usize = 8 << 20;
/// The shortest pause between two looks at the clock.
const PAUSE: Duration = Duration::from_millis(5);

/// Does `work` in a thread, and returns what it returns. The error is of the kind
/// [`io::ErrorKind::TimedOut`] if it has not ended after `limit` of *processor* time, so
/// that no load of the machine makes a difference; the thread is left then, and ends with
/// the program. It counts what the whole program uses, so its other threads have to rest.
///
/// # Panics
/// If `work` does.
pub fn work<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let start = used()?;
    let (result, results) = channel();
    let worker = thread::Builder::new().stack_size(STACK).spawn(move || {
        // Nobody takes it when the time was over.
        let _ = result.send(work());
    })?;
    loop {
        let left = limit.saturating_sub(used()?.saturating_sub(start));
        if left.is_zero() {
            let message = format!("it had not ended after {limit:?} of processor time");
            return Err(crate::timed_out(message));
        }
        // It cannot use more than the time that passes.
        match results.recv_timeout(left.max(PAUSE)) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match worker.join() {
        Err(panic) => std::panic::resume_unwind(panic),
        Ok(()) => Err(io::Error::other("its thread ended without a result")),
    }
}

/// How much processor time this program has used.
fn used() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_in_time_gives_its_result() {
        assert_eq!(work(Duration::from_secs(60), || 6 * 7).unwrap(), 42);
    }

    #[test]
    fn what_does_not_end_is_left() {
        let endless = || {
            loop {
                std::hint::spin_loop();
            }
        };
        let error = work::<()>(Duration::from_millis(20), endless).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    #[should_panic(expected = "a bug of its")]
    fn a_panic_goes_on_where_it_was_asked_for() {
        let _ = work::<()>(Duration::from_secs(60), || panic!("a bug of its"));
    }
}
