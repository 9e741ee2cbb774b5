//! The `server` lines whose changes a running HAProxy can be told.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::{FromStr, SplitAsciiWhitespace};

/// The highest weight that HAProxy takes (configuration.txt, 5.2, `weight`).
pub const MAX_WEIGHT: u16 = 256;
/// The weight of a server that names none.
const DEFAULT_WEIGHT: u16 = 1;
/// The highest id that HAProxy takes (configuration.txt, 5.2, `id`).
const MAX_ID: u32 = i32::MAX as u32;
/// HAProxy reads 64 words of a line (`MAX_LINE_ARGS`). This leaves room for the
/// four of a weight and an id, so that adding these never makes a line too long.
const MAX_WORDS: usize = 60;

/// A server of the plain form: `server NAME IP:PORT OPTION...`, where every word
/// is what is written there, name, address, weight and id are of a kind that
/// HAProxy takes for certain, and the whole can be said again in a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What a running HAProxy can be asked for and told.
    pub runtime: Runtime,
    /// All other words, separated by one space.
    pub options: String,
}

/// What a configuration says of a server that `show servers state` tells too, and
/// that therefore is no part of the fingerprint: a difference in it shows in the
/// running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Where it listens; the port is not 0.
    pub address: SocketAddr,
    /// From 0 to 256; 1 where the line names none.
    pub weight: u16,
    /// From 1 on; without one HAProxy chooses.
    pub id: Option<u32>,
}

impl Server {
    /// Reads a line of a `backend` or `listen` section, and gives the server with
    /// its name; `None` for every other line, and for a server line that is not
    /// plain. A comment after it does not count.
    #[must_use]
    pub fn parse(line: &str) -> Option<(&str, Self)> {
        let (line, _comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("server") || !is_plain(line) {
            return None;
        }
        let name = words.next().filter(|name| is_name(name))?;
        let address = words.next().and_then(address)?;
        let mut options = String::with_capacity(line.len());
        let (weight, id) = take(words, &mut options)?;
        let runtime = Runtime {
            address,
            weight,
            id,
        };
        Some((name, Self { runtime, options }))
    }

    /// Whether HAProxy checks its health because the line says so.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.has("check")
    }

    /// Whether `option` is one of its words.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.split(' ').any(|word| word == option)
    }
}

/// Puts the words after the address into `options`, but for weight and id, which
/// it gives back. `None` if a number is none, or if a word is there that no
/// command can say: HAProxy takes `disabled` only from a file.
fn take(mut words: SplitAsciiWhitespace, options: &mut String) -> Option<(u16, Option<u32>)> {
    let (mut weight, mut id) = (None, None);
    let mut room = MAX_WORDS;
    while let Some(word) = words.next() {
        room = room.checked_sub(1)?;
        match word {
            "weight" if weight.is_none() => weight = Some(number(&mut words, 0..=MAX_WEIGHT)?),
            "id" if id.is_none() => id = Some(number(&mut words, 1..=MAX_ID)?),
            "weight" | "id" | "disabled" => return None,
            word => {
                options.push_str(if options.is_empty() { "" } else { " " });
                options.push_str(word);
            }
        }
    }
    Some((weight.unwrap_or(DEFAULT_WEIGHT), id))
}

fn number<N: FromStr + PartialOrd>(
    words: &mut SplitAsciiWhitespace,
    allowed: RangeInclusive<N>,
) -> Option<N> {
    let number = words.next()?.parse().ok()?;
    allowed.contains(&number).then_some(number)
}

/// HAProxy resolves what is no IP address, and takes the zone of an IPv6 address
/// for a part of a name.
fn address(word: &str) -> Option<SocketAddr> {
    let address: SocketAddr = word.parse().ok()?;
    (address.port() != 0 && !word.contains('%')).then_some(address)
}

/// The characters that HAProxy allows in the name of a server.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

/// Whether the line means its words and nothing more: no quoting, no variable, no
/// control character that only one of two programs takes for a blank, and no
/// semicolon, which ends a command. To look at every byte, to the end, is faster
/// than to stop at the first that is found: sixteen are compared at once.
fn is_plain(line: &str) -> bool {
    !line.bytes().fold(false, |found, byte| {
        let is_control = matches!(byte, 0..=8 | 10..=31 | 0x7f);
        found | is_control | matches!(byte, b'"' | b'\'' | b'\\' | b'$' | b';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Option<String> {
        Server::parse(line).map(|(_, server)| server.options)
    }

    fn runtime(line: &str) -> Runtime {
        Server::parse(line).unwrap().1.runtime
    }

    #[test]
    fn name_and_options_are_told_from_address_weight_and_id() {
        let line = "    server s1 10.0.0.1:3000 check inter 1s weight 50 rise 1 id 7";
        let (name, server) = Server::parse(line).unwrap();
        assert_eq!(name, "s1");
        assert_eq!(server.options, "check inter 1s rise 1");
        let expected = Runtime {
            address: "10.0.0.1:3000".parse().unwrap(),
            weight: 50,
            id: Some(7),
        };
        assert_eq!(server.runtime, expected);
        assert!(server.is_checked() && server.has("rise") && !server.has("ris"));
    }

    #[test]
    fn a_server_that_names_no_weight_and_no_id_has_haproxys_own() {
        let Runtime { weight, id, .. } = runtime("server s1 10.0.0.1:3000");
        assert_eq!((weight, id), (1, None));
    }

    #[test]
    fn servers_that_differ_in_address_and_weight_have_the_same_options() {
        let one = options("\tserver  s1 10.0.0.1:3000  check weight 0").unwrap();
        let other = options("server s2 [2001:db8::1]:81 weight 256 check").unwrap();
        assert_eq!(one, other);
        assert_eq!(options("server s1 10.0.0.1:3000").unwrap(), "");
    }

    #[test]
    fn a_comment_behind_a_server_does_not_count() {
        let plain = Server::parse("server s1 10.0.0.1:80 check");
        assert!(plain.is_some());
        for line in [
            "server s1 10.0.0.1:80 check # a note",
            "server s1 10.0.0.1:80 check#it's; \"so\"",
        ] {
            assert_eq!(Server::parse(line), plain, "{line}");
        }
        assert_eq!(Server::parse("# server s1 10.0.0.1:80 check"), None);
    }

    #[test]
    fn a_line_that_haproxy_might_refuse_is_not_one_of_ours() {
        for line in [
            "",
            "server",
            "server s1",
            "server s1 10.0.0.1",
            "server s1 10.0.0.1:0",
            "server s1 10.0.0.1:65536",
            "server s1 localhost:80",
            "server s1 ${IP}:80",
            "server s/1 10.0.0.1:80",
            "server s1 [fe80::1%1]:80",
            "server s1 10.0.0.1:80 weight",
            "server s1 10.0.0.1:80 weight 257",
            "server s1 10.0.0.1:80 weight 1 weight 2",
            "server s1 10.0.0.1:80 id 0",
            "server s1 10.0.0.1:80 id 2147483648",
            "server s1 10.0.0.1:80 id 1 id 2",
            "server s1 10.0.0.1:80 sni str(\"a\")",
            "default-server check",
            "server-template s 3 10.0.0.1:80",
        ] {
            assert_eq!(Server::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_that_no_command_can_say_is_not_one_of_ours() {
        for line in [
            "server s1 10.0.0.1:80 disabled",
            "server s1 10.0.0.1:80 check-sni a;b",
            "server s1 unix@/run/x check",
            "server s1 10.0.0.1:80 check\u{b}inter 1s",
        ] {
            assert_eq!(Server::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_has_no_more_words_than_haproxy_reads() {
        let line = |options: usize| format!("server s1 10.0.0.1:80{}", " check".repeat(options));
        assert!(Server::parse(&line(MAX_WORDS)).is_some());
        assert_eq!(Server::parse(&line(MAX_WORDS + 1)), None);
    }
}
