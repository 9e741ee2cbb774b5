//! The addresses of this machine, and the names of its agent.

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::unix::ffi::OsStrExt;

use exit::escape;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// The port at which nobody is expected to listen.
const DISCARD: u16 = 9;

/// Whether it is the address of one of the interfaces. One of loopback is not, since each
/// machine has a whole network of these: it does not say where a balancer is. If the system
/// does not tell its addresses, none is.
pub(crate) fn is_own(ip: IpAddr) -> bool {
    let all = getifaddrs().into_iter().flatten();
    let mut all = all.filter_map(|interface| interface.address.as_ref().and_then(ip_of));
    !ip.is_loopback() && all.any(|own| own.to_canonical() == ip)
}

/// Whether a balancer of this name and address is the one of this machine. Where each has an
/// address of loopback, its agent's name tells it, in `SERF_NODE` or Serf's own variable.
pub(crate) fn is_balancer() -> impl Fn(&str, IpAddr) -> bool {
    let names = [env::var_os("SERF_NODE"), env::var_os("SERF_SELF_NAME")];
    let names: Vec<String> = names
        .iter()
        .flatten()
        .map(|name| escape(name.as_bytes()).to_string())
        .collect();
    move |name, ip| names.iter().any(|own| own == name) || (!ip.is_loopback() && leads_here(ip))
}

/// Whether what is sent to this address stays here: then it is sent from the same one. Each run
/// asks for it, and to list all interfaces takes long where there are many. Nothing is sent.
fn leads_here(ip: IpAddr) -> bool {
    let any = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, DISCARD))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == ip)
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

    #[test]
    fn a_balancer_at_an_address_of_this_machine_is_its_own_whatever_its_name() {
        let is_ours = is_balancer();
        let all = getifaddrs().unwrap().filter_map(|it| it.address);
        let all = all.filter_map(|address| ip_of(&address));
        for ip in all.filter(|ip| nodes::check_address(*ip).is_ok()) {
            assert_eq!(is_ours("x", ip), !ip.is_loopback(), "{ip}");
        }
        for other in ["198.51.100.1", "127.0.0.1", "::1", "2001:db8::1"] {
            assert!(!is_ours("x", other.parse().unwrap()), "{other}");
        }
    }
}
