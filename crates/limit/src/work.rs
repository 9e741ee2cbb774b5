//! A computation that somebody else has written.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The stack of the thread that watches, which only prints.
const STACK: usize = 256 << 10;
/// The shortest pause between two looks at the clock.
const PAUSE: Duration = Duration::from_millis(5);

/// Does `work`, and calls `late` from another thread if it has not ended after `limit` of
/// *processor* time, so that no load of the machine makes a difference. `late` has to end the
/// program, or to make the work end. What the whole program uses counts, so its other threads
/// have to rest.
///
/// # Errors
/// When the system has no thread for that.
pub fn work<T>(
    limit: Duration,
    work: impl FnOnce() -> T,
    late: impl FnOnce(io::Error) + Send + 'static,
) -> io::Result<T> {
    let start = used()?;
    let (working, ended) = channel();
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || watch(limit, start, &ended, late))?;
    let value = work();
    drop::<std::sync::mpsc::Sender<()>>(working);
    Ok(value)
}

fn watch(limit: Duration, start: Duration, ended: &Receiver<()>, late: impl FnOnce(io::Error)) {
    loop {
        let left = match used() {
            Ok(now) => limit.saturating_sub(now.saturating_sub(start)),
            Err(error) => return late(error),
        };
        if left.is_zero() {
            let message = format!("it had not ended after {limit:?} of processor time");
            return late(crate::timed_out(message));
        }
        // It cannot use more than the time that passes.
        if ended.recv_timeout(left.max(PAUSE)) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// How much processor time this program has used.
fn used() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_ends_in_time_gives_its_result() {
        let late = |error| panic!("{error}");
        assert_eq!(work(Duration::from_secs(60), || 6 * 7, late).unwrap(), 42);
    }

    #[test]
    fn what_does_not_end_is_told() {
        let is_late = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_late);
        let endless = || {
            while !is_late.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
        };
        let late = move |error: io::Error| {
            told.store(error.kind() == io::ErrorKind::TimedOut, Ordering::SeqCst);
        };
        work(Duration::from_millis(20), endless, late).unwrap();
    }

    #[test]
    #[should_panic(expected = "a bug of its")]
    fn a_panic_goes_on_where_it_was_asked_for() {
        let _ = work::<()>(Duration::from_secs(60), || panic!("a bug of its"), |_| {});
    }
}
