//! The configuration that nodes and template make, before it is put in place.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Context;
use exit::escape;
use nodes::{Name, Node, Nodes, Refused};

use crate::context::Kept;
use crate::services::Services;
use crate::template::Template;
use crate::variables::Variable;
use crate::{PROGRAM, capacity, ids};
use haproxy_config::{Config, check_hash, fingerprint, with_capacity};

/// How many refused files, or nodes of other services, are reported by name, so that
/// a flood of them cannot fill the log.
const MAX_NAMED: usize = 10;
/// An address that no node has, since it is reserved for documentation (RFC 5737).
const EXAMPLE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// The id of such a node.
const EXAMPLES_ID: u32 = 1;

/// A rendered configuration with its fingerprint.
pub(crate) struct Candidate {
    text: String,
    check_hash: Option<String>,
}

impl Candidate {
    /// Reads the nodes and the template and renders the template for the nodes that it
    /// serves. `old` is the file that was made before, if there is one.
    pub(crate) fn make(
        nodes: &Path,
        template: &Path,
        variables: &[Variable],
        old: Option<&[u8]>,
    ) -> anyhow::Result<Self> {
        let listing = Nodes::new(nodes).list()?;
        tell_refused(&listing.refused);
        let template = Template::read(template, variables)?;
        let (served, others) = template.services().select(listing.nodes);
        tell_others(&others, template.path());
        let old = old.unwrap_or_default();
        // Of most files it is known faster that they are UTF-8 than how to mend them.
        let old = str::from_utf8(old).map_or_else(|_| String::from_utf8_lossy(old), Cow::Borrowed);
        Self::render(&template, &served, &old)
    }

    fn render(template: &Template, nodes: &[Node], old: &str) -> anyhow::Result<Self> {
        let kept = kept(template, nodes, old)?;
        let capacity = kept.capacity;
        let text = template.render(nodes, &kept)?;
        let config = Config::parse(&text);
        let with_examples = if config.has_empty_section() {
            render_examples(template, nodes, kept)
        } else {
            None
        };
        let examples = with_examples.as_deref().map(Config::parse);
        let print = fingerprint(&config, examples.as_ref());
        let check_hash = check_hash(&config);
        let mut text = config.with_fingerprint(&print.to_string());
        if let Some(capacity) = capacity {
            text = with_capacity(&text, capacity);
        }
        Ok(Self { text, check_hash })
    }

    /// The whole text, with its fingerprint.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Equal for files of which HAProxy accepts either all or none. `None` if it has to
    /// check this one in any case.
    pub(crate) fn check_hash(&self) -> Option<&str> {
        self.check_hash.as_deref()
    }
}

/// What the template sees beside the nodes themselves.
fn kept(template: &Template, nodes: &[Node], old: &str) -> anyhow::Result<Kept> {
    let capacity = template.names("capacity");
    let ids = if template.names("id") {
        ids::ids(nodes, old, template.text()).context("give each node an id: there are too many")?
    } else {
        Vec::new()
    };
    Ok(Kept {
        capacity: capacity.then(|| capacity::capacity(nodes.len(), old)),
        ids,
    })
}

/// What the file would be if each service without a node had one. It shows the options
/// that the first node's line will have, so that the fingerprint can count them
/// before that node joins, and does not change when it does.
fn render_examples(template: &Template, nodes: &[Node], mut kept: Kept) -> Option<String> {
    let examples = template.services().without_node(nodes);
    let examples = examples.into_iter().filter_map(example);
    let all: Vec<Node> = nodes.iter().cloned().chain(examples).collect();
    if all.len() == nodes.len() {
        return None;
    }
    if template.names("id") {
        kept.ids.resize(all.len(), EXAMPLES_ID);
    }
    template.render(&all, &kept).ok()
}

fn example(service: Option<Name>) -> Option<Node> {
    Some(Node {
        name: Name::parse("example").ok()?,
        ip: EXAMPLE,
        port: None,
        weight: None,
        service,
        tags: std::collections::BTreeMap::new(),
    })
}

fn tell_refused(refused: &[Refused]) {
    for file in refused.iter().take(MAX_NAMED) {
        let path = file.path.as_os_str().as_encoded_bytes();
        let line = format!("left out {}: {}", escape(path), file.why);
        exit::say(PROGRAM, line);
    }
    if refused.len() > MAX_NAMED {
        let more = refused.len() - MAX_NAMED;
        exit::say(PROGRAM, format_args!("left out {more} more such files"));
    }
}

fn tell_others(others: &[Node], template: &Path) {
    if others.is_empty() {
        return;
    }
    let mut named: Vec<String> = others
        .iter()
        .take(MAX_NAMED)
        .map(|node| format!("{} ({})", node.name, Services::name_of(node)))
        .collect();
    if others.len() > MAX_NAMED {
        named.push(format!("{} more", others.len() - MAX_NAMED));
    }
    let named = named.join(", ");
    let template = template.display();
    exit::say(
        PROGRAM,
        format_args!("left out nodes of services that {template} does not serve: {named}"),
    );
}

#[cfg(test)]
mod tests;
