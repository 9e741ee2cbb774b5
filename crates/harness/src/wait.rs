//! Waiting for facts.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a fact is looked for: far below of what is measured.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// Waits until `fact` is there; an error that says `what` was waited for, when it
/// does not come.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut fact: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = fact() {
            return Ok(found);
        }
        if start.elapsed() > deadline {
            bail!("waited {deadline:?} in vain for {what}");
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

/// Lets time pass that is to be measured.
pub fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_does_not_come_is_named() {
        let error = until("spring", Duration::ZERO, || None::<()>).unwrap_err();
        assert!(error.to_string().ends_with("in vain for spring"));
    }

    #[test]
    fn time_passes() {
        let start = Instant::now();
        pass(Duration::from_millis(3));
        assert!(start.elapsed() >= Duration::from_millis(3));
    }
}
