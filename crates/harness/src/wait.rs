//! Waiting for facts, and letting time pass.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a fact is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often, when the time until it comes is measured: far below what any of them takes.
const WATCH_EVERY: Duration = Duration::from_micros(200);

/// Waits until `fact` is there and returns it.
///
/// # Panics
/// When it is not there within `deadline`, saying `what` was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, deadline: Duration, fact: impl FnMut() -> Option<T>) -> T {
    until(what, deadline, fact).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until `fact` is there and returns it.
///
/// # Errors
/// When it is not there within `deadline`, saying `what` was waited for.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    fact: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    look(LOOK_EVERY, what, deadline, fact)
}

/// Does the same as [`until`], but looks so often that the moment can be measured.
///
/// # Errors
/// When `fact` is not there within `deadline`, saying `what` was waited for.
pub fn watch_for<T>(
    what: &str,
    deadline: Duration,
    fact: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    look(WATCH_EVERY, what, deadline, fact)
}

fn look<T>(
    every: Duration,
    what: &str,
    deadline: Duration,
    mut fact: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = fact() {
            return Ok(found);
        }
        if start.elapsed() >= deadline {
            bail!("waited {deadline:?} in vain for {what}");
        }
        pass(every);
    }
}

/// Lets so much time go by: between two looks at a fact, or because a server is to be
/// slow, or because what happens meanwhile is measured.
pub fn pass(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where tests let time go by"
    )]
    thread::sleep(time);
}

/// Lets the time until `moment` go by, if it is still to come.
pub fn pass_until(moment: Instant) {
    pass(moment.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_returned_when_it_comes() {
        let mut looks = 0;
        let found = wait_for("the third look", Duration::from_secs(30), || {
            looks += 1;
            (looks == 3).then_some("found")
        });
        assert_eq!(found, "found");
    }

    #[test]
    #[should_panic(expected = "in vain for nothing")]
    fn a_fact_that_never_comes_is_named() {
        wait_for("nothing", Duration::from_millis(1), || None::<()>);
    }

    #[test]
    fn a_fact_that_does_not_come_is_named() {
        for wait in [until::<()>, watch_for] {
            let error = wait("spring", Duration::ZERO, || None).unwrap_err();
            assert!(error.to_string().ends_with("in vain for spring"));
        }
    }

    #[test]
    fn time_passes() {
        let start = Instant::now();
        pass(Duration::from_millis(3));
        assert!(start.elapsed() >= Duration::from_millis(3));
        pass_until(start);
        pass_until(start + Duration::from_millis(6));
        assert!(start.elapsed() >= Duration::from_millis(6));
    }
}
