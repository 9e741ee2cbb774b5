//! The file in which the command says when it wants to be run again.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};

/// The largest file that is read, in bytes. Unix times are much shorter.
const LONGEST: u64 = 64;

/// The moment in the file; `None` if there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<SystemTime>> {
    let Some(bytes) = files::read(path, LONGEST)? else {
        return Ok(None);
    };
    match std::str::from_utf8(&bytes).ok().and_then(parse) {
        Some(moment) => Ok(Some(moment)),
        None => bail!("read {}: it holds no Unix time in seconds", path.display()),
    }
}

fn parse(text: &str) -> Option<SystemTime> {
    let text = text.trim_ascii_end();
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    let since = Duration::new(seconds.parse().ok()?, nanos);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// The moment on the clock that nobody sets; `None` if it is too far away for that.
pub(crate) fn instant(moment: SystemTime, now: SystemTime, on_clock: Instant) -> Option<Instant> {
    match moment.duration_since(now) {
        Ok(left) => on_clock.checked_add(left),
        Err(error) => on_clock.checked_sub(error.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_time_is_read_with_and_without_a_fraction() {
        let at = |millis| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        for (text, moment) in [
            ("1800000000\n", at(1_800_000_000_000)),
            ("1800000000.5", at(1_800_000_000_500)),
            ("0.012\n", at(12)),
        ] {
            assert_eq!(parse(text), moment, "{text}");
        }
        for text in [
            "",
            "\n",
            ".5",
            "1.",
            "+1",
            "-1",
            "1.+5",
            "1e9",
            "soon",
            "1 2",
            "0.0123456789",
            "99999999999999999999",
            "18446744073709551615",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_is_as_far_away_on_the_other_clock() {
        let (now, on_clock) = (SystemTime::now(), Instant::now());
        let second = Duration::from_secs(1);
        let at = |moment| instant(moment, now, on_clock);
        assert_eq!(at(now + second), Some(on_clock + second));
        assert_eq!(at(now - second), on_clock.checked_sub(second));
        assert_eq!(
            at(SystemTime::UNIX_EPOCH),
            on_clock.checked_sub(now.duration_since(SystemTime::UNIX_EPOCH).unwrap())
        );
    }

    #[test]
    fn no_file_says_nothing_and_nonsense_is_an_error() {
        let folder = harness::scratch();
        let path = folder.path().join("due");
        assert_eq!(read(&path).unwrap(), None);
        for nonsense in [&b"soon\n"[..], b"\xff", &[b'1'; 65]] {
            files::replace(&path, nonsense, files::Durability::Unsynced).unwrap();
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(
                error.starts_with("read ") && error.contains("due: "),
                "{error}"
            );
        }
    }
}
