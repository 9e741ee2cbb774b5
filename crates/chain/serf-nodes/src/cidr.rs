//! Networks, in the notation of `--allow`.

use std::net::IpAddr;
use std::str::FromStr;

/// A network such as `192.168.42.0/24` or `fd77::/64`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    base: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Whether `ip`, in canonical form, is one of its addresses.
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                agree(base.to_bits().into(), ip.to_bits().into(), 32 - self.prefix)
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                agree(base.to_bits(), ip.to_bits(), 128 - self.prefix)
            }
            _ => false,
        }
    }

    /// Whether `ip` is its only address.
    pub(crate) fn is_exactly(self, ip: IpAddr) -> bool {
        self.prefix == width(self.base) && self.base == ip
    }

    /// Whether all its addresses are loopback.
    pub(crate) fn is_loopback(self) -> bool {
        self.base.is_loopback() && (self.prefix >= 8 && self.base.is_ipv4() || self.prefix == 128)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address
            .parse()
            .map_err(|_| format!("'{address}' is not an IP address"))?;
        let prefix = match prefix {
            None => width(base),
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= width(base))
                .ok_or_else(|| format!("the prefix '{prefix}' is not 0 to {}", width(base)))?,
        };
        Ok(Self { base, prefix })
    }
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// Whether two addresses are equal except for their last `free` bits.
fn agree(one: u128, other: u128, free: u32) -> bool {
    (one ^ other).checked_shr(free).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_of_its_prefix() {
        for (network, address, inside) in [
            ("192.168.42.0/24", "192.168.42.255", true),
            ("192.168.42.0/24", "192.168.43.0", false),
            ("192.168.42.7/24", "192.168.42.1", true),
            ("10.0.0.0/9", "10.127.0.1", true),
            ("10.0.0.0/9", "10.128.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "fd77::1", false),
            ("fd77::/64", "fd77::ffff:1", true),
            ("fd77::/64", "fd77:0:0:1::1", false),
            ("::/0", "2001:db8::1", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ] {
            assert_eq!(
                cidr(network).contains(ip(address)),
                inside,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn one_address_alone_is_told_from_a_network() {
        assert!(cidr("10.0.0.1").is_exactly(ip("10.0.0.1")));
        assert!(cidr("fd77::1/128").is_exactly(ip("fd77::1")));
        assert!(!cidr("10.0.0.1/31").is_exactly(ip("10.0.0.1")));
    }

    #[test]
    fn a_network_with_more_than_loopback_is_not_loopback() {
        for (network, loopback) in [
            ("127.0.42.0/24", true),
            ("127.0.0.0/8", true),
            ("126.0.0.0/7", false),
            ("127.0.0.0/7", false),
            ("::1", true),
            ("::1/0", false),
        ] {
            assert_eq!(cidr(network).is_loopback(), loopback, "{network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "not an IP address"),
            ("heig", "not an IP address"),
            ("10.0.0.0/33", "not 0 to 32"),
            ("10.0.0.0/", "not 0 to 32"),
            ("fd77::/129", "not 0 to 128"),
            ("10.0.0.0/-1", "not 0 to 32"),
        ] {
            let refusal = text.parse::<Cidr>().unwrap_err();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }
}
