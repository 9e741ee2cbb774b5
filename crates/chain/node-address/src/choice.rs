//! The choice among this host's addresses, without asking the system.

use std::net::IpAddr;

/// An address of this host's, and the interface that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    /// The name of the interface.
    pub(crate) interface: String,
    /// The address.
    pub(crate) ip: IpAddr,
}

/// The address, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The seeds, the interface that was named, or the lack of others decide.
    Told(IpAddr),
    /// The host has several, and nothing says which.
    Guessed(IpAddr),
}

/// How far an address reaches: the further the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Network,
    Link,
    Host,
}

impl Reach {
    fn of(ip: IpAddr) -> Self {
        let is_of_link = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        if ip.is_loopback() {
            Self::Host
        } else if is_of_link {
            Self::Link
        } else {
            Self::Network
        }
    }
}

/// Chooses among `own`. `seeds` are addresses of the cluster's, and `route` says which
/// address the system would send from to another one; `outside` are addresses that are
/// reached by the default route.
///
/// Of several that are as good the first is taken, IPv4 before IPv6: an agent that is bound
/// to the one family cannot send to the other, so all have to take the same.
pub(crate) fn choose(
    own: &[Own],
    seeds: &[IpAddr],
    outside: &[IpAddr],
    is_named: bool,
    route: impl Fn(IpAddr) -> Option<IpAddr>,
) -> Option<Choice> {
    let is_own = |ip: &IpAddr| own.iter().any(|it| it.ip == *ip);
    let towards = |other: IpAddr| {
        let from = route(other).filter(is_own)?;
        (Reach::of(from) <= Reach::of(other)).then_some(from)
    };
    if let Some(ip) = best(seeds.iter().copied().filter(is_own)) {
        return Some(Choice::Told(ip));
    }
    if let Some(ip) = best(seeds.iter().copied().filter_map(towards)) {
        return Some(Choice::Told(ip));
    }
    let is_far = |it: &&Own| Reach::of(it.ip) == Reach::Network;
    let far: Vec<&Own> = own.iter().filter(is_far).collect();
    let Some(first) = best(far.iter().map(|it| it.ip)) else {
        // Whoever names an interface wants its address, whatever it is.
        let ip = best(own.iter().map(|it| it.ip).filter(|_| is_named))?;
        return Some(Choice::Told(ip));
    };
    if is_named || far.iter().all(|it| it.interface == far[0].interface) {
        return Some(Choice::Told(first));
    }
    let by_default = best(outside.iter().copied().filter_map(towards));
    Some(Choice::Guessed(by_default.unwrap_or(first)))
}

/// The one that reaches furthest, of these an IPv4 one, of these the first.
fn best(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    addresses.min_by_key(|ip| (Reach::of(*ip), ip.is_ipv6()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn own(addresses: &[(&str, &str)]) -> Vec<Own> {
        let own = addresses.iter().map(|(interface, address)| Own {
            interface: (*interface).to_owned(),
            ip: ip(address),
        });
        own.collect()
    }

    const TWO: [(&str, &str); 5] = [
        ("lo", "127.0.0.1"),
        ("eth0", "10.1.0.2"),
        ("eth0", "fe80::1"),
        ("eth1", "10.2.0.2"),
        ("eth1", "fd77::2"),
    ];

    /// Routes as a host has them that is on 10.1, 10.2 and fd77, and has a default route
    /// by 10.1.
    fn route(other: IpAddr) -> Option<IpAddr> {
        let text = other.to_string();
        match () {
            () if text.starts_with("127.") => Some(ip("127.0.0.1")),
            () if text.starts_with("10.2.") => Some(ip("10.2.0.2")),
            () if text.starts_with("fd77:") => Some(ip("fd77::2")),
            () if other.is_ipv4() => Some(ip("10.1.0.2")),
            () => None,
        }
    }

    fn chosen(addresses: &[(&str, &str)], seeds: &[&str]) -> Option<Choice> {
        let seeds: Vec<IpAddr> = seeds.iter().map(|seed| ip(seed)).collect();
        choose(&own(addresses), &seeds, &[ip("192.0.2.1")], false, route)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what is compared")]
    fn told(address: &str) -> Option<Choice> {
        Some(Choice::Told(ip(address)))
    }

    #[test]
    fn an_own_address_among_the_seeds_is_it() {
        assert_eq!(chosen(&TWO, &["10.2.0.9", "10.2.0.2"]), told("10.2.0.2"));
        assert_eq!(chosen(&TWO, &["10.1.0.2", "10.2.0.9"]), told("10.1.0.2"));
        assert_eq!(chosen(&TWO, &["fd77::1", "fd77::2"]), told("fd77::2"));
    }

    #[test]
    fn of_both_families_all_take_the_same() {
        let given = ["fd77::2", "10.2.0.2", "10.2.0.3", "fd77::3"];
        assert_eq!(chosen(&TWO, &given), told("10.2.0.2"));
        assert_eq!(chosen(&TWO, &["fd77::3", "10.2.0.3"]), told("10.2.0.2"));
    }

    #[test]
    fn else_the_address_that_the_route_to_a_seed_has() {
        assert_eq!(chosen(&TWO, &["10.2.0.9"]), told("10.2.0.2"));
        assert_eq!(chosen(&TWO, &["172.16.0.1"]), told("10.1.0.2"));
        assert_eq!(chosen(&TWO, &["fd77::9"]), told("fd77::2"));
    }

    #[test]
    fn loopback_and_link_local_ones_are_taken_only_where_the_seeds_give_them() {
        assert_eq!(chosen(&TWO, &["127.0.0.1", "10.2.0.2"]), told("10.2.0.2"));
        assert_eq!(chosen(&TWO, &["127.0.42.1"]), told("127.0.0.1"));
        assert_eq!(chosen(&TWO, &["fe80::1"]), told("fe80::1"));
        assert_eq!(chosen(&TWO[..1], &[]), None);
        let bare = [("lo", "127.0.0.1"), ("eth0", "169.254.0.7")];
        let no_route = |_| Some(ip("169.254.0.7"));
        let seeds = [ip("10.9.0.1")];
        assert_eq!(choose(&own(&bare), &seeds, &[], false, no_route), None);
    }

    #[test]
    fn a_host_with_one_interface_needs_no_seeds() {
        assert_eq!(chosen(&TWO[..3], &[]), told("10.1.0.2"));
        let both = [("eth0", "fd77::2"), ("eth0", "10.1.0.2")];
        assert_eq!(chosen(&both, &[]), told("10.1.0.2"));
        assert_eq!(chosen(&[("eth0", "fd77::2")], &[]), told("fd77::2"));
    }

    #[test]
    fn what_nothing_tells_is_a_guess_by_the_default_route() {
        let guess = |address| Some(Choice::Guessed(ip(address)));
        assert_eq!(chosen(&TWO, &[]), guess("10.1.0.2"));
        let nowhere = |_| None;
        let backwards: Vec<Own> = own(&TWO).into_iter().rev().collect();
        let chosen = choose(&backwards, &[], &[ip("192.0.2.1")], false, nowhere);
        assert_eq!(chosen, guess("10.2.0.2"));
    }

    #[test]
    fn a_named_interface_leaves_nothing_to_guess() {
        let of = |addresses: &[(&str, &str)], seeds: &[IpAddr]| {
            choose(&own(addresses), seeds, &[], true, route)
        };
        assert_eq!(of(&TWO[3..], &[]), told("10.2.0.2"));
        assert_eq!(of(&TWO[3..], &[ip("fd77::9")]), told("fd77::2"));
        assert_eq!(of(&TWO[3..], &[ip("10.1.0.9")]), told("10.2.0.2"));
        assert_eq!(of(&TWO[2..3], &[]), told("fe80::1"));
        assert_eq!(of(&[], &[]), None);
    }
}
