//! The definitions of an s6-rc source tree, and who names whom in it.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::execline::Line;

/// What runs before all others, and is done by init itself: whoever needs it needs nothing.
const DONE: [&str; 3] = ["base", "fix-attrs", "legacy-cont-init"];
/// What s6-overlay defines, with what it names.
const SUPPLIED: [(&str, &[&str]); 5] = [
    ("base", &["fix-attrs", "legacy-cont-init"]),
    ("fix-attrs", &[]),
    ("legacy-cont-init", &["fix-attrs"]),
    ("legacy-services", &["base", USER]),
    ("top", &["base", "legacy-services", USER, USER2]),
];
/// The bundle of all that is started.
pub(crate) const USER: &str = "user";
/// The bundle of what is started after the services of services.d.
pub(crate) const USER2: &str = "user2";
/// Up when the services of services.d are.
pub(crate) const LEGACY: &str = "legacy-services";

/// How many circles are told: one is often seen from several places.
const CIRCLES: usize = 10;

/// One definition.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    /// Its directory.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// Whom it names: its dependencies, or what a bundle contains.
    pub(crate) names: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Bundle,
    Longrun(Pipe),
    Oneshot(Box<Oneshot>),
    /// Supplied by s6-overlay: nothing that we would run.
    Supplied,
}

/// The place of a longrun in a pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) producer_for: Option<String>,
    pub(crate) consumer_for: Vec<String>,
    pub(crate) pipeline: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Oneshot {
    pub(crate) up: Script,
    pub(crate) down: Script,
    /// Milliseconds; 0 is for ever.
    pub(crate) timeout_up: u32,
    pub(crate) timeout_down: u32,
}

/// A command line and its text.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) line: Line,
    pub(crate) text: Vec<u8>,
}

/// All definitions, and for each the numbers of those that it names.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) edges: Vec<Vec<usize>>,
    index: HashMap<String, usize>,
}

impl Tree {
    /// Puts the definitions and those of s6-overlay together; the second is what is wrong.
    pub(crate) fn of(definitions: Vec<Definition>) -> (Tree, Vec<String>) {
        let mut problems = Vec::new();
        let mut tree = Tree {
            definitions: Vec::new(),
            edges: Vec::new(),
            index: HashMap::new(),
        };
        for (name, names) in SUPPLIED {
            tree.add(supplied(name, Kind::Supplied, names), &mut problems);
        }
        let pipelines = pipelines(&definitions);
        for definition in definitions.into_iter().chain(pipelines) {
            tree.add(definition, &mut problems);
        }
        for name in [USER, USER2] {
            if !tree.index.contains_key(name) {
                tree.add(supplied(name, Kind::Bundle, &[]), &mut problems);
            }
        }
        tree.resolve(&mut problems);
        tree.check_pipes(&mut problems);
        tree.check_circles(&mut problems);
        (tree, problems)
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub(crate) fn get(&self, number: usize) -> &Definition {
        &self.definitions[number]
    }

    /// Whether there is more than bundles.
    pub(crate) fn has_services(&self) -> bool {
        let mut kinds = self.definitions.iter().map(|definition| &definition.kind);
        kinds.any(|kind| matches!(kind, Kind::Longrun(_) | Kind::Oneshot(_)))
    }

    /// Whether whoever needs it needs nothing.
    pub(crate) fn is_done(&self, number: usize) -> bool {
        DONE.contains(&&*self.definitions[number].name)
    }

    /// The consumer of a producer.
    pub(crate) fn consumer(&self, number: usize) -> Option<usize> {
        match &self.definitions[number].kind {
            Kind::Longrun(pipe) => self.find(pipe.producer_for.as_ref()?),
            _ => None,
        }
    }

    /// The producers of a consumer.
    pub(crate) fn producers(&self, number: usize) -> Vec<usize> {
        match &self.definitions[number].kind {
            Kind::Longrun(pipe) => {
                let names = pipe.consumer_for.iter();
                names.filter_map(|name| self.find(name)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn add(&mut self, definition: Definition, problems: &mut Vec<String>) {
        if let Some(first) = self.find(&definition.name) {
            let first = &self.definitions[first];
            let other = match &first.kind {
                Kind::Supplied => "by s6-overlay".to_owned(),
                _ => format!("in {}", first.path.display()),
            };
            let (path, name) = (definition.path.display(), &definition.name);
            problems.push(format!(
                "{path}: {name} is defined {other} already: give one of them another name"
            ));
            return;
        }
        self.index
            .insert(definition.name.clone(), self.definitions.len());
        self.definitions.push(definition);
    }

    fn resolve(&mut self, problems: &mut Vec<String>) {
        for definition in &self.definitions {
            let mut edges = Vec::new();
            for name in &definition.names {
                match self.find(name) {
                    Some(number) => edges.push(number),
                    None => problems.push(undefined(definition, name)),
                }
            }
            self.edges.push(edges);
        }
    }

    /// A producer and its consumer name each other.
    fn check_pipes(&self, problems: &mut Vec<String>) {
        for definition in &self.definitions {
            let Kind::Longrun(pipe) = &definition.kind else {
                continue;
            };
            let consumer = pipe.producer_for.iter();
            let consumer = consumer.map(|name| (name, "producer-for", "consumer-for"));
            let producers = pipe.consumer_for.iter();
            let producers = producers.map(|name| (name, "consumer-for", "producer-for"));
            for (name, file, back) in consumer.chain(producers) {
                let path = definition.path.join(file);
                let path = path.display();
                let own = &definition.name;
                let Some(other) = self.find(name) else {
                    problems.push(undefined(definition, name));
                    continue;
                };
                problems.extend(match &self.definitions[other].kind {
                    Kind::Longrun(other) if names(other, back, own) => None,
                    Kind::Longrun(_) => Some(format!(
                        "{path}: {name} has no {back} that names {own}: write it there too"
                    )),
                    _ => Some(format!(
                        "{path}: {name} is no longrun: only longruns have a pipe"
                    )),
                });
            }
        }
    }

    /// As each bundle is a node of its own, a way back to itself is a circle in any case.
    fn check_circles(&self, problems: &mut Vec<String>) {
        let mut edges = self.edges.clone();
        for (number, edges) in edges.iter_mut().enumerate() {
            edges.extend(self.consumer(number));
        }
        for circle in circles(&edges) {
            let names: Vec<&str> = circle.iter().map(|it| &*self.get(*it).name).collect();
            problems.push(told_circle(&names, &self.place(circle[0])));
        }
    }

    /// Where a definition is, for a message.
    fn place(&self, number: usize) -> String {
        let definition = self.get(number);
        match definition.kind {
            Kind::Supplied => definition.name.clone(),
            _ => definition.path.display().to_string(),
        }
    }
}

/// What is said of a circle.
pub(crate) fn told_circle(names: &[&str], place: &str) -> String {
    format!(
        "{place}: {} > {} is a circle, in which nothing can be the first: take one dependency out",
        names.join(" > "),
        names[0]
    )
}

fn undefined(definition: &Definition, name: &str) -> String {
    format!(
        "{}: it names {name:?}, which is not defined: define it, or take the name out",
        definition.path.display()
    )
}

fn names(pipe: &Pipe, file: &str, name: &str) -> bool {
    if file == "producer-for" {
        pipe.producer_for.as_deref() == Some(name)
    } else {
        pipe.consumer_for.iter().any(|it| it == name)
    }
}

fn supplied(name: &str, kind: Kind, names: &[&str]) -> Definition {
    Definition {
        name: name.to_owned(),
        path: PathBuf::from(name),
        kind,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// The bundles that pipelines are: the last consumer names them.
fn pipelines(definitions: &[Definition]) -> Vec<Definition> {
    let index: HashMap<&str, &Definition> = definitions
        .iter()
        .map(|definition| (&*definition.name, definition))
        .collect();
    let mut found = Vec::new();
    for last in definitions {
        let Kind::Longrun(pipe) = &last.kind else {
            continue;
        };
        let (Some(name), None, false) = (
            &pipe.pipeline,
            &pipe.producer_for,
            pipe.consumer_for.is_empty(),
        ) else {
            continue;
        };
        let mut names = vec![last.name.clone()];
        let mut next = 0;
        // A pipe that leads back to itself ends it too.
        while next < names.len() && names.len() <= definitions.len() {
            if let Some(Kind::Longrun(pipe)) = index.get(&*names[next]).map(|it| &it.kind) {
                names.extend(pipe.consumer_for.iter().cloned());
            }
            next += 1;
        }
        found.push(Definition {
            name: name.clone(),
            path: last.path.join("pipeline-name"),
            kind: Kind::Bundle,
            names,
        });
    }
    found
}

/// Circles among nodes that name others by their numbers; none is left out if it is the
/// only one.
pub(crate) fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut circles = Vec::new();
    let mut is_known = vec![false; edges.len()];
    let mut place_on_way: Vec<Option<usize>> = vec![None; edges.len()];
    for start in 0..edges.len() {
        // The nodes on the way, each with how many of its edges have been gone.
        let mut way: Vec<(usize, usize)> = Vec::new();
        let mut next = Some(start).filter(|start| !is_known[*start]);
        loop {
            if let Some(node) = next.take() {
                is_known[node] = true;
                place_on_way[node] = Some(way.len());
                way.push((node, 0));
            }
            let Some((node, gone)) = way.last_mut() else {
                break;
            };
            let Some(other) = edges[*node].get(*gone).copied() else {
                place_on_way[*node] = None;
                way.pop();
                continue;
            };
            *gone += 1;
            match place_on_way[other] {
                Some(place) if circles.len() < CIRCLES => {
                    circles.push(way[place..].iter().map(|(node, _)| *node).collect());
                }
                Some(_) => {}
                None => next = Some(other).filter(|other| !is_known[*other]),
            }
        }
    }
    circles
}

#[cfg(test)]
mod tests;
