//! The addresses of this machine.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// Whether it is the address of one of the interfaces. One of loopback is not, since each
/// machine has a whole network of these: it does not say where a balancer is. If the system
/// does not tell its addresses, none is.
pub(crate) fn is_own(ip: IpAddr) -> bool {
    let all = getifaddrs().into_iter().flatten();
    let mut all = all.filter_map(|interface| interface.address.as_ref().and_then(ip_of));
    !ip.is_loopback() && all.any(|own| own.to_canonical() == ip)
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_our_own_if_an_interface_has_it_and_it_is_not_loopback() {
        let all = getifaddrs().unwrap().filter_map(|it| it.address);
        for ip in all.filter_map(|address| ip_of(&address)) {
            assert_eq!(is_own(ip), !ip.is_loopback(), "{ip}");
        }
        for other in ["192.0.2.1", "127.0.0.1", "::1", "2001:db8::1"] {
            assert!(!is_own(other.parse().unwrap()), "{other}");
        }
    }
}
