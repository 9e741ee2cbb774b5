//! The ids that the `server` lines of a configuration name.

/// HAProxy's keyword of a server's line.
const SERVER: &str = "server";
/// HAProxy's keyword of an id.
const ID: &str = "id";

/// The names of all servers whose lines name an id, with these ids, in the order of the
/// file. The lines need not be of the plain form, and the text need not be a valid
/// configuration: a template is one only in parts.
pub fn server_ids(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let words = line.trim_ascii_start().strip_prefix(SERVER)?;
        if !words.starts_with([' ', '\t']) {
            return None;
        }
        let name = words.split_ascii_whitespace().next()?;
        Some((name, id(words)?))
    })
}

/// The number behind the first `id` that has one. This looks for these two letters
/// before it looks at words, since most words of a line are others.
fn id(line: &str) -> Option<u32> {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    line.match_indices(ID).find_map(|(start, _)| {
        let bytes = line.as_bytes();
        let end = start + ID.len();
        let is_word = bytes.get(start.checked_sub(1)?).is_some_and(is_blank)
            && bytes.get(end).is_some_and(is_blank);
        let number = line.get(end..)?.split_ascii_whitespace().next()?;
        number.parse().ok().filter(|_| is_word)
    })
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
        assert_eq!(ids("server id 10.0.0.1:80 id 7"), [("id", 7)]);
        assert_eq!(ids("server s1 10.0.0.1:80 sni id id 7"), [("s1", 7)]);
    }
}
