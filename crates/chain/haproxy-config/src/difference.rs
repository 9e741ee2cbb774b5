//! The first line in which two configurations differ, apart from their plain servers.

use crate::config::Config;
use crate::words::said_in;

/// Says which line of `new` was another one in `old`, is new, or is gone. `None` if they
/// differ in none.
#[must_use]
pub fn first_difference(old: &str, new: &str) -> Option<String> {
    let (old, new) = (said(old), said(new));
    let pairs = old.iter().zip(&new);
    let at = pairs.take_while(|((_, old), (_, new))| old == new).count();
    let text = |lines: &[(usize, String)], at: usize| lines.get(at).map(|(_, text)| text.clone());
    let number = new.get(at).or(new.last()).map_or(1, |(number, _)| *number);
    let what = match (text(&old, at), text(&new, at)) {
        (None, None) => return None,
        (None, Some(new)) => format!("`{new}` is new"),
        (Some(old), None) => format!("`{old}` is gone"),
        (Some(was), Some(is)) if text(&new, at + 1).as_ref() == Some(&was) => {
            format!("`{is}` is new")
        }
        (Some(was), Some(is)) if text(&old, at + 1).as_ref() == Some(&is) => {
            format!("`{was}` is gone")
        }
        (Some(was), Some(is)) => format!("`{is}` was `{was}`"),
    };
    Some(format!("line {number}: {what}"))
}

/// The lines that say something and are no plain servers, with their numbers.
fn said(text: &str) -> Vec<(usize, String)> {
    let config = Config::parse(text);
    let sections = config.sections.iter();
    let lines = sections.flat_map(|section| section.header.iter().chain(&section.lines));
    lines
        .map(|line| (line.number, said_in(line.text)))
        .filter(|(_, text)| !text.is_empty())
        .map(|(number, text)| (number, text.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "global\ndefaults\n  timeout connect 4s\n\nbackend b\n  server s1 127.0.0.1:1\n  balance first\n";

    fn told(from: &str, to: &str) -> Option<String> {
        assert!(OLD.contains(from));
        first_difference(OLD, &OLD.replace(from, to))
    }

    #[test]
    fn a_line_that_is_another_is_told_with_its_number() {
        let told = told("connect 4s", "connect 5s  # more").unwrap();
        assert_eq!(
            told,
            "line 3: `timeout connect 5s` was `timeout connect 4s`"
        );
    }

    #[test]
    fn a_line_that_came_or_went_is_told_as_such() {
        let came = told("defaults\n", "defaults\n  mode http\n").unwrap();
        assert_eq!(came, "line 3: `mode http` is new");
        let went = told("  timeout connect 4s\n", "").unwrap();
        assert_eq!(went, "line 4: `timeout connect 4s` is gone");
        let at_the_end = told("  balance first\n", "").unwrap();
        assert_eq!(at_the_end, "line 5: `balance first` is gone");
    }

    #[test]
    fn servers_comments_and_blanks_are_no_difference() {
        assert_eq!(
            told("  server s1 127.0.0.1:1", "\n# x\n  server s2 127.0.0.2:2"),
            None
        );
    }
}
