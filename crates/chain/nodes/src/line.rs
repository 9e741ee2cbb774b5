//! The line in a node's file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use exit::escape;
use haproxy_config::MAX_WEIGHT;

use crate::{Name, check_address};

/// The port of a node whose line names none: the one that the lab's web application
/// listens on.
pub const DEFAULT_PORT: u16 = 3000;

/// The space that is allocated for a line, in bytes; few lines are longer.
const USUAL_LINE: usize = 80;

/// What a file in `/nodes` says about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The name, which is the file's name too.
    pub name: Name,
    /// The address at which it is reached.
    pub ip: IpAddr,
    /// The port that it serves on, 1 to 65535, if the line names one.
    pub port: Option<u16>,
    /// Its share of the requests, 0 (none) to 256, if the line names one.
    pub weight: Option<u16>,
    /// The service that it belongs to, if the line names one.
    pub service: Option<Name>,
    /// Further tags, which only a file that was written by hand has.
    pub tags: BTreeMap<String, String>,
}

impl Node {
    /// Parses the content of the file named `file_name`; the error says what is wrong
    /// with it.
    pub fn parse(file_name: &Name, text: &str) -> Result<Self, String> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        if line.contains('\n') {
            return Err("it has more than one line".to_string());
        }
        if line.ends_with('\r') {
            return Err(
                "its line ends in a carriage return: save it with Unix line ends".to_string(),
            );
        }
        let mut words = line.split_ascii_whitespace();
        let name = words.next().ok_or("it is empty")?;
        if name != file_name.as_str() {
            return Err(format!(
                "it names '{}' instead of '{file_name}'",
                escape(name.as_bytes())
            ));
        }
        let address = words.next().ok_or("it has no address")?;
        let mut node = Self {
            name: file_name.clone(),
            ip: parse_ip(address)?,
            port: None,
            weight: None,
            service: None,
            tags: BTreeMap::new(),
        };
        words.try_for_each(|word| node.set(word))?;
        Ok(node)
    }

    /// The content of the node's file, with its final line feed.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(USUAL_LINE);
        // Writing to a String cannot fail.
        let _ = write!(line, "{} {}", self.name, self.ip);
        let mut add = |key: &str, value: &dyn std::fmt::Display| {
            let _ = write!(line, " {key}={value}");
        };
        if let Some(port) = &self.port {
            add("port", port);
        }
        if let Some(weight) = &self.weight {
            add("weight", weight);
        }
        if let Some(service) = &self.service {
            add("service", service);
        }
        for (key, value) in &self.tags {
            add(key, value);
        }
        line.push('\n');
        line
    }

    /// Where it is reached, its place: no two processes can have the same one, whatever
    /// they are called. An IPv4 address that is mapped into IPv6 is that IPv4 address.
    #[must_use]
    pub fn place(&self) -> SocketAddr {
        let port = self.port.unwrap_or(DEFAULT_PORT);
        SocketAddr::new(self.ip.to_canonical(), port)
    }

    fn set(&mut self, word: &str) -> Result<(), String> {
        let Some((key, value)) = word.split_once('=') else {
            return Err(format!("'{}' is not key=value", escape(word.as_bytes())));
        };
        let twice = match key {
            "port" => self.port.replace(parse_port(value)?).is_some(),
            "weight" => self.weight.replace(parse_weight(value)?).is_some(),
            "service" => self.service.replace(Name::parse(value)?).is_some(),
            _ if is_plain(key) && is_plain(value) => {
                let before = self.tags.insert(key.to_string(), value.to_string());
                before.is_some()
            }
            _ => {
                return Err(format!(
                    "'{}' has characters other than letters, digits, '.', ':', '_' and '-'",
                    escape(word.as_bytes())
                ));
            }
        };
        if twice {
            return Err(format!("it says '{key}' twice"));
        }
        Ok(())
    }
}

/// Parses the value of the tag `port`, 1 to 65535.
pub fn parse_port(text: &str) -> Result<u16, String> {
    number(text)
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("the port '{}' is not 1 to 65535", escape(text.as_bytes())))
}

/// Parses the value of the tag `weight`, 0 to 256.
pub fn parse_weight(text: &str) -> Result<u16, String> {
    number(text)
        .filter(|weight| *weight <= MAX_WEIGHT)
        .ok_or_else(|| format!("the weight '{}' is not 0 to 256", escape(text.as_bytes())))
}

/// Parses a number of decimal digits only; `str::parse` accepts a plus sign too.
fn number(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

fn parse_ip(text: &str) -> Result<IpAddr, String> {
    let ip = text
        .parse()
        .map_err(|_| format!("'{}' is not an IP address", escape(text.as_bytes())))?;
    check_address(ip).map_err(|why| format!("{why}: {ip}"))?;
    Ok(ip)
}

fn is_plain(word: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'_' | b'-');
    !word.is_empty() && word.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Node, String> {
        Node::parse(&Name::parse("s1").unwrap(), text)
    }

    #[test]
    fn the_labs_line_is_a_node() {
        let node = parse("s1 192.168.42.11\n").unwrap();
        assert_eq!(
            (node.port, node.weight, node.service.clone()),
            (None, None, None)
        );
        assert_eq!(node.line(), "s1 192.168.42.11\n");
    }

    #[test]
    fn a_line_by_hand_may_be_spaced_freely_and_lack_its_line_feed() {
        let node = parse("s1   fd77::2  weight=0\tport=8080 rack=b1").unwrap();
        assert_eq!(node.line(), "s1 fd77::2 port=8080 weight=0 rack=b1\n");
    }

    #[test]
    fn a_place_is_an_address_and_a_port_in_one_form() {
        for (line, place) in [
            ("s1 10.0.0.1", "10.0.0.1:3000"),
            (
                "s1 10.0.0.1 port=3000 weight=5 service=api",
                "10.0.0.1:3000",
            ),
            ("s1 10.0.0.1 port=80", "10.0.0.1:80"),
            ("s1 ::ffff:10.0.0.1", "10.0.0.1:3000"),
            ("s1 fd77:0::2", "[fd77::2]:3000"),
        ] {
            let place = place.parse::<SocketAddr>().unwrap();
            assert_eq!(parse(line).unwrap().place(), place, "{line}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "it is empty"),
            ("s2 10.0.0.1", "it names 's2' instead of 's1'"),
            ("s1", "it has no address"),
            ("s1 10.0.0.1\ns2 10.0.0.2\n", "more than one line"),
            ("s1 10.0.0.1\r\n", "carriage return"),
            ("s1 0.0.0.0", "unspecified"),
            ("s1 host.example", "not an IP address"),
            ("s1 10.0.0.1 port=0", "the port '0'"),
            ("s1 10.0.0.1 port=+80", "the port '+80'"),
            ("s1 10.0.0.1 weight=257", "the weight '257'"),
            ("s1 10.0.0.1 service=-x", "the name '-x'"),
            ("s1 10.0.0.1 backup", "is not key=value"),
            ("s1 10.0.0.1 x=\"a\"", "has characters other than"),
            ("s1 10.0.0.1 port=1 port=2", "it says 'port' twice"),
            ("s1 10.0.0.1 weight=1 port=1 weight=1", "'weight' twice"),
            ("s1 10.0.0.1 service=a service=b", "'service' twice"),
            ("s1 10.0.0.1 rack=a rack=b", "'rack' twice"),
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(refusal.contains(why), "{text:?}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_the_same(
            octets in (1u8..224, any::<u8>(), any::<u8>(), any::<u8>()),
            port in proptest::option::of(1u16..),
            weight in proptest::option::of(0u16..=256),
            service in proptest::option::of("[a-z][a-z0-9]{0,20}"),
        ) {
            let ip = IpAddr::from([octets.0, octets.1, octets.2, octets.3]);
            prop_assume!(check_address(ip).is_ok());
            let name = Name::parse("s1").unwrap();
            let service = service.map(|text| Name::parse(&text).unwrap());
            let node = Node { name, ip, port, weight, service, tags: BTreeMap::new() };
            prop_assert_eq!(parse(&node.line()).unwrap(), node);
        }

        #[test]
        fn no_text_makes_it_panic(text in "s1 \\PC{0,60}") {
            let _ = parse(&text);
        }
    }
}
