//! A case: what the nodes and the template are at each step. It is whole before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::sites::{SITES, Sites};

/// A template for haproxy-gen, as parts that can be changed one by one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    pub(crate) sections: Vec<Section>,
    /// Whether its lines end as on Windows.
    pub(crate) crlf: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    pub(crate) header: String,
    pub(crate) items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// One line, or several that belong together.
    Line(String),
    /// `default-server` and its words.
    Default(Vec<String>),
    /// A fixed server: name and address, and its words.
    Server(String, Vec<String>),
    /// A server for each node.
    Loop(Loop),
}

/// The servers of the nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loop {
    pub(crate) words: Vec<String>,
    /// The role of those that it lists, if not of all.
    pub(crate) role: Option<&'static str>,
    pub(crate) style: Style,
}

/// How a loop is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    /// Without any blank line in what it makes.
    Tight,
    /// As everybody writes it, with `for` and `endfor` on lines of their own.
    Wide,
    /// With a comment before each server.
    Commented,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) site: u8,
    pub(crate) weight: Option<u16>,
    pub(crate) role: &'static str,
    pub(crate) id: u32,
}

/// What a step does, besides leaving new files behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Start,
    Join,
    Leave,
    Move,
    Weight,
    Role,
    Template,
    Agent,
    ReloadByHand,
    ByHand,
    Several,
    Nothing,
}

/// All input of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) act: Act,
    pub(crate) template: Template,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) words: [&'static str; SITES as usize],
    /// What a person tells HAProxy before the programs run.
    pub(crate) by_hand: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    /// The first one is what HAProxy is started with.
    pub(crate) states: Vec<State>,
    /// What makes it another case than that of our own template.
    pub(crate) labels: BTreeSet<&'static str>,
}

impl Case {
    /// Its input up to a step. What is as it was before is not said again.
    pub(crate) fn story(&self, last: usize) -> String {
        let mut story = String::new();
        let mut before: Option<&State> = None;
        for state in self.states.iter().take(last + 1) {
            let _ = writeln!(story, "== {:?} {:?}", state.act, state.by_hand);
            if before.is_none_or(|before| before.template != state.template) {
                let _ = writeln!(story, "{}", state.template.text());
            }
            for (name, node) in &state.nodes {
                if before.is_none_or(|before| before.nodes.get(name) != Some(node)) {
                    let _ = writeln!(
                        story,
                        "{name}: {node:?} agent {:?}",
                        state.words[usize::from(node.site)]
                    );
                }
            }
            for name in before.iter().flat_map(|before| before.nodes.keys()) {
                if !state.nodes.contains_key(name) {
                    let _ = writeln!(story, "{name} is gone");
                }
            }
            if before.is_some_and(|before| before.words != state.words) {
                let _ = writeln!(story, "agents: {:?}", state.words);
            }
            before = Some(state);
        }
        story
    }
}

impl State {
    /// The files of /nodes.
    pub(crate) fn files(&self, sites: &Sites) -> BTreeMap<String, String> {
        let line = |(name, node): (&String, &Node)| {
            let ip = sites.at(node.site);
            let weight = node.weight.map(|weight| format!(" weight={weight}"));
            let (id, role) = (node.id, node.role);
            let weight = weight.unwrap_or_default();
            let line = format!("{name} {ip}{weight} id={id} role={role}\n");
            (name.clone(), line)
        };
        self.nodes.iter().map(line).collect()
    }
}

impl Template {
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            let _ = writeln!(text, "{}", section.header);
            for item in &section.items {
                item.write(&mut text);
            }
        }
        if self.crlf {
            text = text.replace('\n', "\r\n");
        }
        text
    }
}

impl Item {
    fn write(&self, text: &mut String) {
        let _ = match self {
            Self::Line(line) => writeln!(text, "    {}", line.replace('\n', "\n    ")),
            Self::Default(words) => writeln!(text, "    default-server {}", words.join(" ")),
            Self::Server(name, words) => writeln!(text, "    server {name} {}", words.join(" ")),
            Self::Loop(servers) => writeln!(text, "{}", servers.text()),
        };
    }
}

impl Loop {
    fn text(&self) -> String {
        let words = self.words.join(" ");
        let line = format!("    server {{{{ n.name }}}} {{{{ n.address }}}} {words}");
        let (before, after) = match self.role {
            Some(role) => (
                format!("{{%- if n.tags.role == \"{role}\" %}}\n"),
                "\n{%- endif %}",
            ),
            None => ("\n".to_owned(), ""),
        };
        match self.style {
            Style::Tight => {
                format!("{{%- for n in nodes %}}{before}{line}{after}\n{{%- endfor %}}")
            }
            Style::Wide => {
                let before = before.replace("{%-", "    {%");
                let after = after.replace("\n{%-", "\n    {%");
                format!("    {{% for n in nodes %}}\n{before}{line}{after}\n    {{% endfor %}}")
            }
            Style::Commented => {
                let comment = "    # the node {{ n.name }} of {{ nodes | length }}\n";
                format!("{{%- for n in nodes %}}{before}{comment}{line}{after}\n\n{{%- endfor %}}")
            }
        }
    }
}
