//! How long somebody may tell a program to wait.

use std::time::Duration;

/// The longest time that is reckoned with: much more, added to a moment, is more than a clock
/// can show.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Takes a time that somebody has told.
///
/// # Errors
/// When it is so long that it can only be a mistake; the error says so.
pub fn reckonable(time: Duration) -> Result<Duration, String> {
    if time > LONGEST {
        return Err("it is longer than a year".to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_year_is_the_longest_time_and_can_be_reckoned_with() {
        for time in [Duration::ZERO, LONGEST] {
            let time = reckonable(time).unwrap();
            assert!((Instant::now() + time).checked_add(LONGEST).is_some());
        }
        for time in [LONGEST + Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(reckonable(time).unwrap_err(), "it is longer than a year");
        }
    }
}
