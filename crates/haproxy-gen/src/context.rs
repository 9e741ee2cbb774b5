//! What a template sees of the nodes.

use std::net::SocketAddr;

use chain::nodes::{Name, Node};
use tera::{Context, Map, Value};

/// The port of a node that says none: the lab's web application listens there.
const DEFAULT_PORT: u16 = 3000;
/// The weight of a node that says none: less and more are possible.
const DEFAULT_WEIGHT: u16 = 100;

/// `nodes`, and the lab's own list of `addresses`.
pub(crate) fn context(nodes: &[Node]) -> Context {
    let mut context = Context::new();
    context.insert_value("nodes", nodes.iter().map(node).collect::<Vec<_>>().into());
    context.insert_value(
        "addresses",
        nodes.iter().map(address).collect::<Vec<_>>().into(),
    );
    context
}

fn node(node: &Node) -> Value {
    let port = node.port.unwrap_or(DEFAULT_PORT);
    map([
        ("name", node.name.as_str().into()),
        ("address", SocketAddr::new(node.ip, port).to_string().into()),
        ("ip", node.ip.to_string().into()),
        ("port", port.into()),
        ("weight", node.weight.unwrap_or(DEFAULT_WEIGHT).into()),
        (
            "service",
            node.service.as_ref().map_or("", Name::as_str).into(),
        ),
        ("tags", tags(node)),
    ])
}

fn address(node: &Node) -> Value {
    map([
        ("host", node.name.as_str().into()),
        ("ip", node.ip.to_string().into()),
    ])
}

fn tags(node: &Node) -> Value {
    let tag = |(key, value): (&String, &String)| (key.clone().into(), value.as_str().into());
    node.tags.iter().map(tag).collect::<Map>().into()
}

fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let field = |(key, value): (&'static str, Value)| (key.into(), value);
    fields.into_iter().map(field).collect::<Map>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(line: &str) -> Value {
        let name = Name::parse(line.split(' ').next().unwrap()).unwrap();
        let context = context(&[Node::parse(&name, line).unwrap()]);
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

    #[test]
    fn the_labs_own_list_is_there_too() {
        let node = Node::parse(&Name::parse("s1").unwrap(), "s1 10.0.0.1").unwrap();
        let context = context(&[node]);
        let addresses = context.get("addresses").unwrap().as_array().unwrap();
        assert_eq!(text(&addresses[0], "host"), "s1");
        assert_eq!(text(&addresses[0], "ip"), "10.0.0.1");
    }
}
