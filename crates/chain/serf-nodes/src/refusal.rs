//! Members that want to be nodes and are not taken, with the reasons.

use exit::escape;

use crate::address;

/// Why a member is refused. All of it is shown as it is here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    /// The message, by which refusals are sorted.
    text: String,
    /// The name that it gives itself.
    pub(crate) name: String,
    /// The address that it gives itself.
    pub(crate) address: String,
    pub(crate) why: String,
}

impl Refusal {
    /// Of a member whose name can be a node's.
    pub(crate) fn of(name: &str, address: &[u8], why: String) -> Self {
        Self {
            text: format!("refused {name}: {why}"),
            name: name.to_owned(),
            address: shown(address),
            why,
        }
    }

    /// Of a member whose name cannot be a node's, which the reason says.
    pub(crate) fn nameless(name: &[u8], address: &[u8], why: String) -> Self {
        Self {
            text: format!("refused a member: {why}"),
            name: escape(name).to_string(),
            address: shown(address),
            why,
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// The address alone, without the port of Serf's that may stand behind it.
fn shown(address: &[u8]) -> String {
    let ip = std::str::from_utf8(address).ok().and_then(address::parse);
    ip.map_or_else(|| escape(address).to_string(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_its_parts_and_its_message() {
        let refusal = Refusal::of("s1", b"[fd77::1]:7946", "the port '0'".to_string());
        assert_eq!(refusal.text(), "refused s1: the port '0'");
        let parts = (refusal.name.as_str(), refusal.address.as_str());
        assert_eq!(parts, ("s1", "fd77::1"));
        assert_eq!(refusal.why, "the port '0'");
    }

    #[test]
    fn what_a_hostile_member_calls_itself_is_shown_escaped() {
        let refusal = Refusal::nameless(b"a\n\xff\x1b[2J", b"<\t>", "the name".to_string());
        assert_eq!(refusal.text(), "refused a member: the name");
        assert_eq!(refusal.name, r"a\n\xff\x1b[2J");
        assert_eq!(refusal.address, r"<\t>");
    }
}
