//! Input from the network, made fit for a log.

use std::fmt::{self, Write as _};

/// The longest part of one value that is shown, in bytes, so that a name of 60 kB
/// cannot fill a log.
const MAX_SHOWN: usize = 100;

/// Displays bytes as printable ASCII on one line: see [`escape`].
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

/// Shows `bytes` so that they can neither forge a log line nor steer a terminal.
///
/// Printable ASCII is shown as it is, except for the backslash, which is doubled.
/// Everything else becomes `\n`, `\t`, `\r` or `\xNN`. Only the first 100 bytes are
/// shown, with `...` for the rest.
#[must_use]
pub fn escape(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0.iter().take(MAX_SHOWN) {
            match byte {
                // `escape_default` would escape quotes, which a log line does not need.
                b'\'' | b'"' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "{}", std::ascii::escape_default(byte))?,
            }
        }
        if self.0.len() > MAX_SHOWN {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// A whole message of ours, in which no name of a file can steer a terminal: control
/// characters other than tabulators and line feeds are spelled out.
#[must_use]
pub fn message(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The same for JSON, which lets some control characters stand for themselves: DEL, and C1.
/// They become `\u009b` in it, which is the same to whoever parses it.
#[must_use]
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\u{7f}'..='\u{9f}') {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Adds a line of somebody else's program to `shown`, so that it can steer no terminal:
/// control characters other than tabulators are spelled out as [`message`] does, and bytes
/// that are no UTF-8 as `\xNN`. A line feed is one too: the end of the line is the caller's.
pub fn line(bytes: &[u8], shown: &mut Vec<u8>) {
    let is_plain = |byte: &u8| matches!(byte, b'\t' | 0x20..0x7f);
    if bytes.iter().all(is_plain) {
        shown.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && character != '\t' {
                shown.extend(character.escape_default().map(|it| it as u8));
            } else {
                shown.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        let invalid = chunk.invalid().iter().copied();
        shown.extend(invalid.flat_map(std::ascii::escape_default));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_shows_as_it_is() {
        assert_eq!(
            escape(b"webapp-3-1f2e's \"x\"").to_string(),
            "webapp-3-1f2e's \"x\""
        );
    }

    #[test]
    fn line_feeds_and_terminal_controls_are_spelled_out() {
        assert_eq!(
            escape(b"a\nb\t\x1b[31m\\\xff").to_string(),
            r"a\nb\t\x1b[31m\\\xff"
        );
    }

    #[test]
    fn a_message_keeps_its_lines_and_spells_out_terminal_controls() {
        assert_eq!(
            message("é \"a\\b\":\n\tx\r\x1b[31m\u{9b}"),
            "é \"a\\b\":\n\tx\\r\\u{1b}[31m\\u{9b}"
        );
    }

    #[test]
    fn json_keeps_its_meaning_and_has_no_control_character_but_its_line_feeds() {
        let text = "{\n  \"a\u{7f}\": \"\\u001b é\u{9b}\"\n}\n";
        let want = "{\n  \"a\\u007f\": \"\\u001b é\\u009b\"\n}\n";
        assert_eq!(json(text), want);
    }

    fn lined(bytes: &[u8]) -> String {
        let mut shown = Vec::new();
        line(bytes, &mut shown);
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_line_keeps_its_text_and_spells_out_what_is_none() {
        assert_eq!(lined("é \"a\\b\"\t日本".as_bytes()), "é \"a\\b\"\t日本");
        assert_eq!(
            lined(b"\x1b]0;title\x07\x7f\r\n\xc2\x9b31m \x9b31m \xe2\x82"),
            "\\u{1b}]0;title\\u{7}\\u{7f}\\r\\n\\u{9b}31m \\x9b31m \\xe2\\x82"
        );
    }

    #[test]
    fn a_huge_value_is_cut() {
        assert_eq!(escape(&vec![b'a'; 60_000]).to_string().len(), 103);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_line_of_text_without_controls(bytes: Vec<u8>) {
            prop_assert!(!lined(&bytes).chars().any(|it| it.is_control() && it != '\t'));
        }

        #[test]
        fn whatever_comes_shows_on_one_printable_line(bytes: Vec<u8>) {
            let shown = escape(&bytes).to_string();
            prop_assert!(shown.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
