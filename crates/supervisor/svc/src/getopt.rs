//! Options in the order in which they stand, single letters in one word or several, as in s6's programs.
//!
//! clap's flags forget their order, and to `svc` it is an instruction.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One option and its value.
pub type Choice = (char, Option<OsString>);

/// Splits arguments into options and the rest. `known` has each letter, followed by `:` when it takes a value.
/// `None`: an unknown letter, or a value is missing; the usage is the answer.
#[must_use]
pub fn parse(arguments: &[OsString], known: &str) -> Option<(Vec<Choice>, Vec<OsString>)> {
    let mut choices = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.as_slice().first() {
        let Some(letters) = word
            .as_bytes()
            .strip_prefix(b"-")
            .filter(|letters| !letters.is_empty())
        else {
            break;
        };
        rest.next();
        if letters == b"-" {
            break;
        }
        parse_word(letters, known, &mut rest, &mut choices)?;
    }
    Some((choices, rest.cloned().collect()))
}

fn parse_word<'a>(
    letters: &[u8],
    known: &str,
    rest: &mut impl Iterator<Item = &'a OsString>,
    choices: &mut Vec<Choice>,
) -> Option<()> {
    for (at, byte) in letters.iter().enumerate() {
        let letter = char::from(*byte);
        if !takes_value(letter, known)? {
            choices.push((letter, None));
            continue;
        }
        let value = match &letters[at + 1..] {
            [] => rest.next()?.clone(),
            glued => OsString::from_vec(glued.to_vec()),
        };
        choices.push((letter, Some(value)));
        break;
    }
    Some(())
}

fn takes_value(letter: char, known: &str) -> Option<bool> {
    let at = known.find(letter).filter(|_| letter != ':')?;
    Some(known[at + 1..].starts_with(':'))
}

/// The value as text; what is no text fits no option of ours.
#[must_use]
pub fn text(value: Option<&OsString>) -> &str {
    value
        .map(OsString::as_os_str)
        .and_then(OsStr::to_str)
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options as `a`, or `T=value`, then the rest.
    fn parsed(arguments: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let (choices, rest) = parse(&arguments, "abT:w:")?;
        let show = |(letter, value): &Choice| match value {
            Some(value) => format!("{letter}={}", value.to_str().unwrap()),
            None => letter.to_string(),
        };
        Some((
            choices.iter().map(show).collect(),
            rest.iter()
                .map(|word| word.to_str().unwrap().into())
                .collect(),
        ))
    }

    fn want(options: &[&str], rest: &[&str]) -> (Vec<String>, Vec<String>) {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        (words(options), words(rest))
    }

    #[test]
    fn letters_keep_their_order_in_one_word_or_several() {
        assert_eq!(
            parsed(&["-ba", "-b", "dir"]),
            Some(want(&["b", "a", "b"], &["dir"]))
        );
    }

    #[test]
    fn a_value_is_glued_or_the_next_word() {
        assert_eq!(
            parsed(&["-wu", "-T", "5", "dir"]),
            Some(want(&["w=u", "T=5"], &["dir"]))
        );
        assert_eq!(
            parsed(&["-aT5", "dir"]),
            Some(want(&["a", "T=5"], &["dir"]))
        );
    }

    #[test]
    fn options_end_at_the_first_other_word() {
        assert_eq!(
            parsed(&["-a", "dir", "-b"]),
            Some(want(&["a"], &["dir", "-b"]))
        );
        assert_eq!(parsed(&["-a", "--", "-b"]), Some(want(&["a"], &["-b"])));
        assert_eq!(parsed(&["-", "dir"]), Some(want(&[], &["-", "dir"])));
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused() {
        assert_eq!(parsed(&["-z", "dir"]), None);
        assert_eq!(parsed(&["-:", "dir"]), None);
        assert_eq!(parsed(&["-T"]), None);
    }
}
