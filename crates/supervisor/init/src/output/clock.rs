//! The time before a line: UTC, to the millisecond, as ISO 8601 writes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The days of 400 years, after which the calendar begins anew.
const DAYS_OF_ERA: u64 = 146_097;
/// From 1 March of the year 0, with which the first era begins, to 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

/// The time now, with a space behind it. A clock before 1970 shows its first moment.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    format!("{} ", shown(since.unwrap_or_default()))
}

/// So long after the beginning of 1970, such as `2026-11-29T18:00:00.123Z`.
fn shown(since: Duration) -> String {
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / DAY);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        seconds % DAY / HOUR,
        seconds % HOUR / MINUTE,
        seconds % MINUTE,
        since.subsec_millis()
    )
}

/// The date so many days after 1 January 1970. Years are counted from March, so that the day that not each of them has
/// comes last: all months before it begin on the same day of each year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (DAYS_OF_ERA - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, five months have 153 days, again and again.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let is_next_year = month_from_march >= 10;
    let month = if is_next_year {
        month_from_march - 9
    } else {
        month_from_march + 3
    };
    (
        era * 400 + year_of_era + u64::from(is_next_year),
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// What `date -u` says of these seconds since 1970.
    fn by_date(seconds: &[u64]) -> Vec<String> {
        let mut date = Command::new("date")
            .args(["-u", "-f", "-", "+%Y-%m-%dT%H:%M:%S"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asked: Vec<String> = seconds.iter().map(|it| format!("@{it}")).collect();
        let asked = asked.join("\n");
        let mut input = date.stdin.take().unwrap();
        let writes = std::thread::spawn(move || input.write_all(asked.as_bytes()));
        let output = date.wait_with_output().unwrap();
        writes.join().unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_string).collect()
    }

    #[test]
    fn a_time_is_shown_as_iso_8601_has_it() {
        let time = Duration::from_millis(1_795_975_200_123);
        assert_eq!(shown(time), "2026-11-29T18:00:00.123Z");
        assert_eq!(shown(Duration::ZERO), "1970-01-01T00:00:00.000Z");
    }

    fn is_that_of_date(seconds: &[u64]) {
        let told = by_date(seconds);
        assert_eq!(told.len(), seconds.len());
        for (seconds, told) in seconds.iter().zip(told) {
            let ours = shown(Duration::from_secs(*seconds));
            assert_eq!(ours, format!("{told}.000Z"), "{seconds}");
        }
    }

    #[test]
    fn each_day_of_years_whose_february_is_special_is_that_of_date() {
        // From the autumns of 1999, 2023, 2099 and 2399 on.
        let starts = [938_736_000, 1_696_118_400, 4_094_496_000, 13_561_516_800];
        let days = starts
            .into_iter()
            .flat_map(|start| (0..800).map(move |day| start + day * DAY));
        is_that_of_date(&days.flat_map(|day| [day, day - 1]).collect::<Vec<_>>());
        is_that_of_date(&[0, LAST]);
    }

    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        #[test]
        fn any_time_is_that_of_date(seconds in proptest::collection::vec(0..=LAST, 5000)) {
            is_that_of_date(&seconds);
        }
    }
}
