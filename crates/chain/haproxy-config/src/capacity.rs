//! The comment in a configuration that says for how many nodes it was made.

use crate::FINGERPRINT;

/// What stands in the comment before the number.
pub(crate) const COMMENT: &str = "# capacity ";
/// HAProxy's keyword of the line before it.
const SET: &str = "setenv";

/// The text with the comment: behind the line of the fingerprint, or at the beginning of
/// a file without one.
#[must_use]
pub fn with_capacity(text: &str, capacity: usize) -> String {
    let (before, behind) = text.split_at(behind_fingerprint(text));
    format!("{before}    {COMMENT}{capacity}\n{behind}")
}

/// The number in the comment. One that stands elsewhere is somebody else's.
#[must_use]
pub fn capacity_of(text: &str) -> Option<usize> {
    let line = text.get(behind_fingerprint(text)..)?.lines().next()?;
    line.trim().strip_prefix(COMMENT)?.parse().ok()
}

/// The place behind the line of the fingerprint, or the beginning of a text without one.
pub(crate) fn behind_fingerprint(text: &str) -> usize {
    let sets_fingerprint = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some(SET) && words.next() == Some(FINGERPRINT)
    };
    let mut end = 0;
    let mut lines = text.split_inclusive('\n');
    let found = lines.find(|line| {
        end += line.len();
        sets_fingerprint(line)
    });
    if found.is_some() { end } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_behind_the_fingerprint_or_else_at_the_beginning() {
        let text = "# capacity 64\nglobal\n    setenv CONFIG_FINGERPRINT 0123\n    daemon\n";
        assert_eq!(capacity_of(text), None);
        let kept = with_capacity(text, 128);
        assert_eq!(
            kept,
            "# capacity 64\nglobal\n    setenv CONFIG_FINGERPRINT 0123\n    # capacity 128\n    daemon\n"
        );
        assert_eq!(capacity_of(&kept), Some(128));
        let kept = with_capacity("defaults\n", 16);
        assert_eq!(kept, "    # capacity 16\ndefaults\n");
        assert_eq!(capacity_of(&kept), Some(16));
    }

    #[test]
    fn what_is_no_number_is_no_capacity() {
        for text in [
            "",
            "# capacity",
            "# capacity x",
            "# capacity -1",
            "capacity 16",
        ] {
            assert_eq!(capacity_of(text), None, "{text}");
        }
    }
}
