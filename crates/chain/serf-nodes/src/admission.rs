//! Which members may become nodes.

use std::net::IpAddr;

use exit::escape;
use nodes::check_address;

use crate::address;
use crate::cidr::Cidr;

/// The role of the machines that run HAProxy.
pub(crate) const BALANCER: &str = "balancer";

/// The options that decide which members may become nodes.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) role: String,
    pub(crate) allow_loopback: bool,
    pub(crate) allow: Vec<Cidr>,
    pub(crate) deny: Vec<IpAddr>,
}

impl Admission {
    /// Whether a member with this role is a node. The roles are compared byte for byte,
    /// since something like `backend` with a line feed must be a trick.
    pub(crate) fn is_node(&self, role: &[u8]) -> bool {
        role == self.role.as_bytes()
    }

    /// Whether a member with this role is a balancer. It is not if the option says that
    /// members with this role are nodes.
    pub(crate) fn is_balancer(&self, role: &[u8]) -> bool {
        role == BALANCER.as_bytes() && !self.is_node(role)
    }

    /// Parses and accepts the address of a node; the error says why it is refused. Whether
    /// it is a balancer's is another question, since that is what another member claims.
    pub(crate) fn address(&self, text: &str) -> Result<IpAddr, String> {
        let ip = address::parse(text)
            .ok_or_else(|| format!("'{}' is not an IP address", escape(text.as_bytes())))?;
        check_address(ip).map_err(|why| format!("{why}: {ip}"))?;
        if self.is_denied(ip) {
            Err(format!("the address is denied: {ip}"))
        } else if ip.is_loopback() && !self.is_loopback_allowed(ip) {
            Err(format!(
                "the address is loopback: {ip} (--allow-loopback takes it)"
            ))
        } else if !self.allow.is_empty() && !self.is_allowed(ip) {
            Err(format!("the address is outside of --allow: {ip}"))
        } else {
            Ok(ip)
        }
    }

    /// Whether a node may have this address although it is a balancer's: only where it is
    /// allowed alone. With another one HAProxy would send requests to itself.
    pub(crate) fn is_shared(&self, ip: IpAddr) -> bool {
        self.allow.iter().any(|network| network.is_exactly(ip))
    }

    fn is_denied(&self, ip: IpAddr) -> bool {
        self.deny.iter().any(|denied| denied.to_canonical() == ip)
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(ip))
    }

    fn is_loopback_allowed(&self, ip: IpAddr) -> bool {
        let named = |network: &Cidr| network.is_loopback() && network.contains(ip);
        self.allow_loopback || self.allow.iter().any(named)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn admission(allow: &[&str], deny: &[&str], allow_loopback: bool) -> Admission {
        Admission {
            role: "backend".to_string(),
            allow_loopback,
            allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
            deny: deny.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn refusal(admission: &Admission, address: &str) -> String {
        admission.address(address).unwrap_err()
    }

    #[test]
    fn a_role_is_compared_byte_for_byte() {
        let admission = admission(&[], &[], false);
        assert!(admission.is_node(b"backend"));
        for role in ["", "backend  ", "backend\nx", "back\0end", "Backend"] {
            assert!(!admission.is_node(role.as_bytes()), "{role:?}");
        }
    }

    #[test]
    fn an_ordinary_address_is_taken_in_canonical_form() {
        let taken = admission(&[], &[], false).address("[::ffff:10.0.0.1]:7946");
        assert_eq!(taken, Ok("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn addresses_that_cannot_be_a_nodes_are_refused_with_the_reason() {
        let admission = admission(&[], &["10.0.0.66"], false);
        for (address, why) in [
            ("<nil>", "'<nil>' is not an IP address"),
            ("s1\n", r"'s1\n' is not an IP address"),
            ("0.0.0.0", "unspecified"),
            (
                "127.0.0.1",
                "loopback: 127.0.0.1 (--allow-loopback takes it)",
            ),
            ("[::1]:7946", "loopback"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "broadcast"),
            ("169.254.0.1", "link-local"),
            ("10.0.0.66", "denied"),
        ] {
            let refusal = refusal(&admission, address);
            assert!(refusal.contains(why), "{address}: {refusal}");
        }
    }

    #[test]
    fn loopback_is_taken_when_it_is_allowed_as_a_whole_or_by_its_network() {
        for admission in [
            admission(&[], &[], true),
            admission(&["127.0.42.0/24"], &[], false),
        ] {
            assert!(admission.address("127.0.42.101").is_ok());
        }
        let everything = admission(&["0.0.0.0/0"], &[], false);
        assert!(refusal(&everything, "127.0.42.101").contains("loopback"));
    }

    #[test]
    fn an_allow_list_refuses_everything_else() {
        let admission = admission(&["192.168.42.0/24", "fd77::/64"], &[], false);
        assert!(admission.address("192.168.42.11").is_ok());
        assert!(admission.address("fd77::11").is_ok());
        assert!(refusal(&admission, "192.168.43.11").contains("outside of --allow"));
    }

    #[test]
    fn a_balancers_address_is_taken_only_when_it_is_named_alone() {
        let address = "10.0.0.42".parse().unwrap();
        assert!(!admission(&["10.0.0.0/24"], &[], false).is_shared(address));
        assert!(admission(&["10.0.0.0/24", "10.0.0.42"], &[], false).is_shared(address));
    }

    #[test]
    fn a_denied_address_is_refused_even_where_it_is_allowed() {
        let admission = admission(&["10.0.0.66"], &["::ffff:10.0.0.66"], true);
        assert!(refusal(&admission, "10.0.0.66").contains("denied"));
    }
}
