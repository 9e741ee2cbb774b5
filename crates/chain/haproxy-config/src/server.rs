//! The server lines that stand for a node: all that a check and a reload have to
//! know of them is their options.

use std::net::SocketAddr;
use std::str::SplitAsciiWhitespace;

use nodes::Name;

/// The highest weight that HAProxy takes.
const MAX_WEIGHT: u32 = 256;
/// The highest id that HAProxy takes.
const MAX_ID: u32 = i32::MAX as u32;

/// A line `server NAME IP:PORT OPTION...` whose name, address, weight and id
/// HAProxy takes for certain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Server<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its id, where it says one.
    pub(crate) id: Option<u32>,
    /// Its options but weight and id.
    pub(crate) options: String,
}

impl<'a> Server<'a> {
    /// Reads a line of a `backend` or `listen` section; `None` for every other
    /// line, and for a server line that is not as plain as that.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("server") || has_quoting(line) {
            return None;
        }
        let name = words.next()?;
        Name::parse(name).ok()?;
        let address: SocketAddr = words.next()?.parse().ok()?;
        if address.port() == 0 {
            return None;
        }
        let mut server = Self {
            name,
            id: None,
            options: String::with_capacity(line.len()),
        };
        server.take(words)?;
        Some(server)
    }

    /// Takes the words after the address; `None` if one of the numbers is none.
    fn take(&mut self, mut words: SplitAsciiWhitespace) -> Option<()> {
        let mut weight = None;
        while let Some(word) = words.next() {
            let slot = match word {
                "weight" => &mut weight,
                "id" => &mut self.id,
                _ => {
                    self.options.push(' ');
                    self.options.push_str(word);
                    continue;
                }
            };
            let number: u32 = words.next()?.parse().ok()?;
            if slot.replace(number).is_some() {
                return None;
            }
        }
        let fits = weight.is_none_or(|weight| weight <= MAX_WEIGHT)
            && self.id.is_none_or(|id| (1..=MAX_ID).contains(&id));
        fits.then_some(())
    }
}

/// Whether something makes the line mean more than its words. Looking at every
/// byte, to the end, is done for sixteen at once.
fn has_quoting(line: &str) -> bool {
    line.bytes().fold(false, |found, byte| {
        found | matches!(byte, b'"' | b'\'' | b'\\' | b'#' | b'$' | b'%')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Option<String> {
        Server::parse(line).map(|server| server.options)
    }

    #[test]
    fn name_and_options_are_told_from_address_weight_and_id() {
        let line = "    server s1 10.0.0.1:3000 check inter 1s weight 50 rise 1 id 7";
        assert_eq!(
            Server::parse(line),
            Some(Server {
                name: "s1",
                id: Some(7),
                options: " check inter 1s rise 1".to_string(),
            })
        );
    }

    #[test]
    fn servers_that_differ_in_address_and_weight_have_the_same_options() {
        let one = options("\tserver  s1 10.0.0.1:3000  check weight 0").unwrap();
        let other = options("server s2 [2001:db8::1]:81 weight 256 check").unwrap();
        assert_eq!(one, other);
        assert_eq!(options("server s1 10.0.0.1:3000").unwrap(), "");
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
            "server s1 10.0.0.1:80 check # a note",
            "server s1 10.0.0.1:80 sni str(\"a\")",
            "default-server check",
            "server-template s 3 10.0.0.1:80",
        ] {
            assert_eq!(Server::parse(line), None, "{line}");
        }
    }
}
