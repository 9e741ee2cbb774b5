//! The page as HTML: whole, and in the parts of it that change.
//!
//! Each part is made once, by a small template, and stands in the whole page as it is: what a
//! browser is sent later is what it would have been served. The templates' names end in
//! `.html`, so Tera escapes all that it puts into them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::Context as _;
use serde::Serialize;
use tera::{Context, Tera};

use crate::view::{Level, NodeState, NodeView, View};

mod trace;

/// The style sheet, served at `/page.css`.
pub(crate) const CSS: &str = include_str!("../assets/page.css");

/// The script, served at `/page.js`.
pub(crate) const JS: &str = include_str!("../assets/page.js");

/// The icon, served at `/icon.svg`.
pub(crate) const ICON: &str = include_str!("../assets/icon.svg");

/// The whole page around the parts.
const PAGE: (&str, &str) = ("page.html", include_str!("../assets/page.html"));

/// The templates of the parts.
const FRAGMENTS: [(&str, &str); 12] = [
    ("title.html", include_str!("../assets/fragments/title.html")),
    ("build.html", include_str!("../assets/fragments/build.html")),
    (
        "sentence.html",
        include_str!("../assets/fragments/sentence.html"),
    ),
    ("stage.html", include_str!("../assets/fragments/stage.html")),
    ("scale.html", include_str!("../assets/fragments/scale.html")),
    (
        "counts.html",
        include_str!("../assets/fragments/counts.html"),
    ),
    ("list.html", include_str!("../assets/fragments/list.html")),
    ("tile.html", include_str!("../assets/fragments/tile.html")),
    (
        "square.html",
        include_str!("../assets/fragments/square.html"),
    ),
    ("event.html", include_str!("../assets/fragments/event.html")),
    (
        "service.html",
        include_str!("../assets/fragments/service.html"),
    ),
    (
        "balancer.html",
        include_str!("../assets/fragments/balancer.html"),
    ),
];

/// The most nodes in trouble that have a tile above the squares.
const WORST: usize = 24;

/// What the page is made of, by the ids of the elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fragments {
    /// Each element's id and its HTML. Of an element that is a list this is the opening tag
    /// alone: its children are parts of their own.
    pub(crate) parts: Vec<(String, String)>,
    /// Each list's id, and the ids of its children in their order.
    pub(crate) lists: Vec<(String, Vec<String>)>,
}

/// Makes HTML of a view.
pub(crate) struct Renderer {
    tera: Tera,
    /// Another one than the browser has: its script and style are of another version.
    build: String,
}

impl Renderer {
    /// Reads the templates that are built in.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut tera = Tera::new();
        tera.add_raw_templates(FRAGMENTS.into_iter().chain([PAGE]))
            .context("cannot read the page's own templates")?;
        let mut build = DefaultHasher::new();
        (CSS, JS, PAGE, FRAGMENTS).hash(&mut build);
        let build = format!("{:016x}", build.finish());
        Ok(Self { tera, build })
    }

    /// The whole page. `version` is what `/live?from=` is asked for.
    pub(crate) fn page(&self, view: &View, version: &str) -> anyhow::Result<String> {
        let fragments = self.fragments(view)?;
        let mut parts: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, html) in &fragments.parts {
            parts.insert(id, html);
        }
        let mut lists: BTreeMap<&str, String> = BTreeMap::new();
        for (id, children) in &fragments.lists {
            let children = children.iter().filter_map(|id| parts.get(id.as_str()));
            lists.insert(id, children.copied().collect());
        }
        parts.retain(|id, _| !id.contains('-'));
        let mut context = Context::new();
        context.insert("version", version);
        context.insert("name", &view.name);
        context.insert("as_of", &view.as_of);
        context.insert("part", &parts);
        context.insert("list", &lists);
        self.render("page.html", &context)
    }

    /// The parts of the page.
    pub(crate) fn fragments(&self, view: &View) -> anyhow::Result<Fragments> {
        let mut made = Fragments::default();
        self.head(view, &mut made)?;
        self.nodes(view, &mut made)?;
        self.rest(view, &mut made)?;
        Ok(made)
    }

    /// The title, the sentence and the chain.
    fn head(&self, view: &View, made: &mut Fragments) -> anyhow::Result<()> {
        let mut context = Context::new();
        context.insert("build", &self.build);
        context.insert("name", &view.name);
        context.insert("sentence", &view.sentence);
        context.insert("word", level_word(view.sentence.level));
        for id in ["build", "title", "sentence"] {
            made.add(id, self.render(&format!("{id}.html"), &context)?);
        }
        let mut boxes = Vec::new();
        for stage in &view.chain {
            let id = element("box", stage.id);
            made.add(&id, self.one("stage.html", &id, stage)?);
            boxes.push(id);
        }
        made.lists.push(("chain".to_owned(), boxes));
        Ok(())
    }

    /// The nodes, as tiles or as squares with the worst as tiles above them.
    fn nodes(&self, view: &View, made: &mut Fragments) -> anyhow::Result<()> {
        let mut context = Context::new();
        context.insert("counts", &counts(view));
        made.add("counts", self.render("counts.html", &context)?);

        let scale = trace::Scale::of(&view.nodes);
        let mut context = Context::new();
        context.insert("rates", &scale.rates);
        context.insert("checks", &scale.checks);
        made.add("scale", self.render("scale.html", &context)?);
        let tile = |prefix: &str, node: &NodeView| {
            let id = element(prefix, &node.name);
            let mut context = Context::new();
            context.insert("id", &id);
            context.insert("node", node);
            context.insert("sign", sign_of(node));
            context.insert("rates", &scale.rates(node));
            context.insert("checks", &scale.checks(node));
            Ok((id, self.render("tile.html", &context)?))
        };
        let worst = view.nodes.iter().filter(|node| is_worst(view, node));
        let worst = worst.take(WORST).map(|node| tile("worst", node));
        let worst = worst.collect::<anyhow::Result<Vec<_>>>()?;
        self.list(made, "worst", "tiles", worst)?;

        let layout = if view.squares { "squares" } else { "tiles" };
        let nodes = view.nodes.iter().map(|node| {
            if !view.squares {
                return tile("node", node);
            }
            let id = element("node", &node.name);
            let html = self.one("square.html", &id, node)?;
            Ok((id, html))
        });
        let nodes = nodes.collect::<anyhow::Result<Vec<_>>>()?;
        self.list(made, "nodes", layout, nodes)
    }

    /// What happened, the services and the other balancers.
    fn rest(&self, view: &View, made: &mut Fragments) -> anyhow::Result<()> {
        let events = view.events.iter().map(|event| {
            let id = element("event", &event.key);
            let mut context = Context::new();
            context.insert("id", &id);
            context.insert("it", event);
            context.insert("sign", event_sign(event.kind));
            let html = self.render("event.html", &context)?;
            Ok((id, html))
        });
        let events = events.collect::<anyhow::Result<Vec<_>>>()?;
        self.list(made, "events", "", events)?;

        let services = view.services.iter().map(|service| {
            let id = element("service", &service.name);
            let html = self.one("service.html", &id, service)?;
            Ok((id, html))
        });
        let services = services.collect::<anyhow::Result<Vec<_>>>()?;
        self.list(made, "services", "", services)?;

        let balancers = view.balancers.iter().map(|balancer| {
            let id = element("balancer", &balancer.name);
            let html = self.one("balancer.html", &id, balancer)?;
            Ok((id, html))
        });
        let balancers = balancers.collect::<anyhow::Result<Vec<_>>>()?;
        self.list(made, "balancers", "", balancers)
    }

    /// A list: its opening tag, its children, and their order.
    fn list(
        &self,
        made: &mut Fragments,
        id: &str,
        layout: &str,
        children: Vec<(String, String)>,
    ) -> anyhow::Result<()> {
        let mut context = Context::new();
        context.insert("id", id);
        context.insert("layout", layout);
        context.insert("is_empty", &children.is_empty());
        made.add(id, self.render("list.html", &context)?);
        let ids = children.iter().map(|(id, _)| id.clone()).collect();
        made.lists.push((id.to_owned(), ids));
        made.parts.extend(children);
        Ok(())
    }

    /// One thing, which its template calls `it`.
    fn one(&self, template: &str, id: &str, it: &impl Serialize) -> anyhow::Result<String> {
        let mut context = Context::new();
        context.insert("id", id);
        context.insert("it", it);
        self.render(template, &context)
    }

    fn render(&self, template: &str, context: &Context) -> anyhow::Result<String> {
        let html = self.tera.render(template, context);
        let mut html = html.with_context(|| format!("cannot make the page's {template}"))?;
        html.truncate(html.trim_end().len());
        Ok(html)
    }
}

impl Fragments {
    fn add(&mut self, id: &str, html: String) {
        self.parts.push((id.to_owned(), html));
    }
}

/// The id of an element. What a name may not have (that of a refused member can be anything)
/// is written as `:` and its bytes in hexadecimal digits, so that no two names share an id.
fn element(prefix: &str, name: &str) -> String {
    let mut id = format!("{prefix}-");
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                id.push(char::from(byte));
            }
            _ => {
                // Writing into a String cannot fail.
                let _ = write!(id, ":{byte:02x}");
            }
        }
    }
    id
}

/// Whether the node has a tile above the squares.
fn is_worst(view: &View, node: &NodeView) -> bool {
    view.squares && matches!(node.level, Level::Warn | Level::Bad)
}

/// How many nodes are in a state, in words.
#[derive(Serialize)]
struct Count {
    state: NodeState,
    level: Level,
    sign: &'static str,
    many: usize,
    words: &'static str,
}

fn counts(view: &View) -> Vec<Count> {
    // Those that serve first, then the worst first.
    let serves = view.counts.get_key_value(&NodeState::Serves);
    let others = view.counts.iter();
    let others = others.filter(|(state, _)| **state != NodeState::Serves);
    let counts = serves.into_iter().chain(others).map(|(&state, &many)| {
        let first = view.nodes.iter().find(|node| node.state == state);
        Count {
            state,
            level: first.map_or(Level::Quiet, |node| node.level),
            sign: first.map_or("quiet", sign_of),
            many,
            words: state_words(state, many),
        }
    });
    counts.collect()
}

/// What stands before the sentence.
fn level_word(level: Level) -> &'static str {
    match level {
        Level::Well => "All well",
        Level::Warn => "Worth a look",
        Level::Bad => "Not well",
        Level::Quiet => "Quiet",
    }
}

/// The sign of a node's state: `sign-` and this is a symbol of the page's.
fn sign_of(node: &NodeView) -> &'static str {
    match (node.state, node.level) {
        (NodeState::Refused, _) => "minus",
        (NodeState::New, _) => "plus",
        (NodeState::Died, _) => "cross",
        (_, Level::Well) => "well",
        (_, Level::Warn) => "warn",
        (_, Level::Bad) => "bad",
        (_, Level::Quiet) => "quiet",
    }
}

/// The sign of what happened.
fn event_sign(kind: &str) -> &'static str {
    match kind {
        "joined" => "plus",
        "back" | "mended" => "well",
        "left" => "quiet",
        "died" => "cross",
        "lost" => "warn",
        "held" | "failed" => "bad",
        "refused" => "minus",
        "reload" => "loop",
        _ => "arrow",
    }
}

/// The state of so many nodes, behind their number.
fn state_words(state: NodeState, many: usize) -> &'static str {
    match (state, many) {
        (NodeState::Held, _) => "held",
        (NodeState::Lost, _) => "lost",
        (NodeState::Silent, 1) => "does not answer",
        (NodeState::Silent, _) => "do not answer",
        (NodeState::Unknown, _) => "unknown",
        (NodeState::Refused, _) => "refused",
        (NodeState::New, _) => "new",
        (NodeState::Drains, 1) => "drains",
        (NodeState::Drains, _) => "drain",
        (NodeState::Died, _) => "died",
        (NodeState::Left, _) => "left",
        (NodeState::Serves, 1) => "serves",
        (NodeState::Serves, _) => "serve",
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
