//! The `server` lines whose changes can be made in a running HAProxy by commands.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::{FromStr, SplitAsciiWhitespace};

/// The highest weight that HAProxy accepts (configuration.txt, 5.2, `weight`).
pub const MAX_WEIGHT: u16 = 256;
/// The weight that HAProxy gives to a server whose line names none.
const DEFAULT_WEIGHT: u16 = 1;
/// The highest id that HAProxy accepts (configuration.txt, 5.2, `id`).
const MAX_ID: u32 = i32::MAX as u32;
/// How many words a plain server can have behind its address; the numbers of weight and
/// id do not count. HAProxy takes 63 words (`MAX_LINE_ARGS`): `server`, name and address,
/// these, and the four of `weight N id N`, which may be there in one file and not in
/// another with the same hash.
const MAX_WORDS: usize = 56;

/// A server of the plain form: `server NAME IP:PORT OPTION...`.
///
/// Every word means exactly what is written there (no quotes, no variables), HAProxy
/// is certain to accept name, address, weight and id, and no character of the line is in
/// the way of a command. Of the options nothing is known but that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The settings that a running HAProxy reports.
    pub runtime: Runtime,
    /// From 1 on, if the line names one. HAProxy goes by it when it loads the file, and
    /// a running server keeps the id that it has, whatever the file says then.
    pub id: Option<u32>,
    /// All other words after the address, separated by one space each.
    pub options: String,
}

/// The settings of a server that `show servers state` reports as well. They are not
/// part of the fingerprint, since the running process itself shows whether they
/// differ from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Where the server listens; the port is never 0.
    pub address: SocketAddr,
    /// 0 to 256; 1 if the line names none.
    pub weight: u16,
}

impl Server {
    /// Parses a line of a `backend` or `listen` section into a server and its name.
    /// `None` if it is not a `server` line, or not one of the plain form. A comment at
    /// its end is ignored.
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
        let runtime = Runtime { address, weight };
        let server = Self {
            runtime,
            id,
            options,
        };
        Some((name, server))
    }

    /// Whether the line itself asks for health checks.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.has("check")
    }

    /// Whether `option` is one of the words in [`Server::options`].
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.split(' ').any(|word| word == option)
    }
}

/// Collects the words after the address in `options`, except for weight and id,
/// which it returns. `None` if one of these is invalid or there twice, if there are
/// too many words, or if `disabled` is among them, which no command can express.
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

/// An IP address with a port. Anything else is a name that HAProxy resolves, and so
/// is an IPv6 address with a zone (`%eth0`).
fn address(word: &str) -> Option<SocketAddr> {
    let address: SocketAddr = word.parse().ok()?;
    (address.port() != 0 && !word.contains('%')).then_some(address)
}

/// The characters that HAProxy allows in the name of a server.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

/// Whether the line is only the words that are written there: no quotes, escapes or
/// variables, no control character that HAProxy might take for a blank while Rust
/// does not, and no semicolon, which would end a command.
///
/// The fold looks at every byte without stopping early, since the compiler can then
/// compare sixteen at once, which is faster.
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

    #[test]
    fn name_and_options_are_told_from_address_weight_and_id() {
        let line = "    server s1 10.0.0.1:3000 check inter 1s weight 50 rise 1 id 7";
        let (name, server) = Server::parse(line).unwrap();
        assert_eq!(name, "s1");
        assert_eq!(server.options, "check inter 1s rise 1");
        let expected = Runtime {
            address: "10.0.0.1:3000".parse().unwrap(),
            weight: 50,
        };
        assert_eq!((server.runtime, server.id), (expected, Some(7)));
        assert!(server.is_checked() && server.has("rise") && !server.has("ris"));
    }

    #[test]
    fn a_server_that_names_no_weight_and_no_id_has_haproxys_own() {
        let (_, server) = Server::parse("server s1 10.0.0.1:3000").unwrap();
        assert_eq!((server.runtime.weight, server.id), (1, None));
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
