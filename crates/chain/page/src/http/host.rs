//! By which names the page may be asked for.
//!
//! A page elsewhere can let its own name point to this machine, and could then read in the
//! browser of whoever looks at it what is served here. The browser still says by which name it
//! came, and an address cannot be made to point anywhere else.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::header::HOST;

/// The names that are answered besides addresses and `localhost`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| plain(name)).collect())
    }

    /// Whether a request came by one of them. What stands in its first line counts as well as
    /// the header, of which there has to be one.
    pub(crate) fn allow(&self, request: &Request) -> bool {
        let mut headers = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (headers.next(), headers.next()) else {
            return false;
        };
        let target = request.uri().authority();
        host.to_str().is_ok_and(|host| self.has(host))
            && target.is_none_or(|target| self.has(target.as_str()))
    }

    fn has(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        if let Some(inner) = name.strip_prefix('[') {
            let inner = inner.strip_suffix(']');
            return inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
        }
        let name = plain(name);
        name == "localhost" || name.parse::<Ipv4Addr>().is_ok() || self.0.contains(&name)
    }
}

/// Names are the same in capitals, and with the dot at the end that says that they are whole.
fn plain(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase()
}

/// The name before the port, if what is behind it is a port.
fn without_port(host: &str) -> Option<&str> {
    let is_port =
        |port: &str| port.bytes().all(|it| it.is_ascii_digit()) && port.parse::<u16>().is_ok();
    match host.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((_, end)) if end.ends_with(']') => Some(host),
        Some((name, port)) => is_port(port).then_some(name),
        None => Some(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn answers(uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let ours = Hosts::new(&["Balancer.example".to_owned()]);
        ours.allow(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn addresses_localhost_and_the_names_that_were_given_are_answered() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:1940",
            "192.168.42.10:80",
            "[::1]",
            "[::1]:1940",
            "[fd77::1]:1940",
            "localhost",
            "LocalHost:1940",
            "localhost.",
            "balancer.example",
            "BALANCER.example.:1940",
        ] {
            assert!(answers("/", &[host]), "{host}");
        }
    }

    #[test]
    fn every_other_host_is_refused() {
        for host in [
            "",
            "evil.example",
            "evil.example:1940",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "127.0.0.1:x",
            "127.0.0.1:",
            "127.0.0.1:70000",
            "127.0.0.1:+80",
            "x@127.0.0.1",
            "127.0.0.1, evil.example",
            "127.1",
            "2130706433",
            "::1",
            "[::1",
            "[::1]x",
            "[evil.example]",
            "[fe80::1%25eth0]",
            " 127.0.0.1",
        ] {
            assert!(!answers("/", &[host]), "{host}");
        }
    }

    #[test]
    fn there_has_to_be_one_host_and_the_first_line_may_say_no_other() {
        assert!(!answers("/", &[]));
        assert!(!answers("/", &["127.0.0.1", "127.0.0.1"]));
        assert!(!answers("http://evil.example/", &["127.0.0.1"]));
        assert!(!answers("http://127.0.0.1/", &["evil.example"]));
        assert!(answers("http://127.0.0.1/", &["127.0.0.1"]));
    }
}
