//! Who answers to the names of the seeds.

use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use exit::escape;

use crate::verdict::Seeds;

/// The port of a seed without one, where the agent has not said its own.
const PORT: u16 = 7946;

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

/// Looks for members that could be joined and are not this one, whose address is `own`.
pub(crate) fn look(join: &str, own: Option<SocketAddr>, limit: Duration) -> Seeds {
    let deadline = Instant::now() + limit;
    let own_port = own.map_or(PORT, |own| own.port());
    let (mut found, mut trouble) = (Vec::new(), None);
    for seed in join.split_whitespace() {
        let (host, port) = parse(seed);
        let ips = match host {
            Host::Ip(ip) => vec![ip],
            Host::Name(name) => resolve(&name, deadline).unwrap_or_else(|why| {
                trouble = Some(why);
                Vec::new()
            }),
        };
        let port = port.unwrap_or(own_port);
        found.extend(ips.into_iter().map(|ip| SocketAddr::new(ip, port)));
    }
    let mut own: Vec<SocketAddr> = own.into_iter().collect();
    own.extend(
        interfaces()
            .into_iter()
            .map(|ip| SocketAddr::new(ip, own_port)),
    );
    found.retain(|address| !own.contains(address));
    found.sort();
    found.dedup();
    match (found.split_first(), trouble) {
        (Some((first, more)), _) => Seeds::Others {
            first: first.ip().to_string(),
            more: more.len(),
        },
        (None, Some(why)) => Seeds::Unknown(why),
        (None, None) => Seeds::Nobody,
    }
}

/// A seed as Serf reads it: a name or an address, and a port or none. What stands before a
/// slash is the name of the node.
fn parse(seed: &str) -> (Host, Option<u16>) {
    let seed = seed.rsplit_once('/').map_or(seed, |(_, address)| address);
    if let Ok(address) = seed.parse::<SocketAddr>() {
        return (Host::Ip(address.ip().to_canonical()), Some(address.port()));
    }
    let bare = seed.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    if let Ok(ip) = bare.unwrap_or(seed).parse::<IpAddr>() {
        return (Host::Ip(ip.to_canonical()), None);
    }
    match seed
        .rsplit_once(':')
        .map(|(name, port)| (name, port.parse()))
    {
        Some((name, Ok(port))) => (Host::Name(name.to_owned()), Some(port)),
        _ => (Host::Name(seed.to_owned()), None),
    }
}

/// The addresses of a name; none if nobody knows it.
fn resolve(name: &str, deadline: Instant) -> Result<Vec<IpAddr>, String> {
    let mut command = Command::new("getent");
    command.args(["ahosts", "--", name]).stdin(Stdio::null());
    let left = deadline.saturating_duration_since(Instant::now());
    let output = limit::output(&mut command, left);
    let output = output
        .map_err(|error| format!("look up '{}' with getent: {error}", escape(name.as_bytes())))?;
    Ok(addresses(&String::from_utf8_lossy(&output.stdout)))
}

/// The addresses in what `getent ahosts` prints, each line of which begins with one.
fn addresses(text: &str) -> Vec<IpAddr> {
    let words = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let parsed = words.filter_map(|word| word.parse::<IpAddr>().ok());
    parsed.map(|ip| ip.to_canonical()).collect()
}

/// The addresses of this machine's interfaces.
fn interfaces() -> Vec<IpAddr> {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let addresses = all.filter_map(|interface| interface.address);
    let ips = addresses.filter_map(|address| {
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    });
    ips.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_name_or_an_address_with_a_port_or_without() {
        let name = |name: &str, port| (Host::Name(name.to_owned()), port);
        let ip = |ip: &str, port| (Host::Ip(ip.parse().unwrap()), port);
        for (seed, expected) in [
            ("cluster", name("cluster", None)),
            ("cluster:7000", name("cluster", Some(7000))),
            ("10.0.0.1", ip("10.0.0.1", None)),
            ("10.0.0.1:7000", ip("10.0.0.1", Some(7000))),
            ("fd53::1", ip("fd53::1", None)),
            ("[fd53::1]", ip("fd53::1", None)),
            ("[fd53::1]:7000", ip("fd53::1", Some(7000))),
            ("s1/10.0.0.1:7000", ip("10.0.0.1", Some(7000))),
        ] {
            assert_eq!(parse(seed), expected, "{seed}");
        }
    }

    #[test]
    fn getent_says_each_address_once_a_kind_of_socket() {
        let text = "10.0.0.1        STREAM cluster\n10.0.0.1        DGRAM\nfe80::1%eth0 STREAM\n";
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(addresses(text), [ip, ip]);
    }

    #[test]
    fn the_node_itself_is_nobody_else() {
        let own = Some("127.0.62.9:7946".parse().unwrap());
        let long = Duration::from_secs(60);
        let look = |join: &str| match look(join, own, long) {
            Seeds::Nobody => "nobody".to_owned(),
            Seeds::Others { first, more } => format!("{first} {more}"),
            Seeds::Unknown(why) => why,
        };
        assert_eq!(look("127.0.62.9 127.0.0.1"), "nobody");
        assert_eq!(look("127.0.62.9:7947"), "127.0.62.9 0");
        assert_eq!(
            look("127.0.62.9 127.0.62.8 127.0.62.7 127.0.62.8"),
            "127.0.62.7 1"
        );
        assert_eq!(look(""), "nobody");
    }
}
