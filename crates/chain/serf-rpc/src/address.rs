//! Where a server of this node listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Where a server of this node listens: `IP:PORT`, `[IP]:PORT` or `localhost:PORT`. There are no
/// other names, since a static program cannot look them up reliably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    all: Vec<SocketAddr>,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix("localhost:").map(str::parse::<u16>);
        let all = match (text.parse(), port) {
            (Ok(address), _) => vec![address],
            (Err(_), Some(Ok(port))) => {
                [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
                    .map(|ip| SocketAddr::new(ip, port))
                    .to_vec()
            }
            _ => Vec::new(),
        };
        if all.iter().any(|address| address.port() == 0) || all.is_empty() {
            return Err("it is not IP:PORT, [IP]:PORT or localhost:PORT".to_owned());
        }
        let text = text.to_owned();
        Ok(Self { text, all })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Address {
    /// Connects to the first of its addresses at which somebody listens. The error is that of
    /// the first one.
    pub fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        let mut found: Option<io::Error> = None;
        for address in &self.all {
            match TcpStream::connect_timeout(address, left_until(deadline)?) {
                Ok(stream) => return Ok(stream),
                // The other address may fail only because this host has no IPv6.
                Err(error) => found = found.or(Some(error)),
            }
        }
        Err(found.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }
}

/// The time until then, or that it is over.
pub fn left_until(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_and_this_host_have_one() {
        for good in ["127.0.0.1:7373", "[::1]:7373", "localhost:7373"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "7373",
            "ha:7373",
            "127.0.0.1",
            "127.0.0.1:0",
            "localhost:0",
            "::1:x",
        ] {
            bad.parse::<Address>().unwrap_err();
        }
    }

    #[test]
    fn what_the_first_address_says_is_told() {
        // Nobody listens at the first, and no host is at the second.
        let all = ["127.0.0.1:1", "255.255.255.255:1"].map(|it| it.parse().unwrap());
        let address = Address {
            text: String::new(),
            all: all.to_vec(),
        };
        let error = address.connect(Instant::now() + Duration::from_secs(60));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
    }
}
