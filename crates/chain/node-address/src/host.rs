//! What this host says of its addresses and routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::Context;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

use crate::choice::Own;

/// The addresses of the interfaces that are up, in the system's order.
pub(crate) fn addresses() -> anyhow::Result<Vec<Own>> {
    let all = getifaddrs().context("ask for this host's addresses")?;
    let up = all.filter(|it| it.flags.contains(InterfaceFlags::IFF_UP));
    let own = up.filter_map(|it| {
        let ip = it.address.as_ref().and_then(ip_of)?;
        let interface = it.interface_name;
        Some(Own { interface, ip })
    });
    Ok(own.collect())
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
}

/// The address that this host would send from to another one. Nothing is sent: to connect a
/// UDP socket only looks up the route.
pub(crate) fn route(other: IpAddr) -> Option<IpAddr> {
    let any = if other.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(other, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
