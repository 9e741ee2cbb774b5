//! The addresses of this machine, and the names of its agent.

use std::cell::LazyCell;
use std::env;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;

use exit::escape;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// Whether it is the address of one of the interfaces. One of loopback is not, since each
/// machine has a whole network of these: it does not say where a balancer is. If the system
/// does not tell its addresses, none is.
pub(crate) fn is_own(ip: IpAddr) -> bool {
    !ip.is_loopback() && addresses().contains(&ip)
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
    let own = LazyCell::new(addresses);
    move |name, ip| names.iter().any(|own| own == name) || (!ip.is_loopback() && own.contains(&ip))
}

fn addresses() -> Vec<IpAddr> {
    let all = getifaddrs().into_iter().flatten();
    let all = all.filter_map(|interface| interface.address.as_ref().and_then(ip_of));
    all.map(|ip| ip.to_canonical()).collect()
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
