//! Times in words.

use std::time::{Duration, UNIX_EPOCH};

/// The last second that has a date of four digits.
const LAST: f64 = 253_402_300_799.0;

/// A moment, in Unix seconds, as its day and its time in UTC with milliseconds:
/// `2026-11-30` and `14:04:48.358`.
pub(super) fn date(t: f64) -> (String, String) {
    let since = Duration::from_secs_f64(if t.is_nan() { 0.0 } else { t.clamp(0.0, LAST) });
    // Half a millisecond less would be another one: what is written is a fraction of binary digits.
    let since = Duration::from_millis(u64::try_from((since + HALF).as_millis()).unwrap_or(0));
    let text = humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    (day.to_owned(), time.trim_end_matches('Z').to_owned())
}

const HALF: Duration = Duration::from_micros(500);

/// The time of the day in whole seconds: `14:04:48`.
pub(super) fn clock(t: f64) -> String {
    let (_, mut time) = date(t.floor());
    time.truncate("00:00:00".len());
    time
}

/// How long, roughly: `27 s`, `3 min`, `2 h`, `5 days`.
pub(super) fn span(seconds: f64) -> String {
    // What is no number is none, and what is too large the largest.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest whole number there is"
    )]
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_day_and_a_time() {
        let (day, time) = date(1_700_000_000.358);
        assert_eq!(
            (day.as_str(), time.as_str()),
            ("2023-11-14", "22:13:20.358")
        );
        assert_eq!(clock(1_700_000_000.999), "22:13:20");
        for wild in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(date(wild).0.len(), 10);
        }
    }

    #[test]
    fn a_span_is_as_exact_as_it_has_to_be() {
        let spans = [-1.0, 27.9, 119.0, 120.0, 7_199.0, 7_200.0, 432_000.0].map(span);
        assert_eq!(
            spans,
            ["0 s", "27 s", "119 s", "2 min", "119 min", "2 h", "5 days"]
        );
        assert!(span(f64::NAN) == "0 s" && span(1e300).ends_with("days"));
    }
}
