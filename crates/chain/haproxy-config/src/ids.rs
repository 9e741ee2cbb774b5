//! The ids that the `server` lines of a configuration name.

/// HAProxy's keyword of a server's line.
const SERVER: &str = "server";
/// HAProxy's keyword of an id.
const ID: &[u8] = b"id";
/// What every file with an id has. It is looked for in the whole file, which takes less
/// time than a look at each word.
const BEFORE_NUMBERS: [&str; 4] = [" id ", " id\t", "\tid ", "\tid\t"];

/// The names of all servers whose lines name an id, with these ids, in the order of the
/// file. The lines need not be of the plain form, and the text need not be a valid
/// configuration: a template is one only in parts.
pub fn server_ids(text: &str) -> impl Iterator<Item = (&str, u32)> {
    let has_ids = BEFORE_NUMBERS.iter().any(|words| text.contains(words));
    let text = if has_ids { text } else { "" };
    text.lines().filter_map(|line| {
        let words = line.trim_ascii_start().strip_prefix(SERVER)?;
        if !words.starts_with([' ', '\t']) {
            return None;
        }
        let name = words.split_ascii_whitespace().next()?;
        Some((name, id(words)?))
    })
}

/// The number behind the last `id` that has one. Most lines that have an id have it at
/// their end.
fn id(line: &str) -> Option<u32> {
    let words = line.as_bytes().rsplit(u8::is_ascii_whitespace);
    let mut behind: &[u8] = b"";
    for word in words.filter(|word| !word.is_empty()) {
        if word == ID
            && let Some(id) = number(behind)
        {
            return Some(id);
        }
        behind = word;
    }
    None
}

fn number(word: &[u8]) -> Option<u32> {
    str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<(&str, u32)> {
        server_ids(text).collect()
    }

    #[test]
    fn a_server_has_the_id_that_its_line_names() {
        let text = "backend b\n\tserver\ts1\t10.0.0.1:80\tcheck\tid\t7\n  server s2 10.0.0.2:80 id 8 weight 1\n  server s3 10.0.0.3:80\nbackend c\n  server s1 localhost:80 sni str(\"a b\") id 9";
        assert_eq!(ids(text), [("s1", 7), ("s2", 8), ("s1", 9)]);
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        for line in [
            "",
            "server",
            "servers s1 10.0.0.1:80 id 7",
            "# server s1 10.0.0.1:80 id 7",
            "server s1 10.0.0.1:80 id",
            "server s1 10.0.0.1:80 id x",
            "server s1 10.0.0.1:80 id -1",
            "server s1 10.0.0.1:80 uid 7",
            "server s1 10.0.0.1:80 ids 7",
            "server {{ n.name }} {{ n.address }} id {{ n.id }}",
        ] {
            assert_eq!(ids(line), [], "{line}");
        }
        assert_eq!(ids("server id 10.0.0.1:80 id 7 weight 1"), [("id", 7)]);
        assert_eq!(ids("server s1 10.0.0.1:80 sni id id 7"), [("s1", 7)]);
    }
}
