//! The network that this node's address is in, as this host knows it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, bail};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockaddrStorage;

/// An interface, with its addresses.
#[derive(Debug)]
pub(crate) struct Link {
    /// The number of the interface.
    pub(crate) index: u32,
    networks: Vec<Network>,
}

/// An own address, and which other ones are in its network.
#[derive(Clone, Copy, Debug)]
struct Network {
    own: IpAddr,
    prefix: u32,
}

impl Network {
    fn holds(self, other: IpAddr) -> bool {
        match (self.own, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.prefix
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }

    /// An address that was given without its network.
    fn is_alone(self) -> bool {
        self.prefix >= if self.own.is_ipv4() { 32 } else { 128 }
    }
}

impl Link {
    /// The interface that has the address `own`.
    pub(crate) fn of(own: IpAddr) -> anyhow::Result<Self> {
        let all: Vec<_> = getifaddrs()
            .context("ask for this host's addresses")?
            .collect();
        let has_own = |it: &&InterfaceAddress| it.address.as_ref().and_then(ip_of) == Some(own);
        let Some(interface) = all.iter().find(has_own).map(|it| &it.interface_name) else {
            bail!("look for {own}: no interface of this host has it");
        };
        let index = if_nametoindex(interface.as_str())
            .with_context(|| format!("look for the interface {interface}"))?;
        let its = all.iter().filter(|it| it.interface_name == *interface);
        let networks = its.filter_map(network_of).collect();
        Ok(Self { index, networks })
    }

    /// An own IPv4 address.
    pub(crate) fn v4(&self) -> Option<Ipv4Addr> {
        self.networks.iter().find_map(|it| match it.own {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
    }

    /// Whether there is an own IPv6 address, be it for the link alone.
    pub(crate) fn has_v6(&self) -> bool {
        self.networks.iter().any(|it| it.own.is_ipv6())
    }

    /// Whether a neighbour on this link can have the address.
    pub(crate) fn reaches(&self, other: IpAddr) -> bool {
        let mut networks = self
            .networks
            .iter()
            .filter(|it| it.own.is_ipv4() == other.is_ipv4());
        networks.any(|it| it.holds(other) || it.is_alone())
    }

    /// Whether the agent at `own` is to join `other`, of which somebody on this link said
    /// that it is an agent of the same cluster.
    pub(crate) fn is_peer(&self, own: SocketAddr, other: SocketAddr) -> bool {
        other != own
            && other.port() != 0
            && other.is_ipv4() == own.is_ipv4()
            && !other.ip().is_loopback()
            && nodes::check_address(other.ip()).is_ok()
            && self.reaches(other.ip())
    }
}

fn network_of(it: &InterfaceAddress) -> Option<Network> {
    let own = ip_of(it.address.as_ref()?)?;
    let prefix = match ip_of(it.netmask.as_ref()?)? {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    Some(Network { own, prefix })
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(networks: &[(&str, u32)]) -> Link {
        let networks = networks.iter().map(|(own, prefix)| Network {
            own: own.parse().unwrap(),
            prefix: *prefix,
        });
        Link {
            index: 2,
            networks: networks.collect(),
        }
    }

    fn is_peer(link: &Link, own: &str, other: &str) -> bool {
        link.is_peer(own.parse().unwrap(), other.parse().unwrap())
    }

    #[test]
    fn a_peer_is_another_address_of_the_same_network_and_family() {
        let both = link(&[("10.77.0.1", 24), ("fd77::1", 64), ("fe80::1", 64)]);
        let own = "10.77.0.1:7946";
        assert!(is_peer(&both, own, "10.77.0.2:7946"));
        assert!(is_peer(&both, own, "10.77.0.1:8000"));
        assert!(is_peer(&both, "[fd77::1]:7946", "[fd77::2]:7946"));
        for other in [
            own,
            "10.77.0.2:0",
            "10.77.1.2:7946",
            "127.0.0.1:7946",
            "224.0.0.251:5353",
            "0.0.0.0:7946",
            "[fd77::2]:7946",
            "[fe80::2]:7946",
        ] {
            assert!(!is_peer(&both, own, other), "{other}");
        }
        for other in [
            "[fd78::2]:7946",
            "[fe80::2]:7946",
            "[::1]:7946",
            "10.77.0.2:7946",
        ] {
            assert!(!is_peer(&both, "[fd77::1]:7946", other), "{other}");
        }
    }

    #[test]
    fn an_address_without_a_network_believes_others_of_its_family() {
        let alone = link(&[("10.77.0.1", 32), ("fd77::1", 128)]);
        assert!(is_peer(&alone, "10.77.0.1:7946", "10.9.0.2:7946"));
        assert!(is_peer(&alone, "[fd77::1]:7946", "[fd78::2]:7946"));
        assert!(!is_peer(&alone, "10.77.0.1:7946", "127.0.0.1:7946"));
    }

    #[test]
    fn an_address_that_no_interface_has_is_told() {
        let error = Link::of("192.0.2.77".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("192.0.2.77"), "{error}");
    }
}
