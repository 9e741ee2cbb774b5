//! The files that nodes and templates make, before they are put in place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Context;
use exit::escape;
use haproxy_config::{Config, check_hash, fingerprint, hash_of, with_capacity, with_files};
use nodes::{Name, Node, Nodes, Refused};

use crate::context::Kept;
use crate::pairs::{Kind, Pair, STDOUT};
use crate::paths::as_recorded;
use crate::services::Services;
use crate::sources::Sources;
use crate::template::{Given, Template};
use crate::{PROGRAM, capacity, ids};

/// How many refused files, or nodes of other services, are reported by name, so that
/// a flood of them cannot fill the log.
const MAX_NAMED: usize = 10;
/// An address that no node has, since it is reserved for documentation (RFC 5737).
const EXAMPLE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// The id of such a node.
const EXAMPLES_ID: u32 = 1;

/// What the templates make: the configuration with its fingerprint, and the files beside it.
pub(crate) struct Candidate {
    /// The texts, in the order of the pairs.
    texts: Vec<String>,
    check_hash: Option<String>,
}

impl Candidate {
    /// Reads the nodes and the templates and renders each template for the nodes that it
    /// serves. `old` are the files that were made before, in the order of the pairs.
    pub(crate) fn make(
        nodes: &Path,
        pairs: &[Pair],
        given: &Given,
        old: &[Option<Vec<u8>>],
    ) -> anyhow::Result<Self> {
        let listing = Nodes::new(nodes).list();
        let listing = listing.context("read the nodes, which --nodes or NODES_DIR names")?;
        tell_refused(&listing.refused);
        let templates = read(pairs, given)?;
        let services = Services::of_all(templates.iter().map(|(_, it)| it.services()));
        let (served, others) = services.select(listing.nodes);
        tell_others(&others, &templates);
        let old = std::iter::zip(pairs, old).filter(|(pair, _)| pair.kind == Kind::Configuration);
        let old: Vec<Cow<'_, str>> = old.map(|(_, old)| text_of(old.as_deref())).collect();
        Self::render(&templates, served, &joined(&old), given)
    }

    fn render(
        templates: &[(&Pair, Template)],
        nodes: Vec<Node>,
        old: &str,
        given: &Given,
    ) -> anyhow::Result<Self> {
        let served = Served::new(templates, nodes, old)?;
        let mut texts = vec![String::new(); templates.len()];
        let of_kind = |kind| {
            let all = templates.iter().enumerate();
            all.filter(move |(_, (pair, _))| pair.kind == kind)
        };
        // These come first, since a configuration may name their digests.
        for (at, (pair, template)) in of_kind(Kind::Other) {
            texts[at] = served.render(template, given)?;
            given.made.add(&pair.output, &texts[at]);
        }
        let mut made = Vec::new();
        for (_, (_, template)) in of_kind(Kind::Configuration) {
            made.push(served.render(template, given)?);
        }
        if made.is_empty() {
            return Ok(Self {
                texts,
                check_hash: None,
            });
        }
        let others: Vec<(&Path, &str)> = of_kind(Kind::Other)
            .map(|(at, (pair, _))| (pair.output.as_path(), texts[at].as_str()))
            .collect();
        // What is printed is kept nowhere.
        let is_kept = templates
            .iter()
            .all(|(pair, _)| pair.output != Path::new(STDOUT));
        let capacity = served.capacity().filter(|_| is_kept);
        let examples = || {
            let served = served.with_examples(templates)?;
            let texts = of_kind(Kind::Configuration)
                .map(|(_, (_, template))| served.render(template, given).ok());
            Some(joined(&texts.collect::<Option<Vec<String>>>()?).into_owned())
        };
        let (made, check_hash) = marked(&made, &others, capacity, examples);
        for ((at, _), text) in of_kind(Kind::Configuration).zip(made) {
            texts[at] = text;
        }
        Ok(Self { texts, check_hash })
    }

    /// All texts, one after the other.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        joined(&self.texts)
    }

    /// The whole texts, in the order of the pairs. The configuration has its fingerprint.
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Equal for files of which HAProxy accepts either all or none. `None` if it has to
    /// check this one in any case.
    pub(crate) fn check_hash(&self) -> Option<&str> {
        self.check_hash.as_deref()
    }
}

/// Reads the templates. One of a map that says nothing of services serves what the
/// configurations of the run say that they serve.
fn read<'a>(pairs: &'a [Pair], given: &Given) -> anyhow::Result<Vec<(&'a Pair, Template)>> {
    let templates = pairs.iter().map(|pair| {
        let sources = Sources::read(&pair.template)?;
        let is_printed = pair.output == Path::new(STDOUT);
        if pair.kind == Kind::Configuration && !is_printed {
            sources.refuse_cut_off()?;
        }
        Ok((pair, Template::parse(sources, &given.made)?))
    });
    let mut templates = templates.collect::<anyhow::Result<Vec<_>>>()?;
    let said = templates
        .iter()
        .filter(|(pair, it)| pair.kind == Kind::Configuration && it.declares_services());
    let said: Vec<Services> = said.map(|(_, it)| it.services().clone()).collect();
    if !said.is_empty() {
        let said = Services::of_all(said.iter());
        let others = templates
            .iter_mut()
            .filter(|(pair, _)| pair.kind == Kind::Other);
        for (_, template) in others {
            template.serve(&said);
        }
    }
    Ok(templates)
}

/// Puts the fingerprint into the configuration, with what else is kept there, and says what
/// its check depends on.
fn marked(
    texts: &[String],
    others: &[(&Path, &str)],
    capacity: Option<usize>,
    examples: impl FnOnce() -> Option<String>,
) -> (Vec<String>, Option<String>) {
    let whole = joined(texts);
    let config = Config::parse(&whole);
    let examples = if config.has_empty_section() {
        examples()
    } else {
        None
    };
    let examples = examples.as_deref().map(Config::parse);
    let print = fingerprint(&config, examples.as_ref()).to_string();
    let check_hash = check_hash(&config).map(|hash| match others {
        [] => hash,
        others => format!("{hash} {}", hash_of_all(others)),
    });
    let mut made = match texts {
        [_] => vec![config.with_fingerprint(&print)],
        texts => with_fingerprint(texts, &print),
    };
    let place = made.iter().position(|text| text.contains(&print));
    let first = &mut made[place.unwrap_or(0)];
    if let Some(capacity) = capacity {
        *first = with_capacity(first, capacity);
    }
    if !others.is_empty() {
        let paths: Vec<String> = others.iter().map(|(path, _)| as_recorded(path)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        *first = with_files(first, &paths);
    }
    (made, check_hash)
}

/// The texts of which the first one that can has the fingerprint.
fn with_fingerprint(texts: &[String], print: &str) -> Vec<String> {
    let mut is_placed = false;
    let texts = texts.iter().map(|text| {
        if is_placed {
            return text.clone();
        }
        let with = Config::parse(text).with_fingerprint(print);
        is_placed = with.contains(print);
        with
    });
    texts.collect()
}

fn hash_of_all(files: &[(&Path, &str)]) -> String {
    let parts = files
        .iter()
        .flat_map(|(path, text)| [path.as_os_str().as_encoded_bytes(), text.as_bytes()]);
    let hashes: Vec<String> = parts.map(hash_of).collect();
    hash_of(hashes.concat().as_bytes())
}

/// The texts as HAProxy reads them: one after the other.
fn joined<T: AsRef<str>>(texts: &[T]) -> Cow<'_, str> {
    match texts {
        [one] => Cow::Borrowed(one.as_ref()),
        texts => texts.iter().map(AsRef::as_ref).collect(),
    }
}

fn text_of(bytes: Option<&[u8]>) -> Cow<'_, str> {
    let bytes = bytes.unwrap_or_default();
    // Of most files it is known faster that they are UTF-8 than how to mend them.
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// The nodes that the templates serve, with what they see beside the nodes themselves.
struct Served {
    services: Services,
    nodes: Vec<Node>,
    kept: Kept,
}

impl Served {
    fn new(templates: &[(&Pair, Template)], nodes: Vec<Node>, old: &str) -> anyhow::Result<Self> {
        let names = |name| templates.iter().any(|(_, template)| template.names(name));
        let ids = if names("id") {
            let texts: Vec<&str> = templates.iter().map(|(_, it)| it.text()).collect();
            ids::ids(&nodes, old, &joined(&texts))
                .context("give each node an id: there are too many")?
        } else {
            Vec::new()
        };
        let kept = Kept {
            capacity: names("capacity").then(|| capacity::capacity(nodes.len(), old)),
            ids,
        };
        Ok(Self {
            services: Services::of_all(templates.iter().map(|(_, it)| it.services())),
            nodes,
            kept,
        })
    }

    fn capacity(&self) -> Option<usize> {
        self.kept.capacity
    }

    /// What the template makes of those that it serves.
    fn render(&self, template: &Template, given: &Given) -> anyhow::Result<String> {
        if *template.services() == self.services {
            return template.render(&self.nodes, &self.kept, given);
        }
        let (nodes, _) = template.services().select(self.nodes.clone());
        let names = self.nodes.iter().map(|node| &node.name);
        let ids: HashMap<&Name, u32> = names.zip(self.kept.ids.iter().copied()).collect();
        let ids = nodes.iter().filter_map(|node| ids.get(&node.name).copied());
        let kept = Kept {
            ids: ids.collect(),
            ..self.kept
        };
        template.render(&nodes, &kept, given)
    }

    /// The same with a node for each service that has none; `None` if there is no such
    /// service. It shows the options that the first node's line will have, so that the
    /// fingerprint can count them before that node joins, and does not change when it does.
    fn with_examples(&self, templates: &[(&Pair, Template)]) -> Option<Self> {
        let examples = self.services.without_node(&self.nodes);
        let examples = examples.into_iter().filter_map(example);
        let nodes: Vec<Node> = self.nodes.iter().cloned().chain(examples).collect();
        if nodes.len() == self.nodes.len() {
            return None;
        }
        let mut ids = self.kept.ids.clone();
        if templates.iter().any(|(_, template)| template.names("id")) {
            ids.resize(nodes.len(), EXAMPLES_ID);
        }
        Some(Self {
            services: self.services.clone(),
            nodes,
            kept: Kept { ids, ..self.kept },
        })
    }
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

fn tell_others(others: &[Node], templates: &[(&Pair, Template)]) {
    let has_use = templates.iter().any(|(_, template)| template.uses_nodes());
    if others.is_empty() || !has_use {
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
    let what = match templates {
        [(_, template)] => format!("{} does not serve", template.path().display()),
        _ => "none of the templates serves".to_owned(),
    };
    exit::say(
        PROGRAM,
        format_args!(
            "left out nodes of services that {what}: {named}; the comment {{# services: NAME ... #}} \
             says which it serves"
        ),
    );
}

#[cfg(test)]
mod tests;
