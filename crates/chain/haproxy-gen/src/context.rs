//! The variables that a template sees.

use std::collections::BTreeMap;
use std::iter;
use std::net::IpAddr;

use nodes::{DEFAULT_PORT, Name, Node};
use serde::Serialize;
use tera::{Context, Value};

/// The weight of a node whose file names none. HAProxy takes 0 to 256, so this leaves
/// room for lighter and for heavier nodes.
const DEFAULT_WEIGHT: u16 = 100;
/// The name of the variable in which Tera shows all others.
const EVERYTHING: &str = "__tera_context";

/// What is said of the nodes beside their own files: it depends on the configuration
/// that was made before. What the template does not name is not there.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// See [`crate::capacity`].
    pub(crate) capacity: Option<usize>,
    /// See [`crate::ids`]: one for each node, or none at all.
    pub(crate) ids: Vec<u32>,
}

/// An element of `nodes`. A template that prints it as a whole shows the fields in
/// this order.
#[derive(Serialize)]
struct Fields<'a> {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    ip: IpAddr,
    name: &'a str,
    port: u16,
    service: &'a str,
    tags: &'a BTreeMap<String, String>,
    weight: u16,
}

/// An element of `addresses`.
#[derive(Serialize)]
struct Address<'a> {
    host: &'a str,
    ip: IpAddr,
}

/// Whether the template can see a variable or a field of this name: it stands there as
/// a word, or all variables do.
pub(crate) fn is_named(name: &str, template: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = template.as_bytes();
    let is_word = |(start, _): (usize, &str)| {
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(start + name.len());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    };
    template.match_indices(name).any(is_word) || template.contains(EVERYTHING)
}

/// The lists `nodes` and `addresses`, and what was `kept` for them; the latter list is
/// the one of the lab's templates. To save the time of making it, a list whose name is
/// not in the template is empty.
pub(crate) fn context(nodes: &[Node], kept: &Kept, template: &str) -> Context {
    let named = |list: &str| {
        let is_named = is_named(list, template);
        nodes.iter().take(if is_named { nodes.len() } else { 0 })
    };
    let mut context = Context::new();
    if let Some(capacity) = kept.capacity {
        context.insert("capacity", &capacity);
    }
    let ids = kept
        .ids
        .iter()
        .map(|id| Some(*id))
        .chain(iter::repeat(None));
    let elements = iter::zip(named("nodes"), ids).map(|(node, id)| fields(node, id));
    context.insert("nodes", &elements.collect::<Vec<_>>());
    context.insert(
        "addresses",
        &named("addresses").map(address).collect::<Vec<_>>(),
    );
    context
}

fn fields(node: &Node, id: Option<u32>) -> Fields<'_> {
    let port = node.port.unwrap_or(DEFAULT_PORT);
    Fields {
        address: with_port(node.ip, port),
        id,
        ip: node.ip,
        name: node.name.as_str(),
        port,
        service: node.service.as_ref().map_or("", Name::as_str),
        tags: &node.tags,
        weight: node.weight.unwrap_or(DEFAULT_WEIGHT),
    }
}

fn address(node: &Node) -> Address<'_> {
    Address {
        host: node.name.as_str(),
        ip: node.ip,
    }
}

/// Formats an address and a port as `SocketAddr` does, in a tenth of the time:
/// Serde writes an address without `std::fmt`.
fn with_port(ip: IpAddr, port: u16) -> String {
    let text = Value::from_serializable(&ip);
    let text = text.as_str().unwrap_or_default();
    let port = port.to_string();
    match ip {
        IpAddr::V4(_) => [text, ":", &port].concat(),
        IpAddr::V6(_) => ["[", text, "]:", &port].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::SocketAddr;

    fn first(line: &str) -> Value {
        let name = Name::parse(line.split(' ').next().unwrap()).unwrap();
        let nodes = [Node::parse(&name, line).unwrap()];
        let context = context(&nodes, &Kept::default(), "nodes");
        context.get("nodes").unwrap().as_array().unwrap()[0].clone()
    }

    fn text(node: &Value, path: &str) -> String {
        node.get_from_path(path).unwrap().to_string()
    }

    #[test]
    fn a_node_that_says_nothing_has_the_defaults() {
        let node = first("s1 10.0.0.1");
        let fields = ["name", "address", "ip", "port", "weight", "service"];
        let values = fields.map(|field| text(&node, field));
        assert_eq!(
            values,
            ["s1", "10.0.0.1:3000", "10.0.0.1", "3000", "100", ""]
        );
    }

    #[test]
    fn what_a_node_says_is_seen() {
        let node = first("s1 10.0.0.1 port=81 weight=0 service=web zone=b");
        let fields = ["address", "port", "weight", "service", "tags.zone"];
        let values = fields.map(|field| text(&node, field));
        assert_eq!(values, ["10.0.0.1:81", "81", "0", "web", "b"]);
    }

    #[test]
    fn an_ipv6_address_has_brackets_where_a_port_follows() {
        let node = first("s1 2001:db8::1 port=81");
        assert_eq!(text(&node, "address"), "[2001:db8::1]:81");
        assert_eq!(text(&node, "ip"), "2001:db8::1");
    }

    proptest! {
        #[test]
        fn an_address_with_its_port_is_what_haproxy_reads(ip: IpAddr, port: u16) {
            prop_assert_eq!(with_port(ip, port), SocketAddr::new(ip, port).to_string());
        }
    }

    #[test]
    fn a_list_that_the_template_does_not_name_is_left_empty() {
        let node = [Node::parse(&Name::parse("s1").unwrap(), "s1 10.0.0.1").unwrap()];
        let lengths = |template| {
            let context = context(&node, &Kept::default(), template);
            ["nodes", "addresses"].map(|list| context.get(list).unwrap().len().unwrap())
        };
        assert_eq!(lengths("{% for n in nodes %}{% endfor %}"), [1, 0]);
        assert_eq!(lengths("{{ addresses }}"), [0, 1]);
        assert_eq!(lengths("{{ __tera_context }}"), [1, 1]);
        assert_eq!(lengths(""), [0, 0]);
    }

    #[test]
    fn a_name_is_seen_as_a_word_or_with_all_others() {
        for template in [
            "{{n.id}}",
            "{{ n[\"id\"] }}",
            "{{-n.id-}}",
            "{{ __tera_context }}",
        ] {
            assert!(is_named("id", template), "{template}");
        }
        for template in [
            "",
            "option idle-close-on-response",
            "{{ n.ids }} {{ n.id_ }}",
        ] {
            assert!(!is_named("id", template), "{template}");
        }
    }

    #[test]
    fn the_labs_own_list_is_there_too() {
        let node = Node::parse(&Name::parse("s1").unwrap(), "s1 10.0.0.1").unwrap();
        let context = context(&[node], &Kept::default(), "addresses");
        let addresses = context.get("addresses").unwrap().as_array().unwrap();
        assert_eq!(text(&addresses[0], "host"), "s1");
        assert_eq!(text(&addresses[0], "ip"), "10.0.0.1");
    }
}
