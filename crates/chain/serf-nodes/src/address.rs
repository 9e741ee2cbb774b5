//! Addresses in the forms in which Serf writes them.

use std::net::{IpAddr, SocketAddr};

/// Parses `10.0.0.1`, `10.0.0.1:7946`, `fd77::1` or `[fd77::1]:7946`. An IPv4 address
/// that is mapped into IPv6 becomes a plain IPv4 one, so that the rules for IPv4 apply
/// to it. `None` for anything else: forged packets make Serf write `<nil>`, `?010203`
/// and `:7946`.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| text.parse())
        .ok()
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_and_without_a_port() {
        for (text, ip) in [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1:7946", "10.0.0.1"),
            ("fd77::2", "fd77::2"),
            ("[fd77::2]:7946", "fd77::2"),
            ("[::ffff:10.0.0.1]:7946", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(parse(text), ip.parse().ok(), "{text}");
        }
    }

    #[test]
    fn what_forged_packets_make_of_an_address_is_none() {
        for text in [
            "",
            ":7946",
            "<nil>",
            "?010203",
            "?010203:7946",
            "10.0.0.1 ",
            "010.0.0.1",
            "s1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
