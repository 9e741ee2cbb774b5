//! Splits a line of haproxy.cfg into words as HAProxy does, with quotes, escapes,
//! comments, and variables, which are expanded only between double quotes.

use std::borrow::Cow;

/// C's `isspace` takes it for a blank, and Rust's `is_ascii_whitespace` does not.
const VERTICAL_TAB: u8 = 0x0b;

/// The words of `line` as HAProxy splits it: quotes and escapes are resolved, a comment
/// ends the line, and between double quotes `$NAME` and `${NAME-default}` become what
/// `env` gives for the name, or else the default, or nothing.
pub fn words<'a>(line: &'a str, env: &dyn Fn(&str) -> Option<String>) -> Vec<Cow<'a, str>> {
    // A large file consists of thousands of plain lines, whose words need no copy.
    if is_plain(line) {
        return line.split_ascii_whitespace().map(Cow::Borrowed).collect();
    }
    split(line, env).into_iter().map(Cow::Owned).collect()
}

/// The line without the blanks around it and without a comment.
pub(crate) fn said_in(line: &str) -> &str {
    let said = if line.contains('#') {
        &line[..comment(line)]
    } else {
        line
    };
    said.trim_matches(is_blank)
}

/// Where the comment of a line begins: its end if it has none.
fn comment(line: &str) -> usize {
    let (mut single, mut double, mut escaped) = (false, false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !single => escaped = true,
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '#' if !single && !double => return at,
            _ => {}
        }
    }
    line.len()
}

/// Whether some of the line's words depend on HAProxy's environment.
pub(crate) fn has_variable(line: &str) -> bool {
    line.contains('$') && line.contains('"')
}

/// Whether its first word, which says what the line is, does.
pub(crate) fn begins_with_variable(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next().unwrap_or_default();
    first.contains('$') && first.contains('"')
}

/// Whether `line` can be split by the standard library alone: no quotes or escapes,
/// no variables, no comment, and no blank that only C knows.
fn is_plain(line: &str) -> bool {
    // Looking at all bytes is faster than stopping at the first match, since the
    // compiler can then compare many at once.
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
            '\\' if !single => word.get_or_insert_default().push(escaped(&mut chars)),
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

/// The character that a backslash and what follows it stand for (configuration.txt, 2.2).
/// A backslash before any other character is itself.
fn escaped(chars: &mut Chars) -> char {
    match chars.peek() {
        Some(' ' | '\\' | '#' | '\'' | '"' | '$') => chars.next().unwrap_or('\\'),
        Some('n') => with(chars, '\n'),
        Some('r') => with(chars, '\r'),
        Some('t') => with(chars, '\t'),
        Some('x') => hex(chars).unwrap_or('\\'),
        _ => '\\',
    }
}

fn with(chars: &mut Chars, meant: char) -> char {
    chars.next();
    meant
}

/// `xNN`, two hexadecimal digits.
fn hex(chars: &mut Chars) -> Option<char> {
    let mut ahead = chars.clone();
    ahead.next();
    let digits: String = ahead.by_ref().take(2).collect();
    let byte = (digits.len() == 2).then(|| u8::from_str_radix(&digits, 16).ok())??;
    *chars = ahead;
    Some(char::from(byte))
}

/// Whether C's `isspace`, which HAProxy uses, takes `c` for a blank.
fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == char::from(VERTICAL_TAB)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows a `$`: `NAME`, or the content of braces, `NAME` or `NAME-default`.
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
    fn escapes_are_those_of_haproxys_manual() {
        assert_eq!(split(r"a\tb\n\r \x41c"), ["a\tb\n\r", "Ac"]);
        assert_eq!(split(r#"\d \x4 "\"" '\n'"#), [r"\d", r"\x4", "\"", r"\n"]);
    }

    #[test]
    fn what_is_said_is_a_line_without_its_comment() {
        for line in ["  a 'b #' \\# c", "a 'b #' \\# c\t# more \" ' #"] {
            assert_eq!(said_in(line), "a 'b #' \\# c");
        }
        assert_eq!(said_in(" # only this"), "");
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
        assert_eq!(split("a\\"), ["a\\"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".*") {
            split(&line);
        }
    }
}
