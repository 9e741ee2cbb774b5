//! Which addresses a node can have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Refuses an address that no node can have; the error says why.
///
/// Loopback addresses pass, since it is for the caller to allow them or not.
pub fn check_address(ip: IpAddr) -> Result<(), &'static str> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => check_v4(ip),
        IpAddr::V6(ip) => check_v6(ip),
    }
}

fn check_v4(ip: Ipv4Addr) -> Result<(), &'static str> {
    if ip.octets()[0] == 0 {
        Err("the address is unspecified")
    } else if ip.is_multicast() {
        Err("the address is multicast")
    } else if ip.is_broadcast() {
        Err("the address is broadcast")
    } else if ip.is_link_local() {
        Err("the address is link-local")
    } else {
        Ok(())
    }
}

fn check_v6(ip: Ipv6Addr) -> Result<(), &'static str> {
    if ip.is_unspecified() {
        Err("the address is unspecified")
    } else if ip.is_multicast() {
        Err("the address is multicast")
    } else if ip.is_unicast_link_local() {
        Err("the address is link-local")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nodes_pass() {
        for ip in [
            "192.168.42.11",
            "127.0.0.1",
            "fd77::2",
            "::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(check_address(ip.parse().unwrap()), Ok(()), "{ip}");
        }
    }

    #[test]
    fn addresses_that_reach_nobody_or_everybody_are_refused() {
        for (ip, why) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("169.254.169.254", "link-local"),
            ("fe80::1", "link-local"),
            ("::ffff:169.254.1.1", "link-local"),
            ("::ffff:0.0.0.0", "unspecified"),
        ] {
            let refusal = check_address(ip.parse().unwrap()).unwrap_err();
            assert!(refusal.ends_with(why), "{ip}: {refusal}");
        }
    }
}
