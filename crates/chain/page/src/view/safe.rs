//! Text of others, made fit to be shown.

/// The longest name that is shown, in characters. Ours have 63.
pub(super) const NAME: usize = 80;
/// The longest words that are shown.
pub(super) const WORDS: usize = 300;

/// `text` on one line, with nothing in it that steers a terminal, turns a line around or cannot
/// be seen: such characters are spelled out as `\u{202e}`. What is longer than `most` characters
/// is cut.
pub(super) fn safe(text: &str, most: usize) -> String {
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let pieces = word.chars().flat_map(|character| {
            let hidden = is_hidden(character).then(|| character.escape_unicode());
            let plain = hidden.is_none().then_some(character);
            hidden.into_iter().flatten().chain(plain)
        });
        let between = if shown.is_empty() { None } else { Some(' ') };
        for character in between.into_iter().chain(pieces) {
            if length == most {
                shown.push_str("...");
                return shown;
            }
            shown.push(character);
            length += 1;
        }
    }
    shown
}

/// A name.
pub(crate) fn name(text: &str) -> String {
    safe(text, NAME)
}

/// Words of a program or of HAProxy.
pub(super) fn words(text: &str) -> String {
    safe(text, WORDS)
}

/// Whether it is a control character, or one that changes how others are shown, or that is
/// shown as nothing.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Names in a sentence: `s1, s2 and s3`, or `s1, s2, s3 and 9 more`.
pub(super) fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 3;
    let all = names.len();
    let mut shown: Vec<String> = names.take(SHOWN).map(name).collect();
    let last = match all.saturating_sub(SHOWN) {
        0 if all > 1 => shown.pop(),
        0 => None,
        more => Some(format!("{more} more")),
    };
    let shown = shown.join(", ");
    last.map_or(shown.clone(), |last| format!("{shown} and {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_turn_or_hide_is_spelled_out() {
        assert_eq!(
            words("a\u{202e}b\u{1b}[2J\u{feff}\u{200b}c\u{7f}\u{9b}"),
            r"a\u{202e}b\u{1b}[2J\u{feff}\u{200b}c\u{7f}\u{9b}"
        );
        assert_eq!(words("é <b> \"x\" 日本"), "é <b> \"x\" 日本");
    }

    #[test]
    fn it_is_one_line_and_has_an_end() {
        assert_eq!(words("  a\n  b\t c\u{2028}d\r\n"), "a b c d");
        assert_eq!(safe("abcdef", 3), "abc...");
        assert_eq!(safe("abc", 3), "abc");
        assert_eq!(safe("a b", 1), "a...");
    }

    #[test]
    fn names_are_listed_as_a_person_would() {
        let said = |names: &[&str]| list(names.iter().copied());
        assert_eq!(said(&["s1"]), "s1");
        assert_eq!(said(&["s1", "s2"]), "s1 and s2");
        assert_eq!(said(&["s1", "s2", "s3"]), "s1, s2 and s3");
        assert_eq!(said(&["s1", "s2", "s3", "s4"]), "s1, s2, s3 and 1 more");
    }
}
