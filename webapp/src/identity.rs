//! Who this node says it is.

use std::net::IpAddr;

use anyhow::Context as _;

/// An address; none if the variable is set but empty, as compose files leave it.
#[derive(Clone)]
pub(crate) struct Ip(pub(crate) Option<IpAddr>);

pub(crate) fn parse_ip(text: &str) -> Result<Ip, std::net::AddrParseError> {
    if text.is_empty() {
        return Ok(Ip(None));
    }
    text.parse().map(|ip| Ip(Some(ip)))
}

pub(crate) struct Identity {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) host: String,
    pub(crate) tag: String,
}

impl Identity {
    pub(crate) fn new(ip: Option<IpAddr>, name: String, tag: String) -> anyhow::Result<Identity> {
        let host = if name.is_empty() { host_name()? } else { name };
        Ok(Identity { ip, host, tag })
    }
}

fn host_name() -> anyhow::Result<String> {
    let path = "/proc/sys/kernel/hostname";
    let name = std::fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    Ok(name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_is_the_host_name() {
        let identity = Identity::new(None, String::new(), String::new()).unwrap();
        assert_eq!(identity.host, host_name().unwrap());
        assert!(!identity.host.is_empty());
    }

    #[test]
    fn a_name_that_is_given_is_kept() {
        let identity = Identity::new(None, "s1".into(), "v2".into()).unwrap();
        assert_eq!(
            (identity.host.as_str(), identity.tag.as_str()),
            ("s1", "v2")
        );
    }

    #[test]
    fn an_address_may_be_empty_but_not_nonsense() {
        assert!(parse_ip("").unwrap().0.is_none());
        assert_eq!(
            parse_ip("fd77::1").unwrap().0.unwrap().to_string(),
            "fd77::1"
        );
        assert!(parse_ip("s1").is_err());
    }
}
