//! A line of haproxy.cfg as HAProxy splits it: quotes, escapes, comments and
//! the environment, which is expanded between double quotes alone.

use std::borrow::Cow;

/// C counts it among the blanks, and Rust does not.
const VERTICAL_TAB: u8 = 0x0b;

/// The words of `line`; a name of the environment gives what `env` says.
/// Most lines are thousands of plain ones, so those are not copied.
pub fn words<'a>(line: &'a str, env: &dyn Fn(&str) -> Option<String>) -> Vec<Cow<'a, str>> {
    if is_plain(line) {
        return line.split_ascii_whitespace().map(Cow::Borrowed).collect();
    }
    split(line, env).into_iter().map(Cow::Owned).collect()
}

/// Whether the words of `line` are what is written there: nothing quoted or
/// escaped, nothing that depends on the environment, no comment, and no blank
/// that the standard library does not know.
fn is_plain(line: &str) -> bool {
    // To look at all bytes is faster than to stop at the first that is found.
    !line.bytes().fold(false, |found, byte| {
        found | matches!(byte, b'"' | b'\'' | b'\\' | b'$' | b'#' | VERTICAL_TAB)
    })
}

fn split(line: &str, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    let (mut single, mut double) = (false, false);
    while let Some(c) = chars.next() {
        match c {
            '\'' if !double => {
                single = !single;
                word.get_or_insert_default();
            }
            '"' if !single => {
                double = !double;
                word.get_or_insert_default();
            }
            '\\' if !single => word.get_or_insert_default().extend(chars.next()),
            '$' if double => {
                let name = name(&mut chars);
                word.get_or_insert_default().push_str(&value(&name, env));
            }
            '#' if !single && !double => break,
            c if is_blank(c) && !single && !double => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A blank for HAProxy, which goes by C's `isspace`.
fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == char::from(VERTICAL_TAB)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What stands after a `$`: `NAME`, or `NAME-default` from between braces.
fn name(chars: &mut Chars) -> String {
    if chars.next_if_eq(&'{').is_some() {
        return chars.by_ref().take_while(|&c| c != '}').collect();
    }
    let mut name = String::new();
    while let Some(c) = chars.next_if(|&c| c.is_ascii_alphanumeric() || c == '_') {
        name.push(c);
    }
    name
}

fn value(name: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    let (name, default) = name.split_once('-').unwrap_or((name, ""));
    env(name).unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<Cow<'_, str>> {
        words(line, &|name| (name == "HTTP").then(|| "*:81".to_owned()))
    }

    #[test]
    fn plain_lines_are_split_as_the_others_are() {
        let line = "\tserver s1\t 127.0.0.1:80  check ";
        assert_eq!(split(line), super::split(line, &|_| None));
    }

    #[test]
    fn words_are_separated_by_blanks_and_end_at_a_comment() {
        assert_eq!(split("  bind\t*:80  # the web"), ["bind", "*:80"]);
        assert_eq!(split("# nothing"), [""; 0]);
        assert_eq!(split("bind\u{b}*:80"), ["bind", "*:80"]);
    }

    #[test]
    fn quotes_hold_blanks_and_comments_together() {
        assert_eq!(
            split("a 'b #c' \"d e\" f\\ g \"\""),
            ["a", "b #c", "d e", "f g", ""]
        );
    }

    #[test]
    fn the_environment_counts_between_double_quotes_alone() {
        assert_eq!(
            split("\"${HTTP-*:80}\" \"$HTTP\" '${HTTP}'"),
            ["*:81", "*:81", "${HTTP}"]
        );
        assert_eq!(split("\"${STATS-*:1936}\" \"${STATS}\""), ["*:1936", ""]);
    }

    #[test]
    fn an_open_quote_or_brace_ends_with_the_line() {
        assert_eq!(split("a \"b"), ["a", "b"]);
        assert_eq!(split("\"${HTTP"), ["*:81"]);
        assert_eq!(split("a\\"), ["a"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".*") {
            split(&line);
        }
    }
}
