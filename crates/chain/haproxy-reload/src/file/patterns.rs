//! The files of maps and ACLs, read as HAProxy reads them.

use std::collections::HashMap;

use crate::haproxy::patterns::{Entry, Kind};

/// The entries of a file. HAProxy reads a line up to a zero byte or a carriage return, takes
/// it for a comment if `#` is its very first character, and passes over the blanks before
/// what it says. Of a map, the key is the first word, and the blanks around the value are
/// none of it; of an ACL, all the rest is the pattern.
pub(crate) fn entries(content: &[u8], kind: Kind) -> Vec<Entry<'_>> {
    let lines = lines(content).filter_map(|line| {
        let line = line.split(|byte| matches!(byte, 0 | b'\r')).next()?;
        let said = &line[line.iter().take_while(|byte| is_blank(**byte)).count()..];
        (!line.starts_with(b"#") && !said.is_empty()).then_some(said)
    });
    lines.map(|said| entry(said, kind)).collect()
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|byte| *byte == b'\n')
}

fn entry(said: &[u8], kind: Kind) -> Entry<'_> {
    if kind == Kind::Acl {
        return Entry {
            key: said,
            value: None,
        };
    }
    let end = said.iter().position(|byte| is_blank(*byte));
    let (key, rest) = said.split_at(end.unwrap_or(said.len()));
    let begin = rest.iter().position(|byte| !is_blank(*byte));
    let end = rest.iter().rposition(|byte| !is_blank(*byte));
    let value = begin
        .zip(end)
        .map_or(&rest[..0], |(begin, end)| &rest[begin..=end]);
    Entry {
        key,
        value: Some(value),
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The length of the longest line in bytes. HAProxy reads one that is longer than its
/// buffer as several.
pub(crate) fn longest_line(content: &[u8]) -> usize {
    lines(content).map(<[u8]>::len).max().unwrap_or(0)
}

/// How a file differs from the entries that HAProxy lists; `None` if it does not.
pub(crate) fn difference(entries: &[Entry], listed: &[&[u8]]) -> Option<String> {
    let pairs = entries.iter().zip(listed);
    if entries.len() == listed.len() && pairs.clone().all(|(entry, listed)| entry.is(listed)) {
        return None;
    }
    let mut left: HashMap<&[u8], usize> = HashMap::new();
    for listed in listed {
        *left.entry(listed).or_default() += 1;
    }
    let mut new = 0;
    for entry in entries {
        match left.get_mut(entry.listed().as_slice()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => new += 1,
        }
    }
    let gone: usize = left.values().sum();
    Some(match (new, gone) {
        (0, 0) => format!("another order of its {} entries", entries.len()),
        _ => format!("{new} new and {gone} gone, then {} entries", entries.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(content: &[u8], kind: Kind) -> Vec<String> {
        let entries = entries(content, kind);
        let listed = entries.iter().map(Entry::listed);
        listed
            .map(|listed| String::from_utf8_lossy(&listed).into_owned())
            .collect()
    }

    #[test]
    fn a_map_has_a_key_and_a_value_in_each_line() {
        let content = b"# no\n  k1 \t v1 with  blanks \t\n\n \t \nempty\n # v\na\\ \"b\" 'c'\r\nz\0 no\nlast v";
        let expected = [
            "k1 v1 with  blanks",
            "empty ",
            "# v",
            "a\\ \"b\" 'c'",
            "z ",
            "last v",
        ];
        assert_eq!(listed(content, Kind::Map), expected);
    }

    #[test]
    fn an_acl_has_a_pattern_in_each_line_with_the_blanks_behind_it() {
        let content = b"#no\n a  b \n #c\r\n\r\n\ta\rb\n\0x\nlast";
        assert_eq!(listed(content, Kind::Acl), ["a  b ", "#c", "a", "last"]);
    }

    #[test]
    fn the_number_of_entries_that_differ_is_told() {
        let told = |content: &[u8], runs: &[&str]| {
            let runs: Vec<&[u8]> = runs.iter().map(|entry| entry.as_bytes()).collect();
            difference(&entries(content, Kind::Map), &runs)
        };
        assert_eq!(told(b"a 1\nb 2\n", &["a 1", "b 2"]), None);
        let expected = "1 new and 2 gone, then 2 entries";
        assert_eq!(
            told(b"a 1\nc 3\n", &["a 1", "b 2", "b 2"]).unwrap(),
            expected
        );
        let expected = "another order of its 2 entries";
        assert_eq!(told(b"b 2\na 1\n", &["a 1", "b 2"]).unwrap(), expected);
        assert!(told(b"", &["a 1"]).is_some());
        assert_eq!(told(b"", &[]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic_and_it_agrees_with_itself(content: Vec<u8>) {
            for kind in [Kind::Map, Kind::Acl] {
                let entries = entries(&content, kind);
                let listed: Vec<Vec<u8>> = entries.iter().map(Entry::listed).collect();
                let listed: Vec<&[u8]> = listed.iter().map(Vec::as_slice).collect();
                assert_eq!(difference(&entries, &listed), None);
            }
        }
    }
}
