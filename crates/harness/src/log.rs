//! The log that `init` writes for a node.

/// A form of the time that `init` puts before a line (`INIT_TIME`): 0 is any digit.
const TIME: &[u8] = b"0000-00-00T00:00:00.000Z ";

/// A line as it is behind the time, if it begins with one.
pub fn without_time(line: &str) -> &str {
    let is_time = |start: &[u8]| {
        let mut pairs = start.iter().zip(TIME);
        pairs.all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        })
    };
    match line.as_bytes().get(..TIME.len()) {
        Some(start) if is_time(start) => &line[TIME.len()..],
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_left_out_and_nothing_else() {
        for (line, rest) in [
            ("2026-11-29T18:00:00.123Z [ha] up", "[ha] up"),
            ("2026-11-29T18:00:00.123Z ", ""),
            ("[ha] up", "[ha] up"),
            ("", ""),
            (
                "2026-11-29T18:00:00Z [ha] up, and long enough",
                "2026-11-29T18:00:00Z [ha] up, and long enough",
            ),
            (
                "2026-11-29T18:00:00.\u{e4}3Z more",
                "2026-11-29T18:00:00.\u{e4}3Z more",
            ),
        ] {
            assert_eq!(without_time(line), rest, "{line}");
        }
    }
}
