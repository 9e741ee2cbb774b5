//! Which services are started, in which order, and what becomes of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::execline::{needs_execline, script};
use crate::tree::{Kind, LEGACY, Oneshot, Script, Tree, USER, USER2, circles, told_circle};

/// The service directories to be made, by name.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) services: BTreeMap<String, Service>,
    /// What is started otherwise than it says.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) what: What,
    pub(crate) needs: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Copied from this directory, with a logger from another one.
    Longrun {
        from: PathBuf,
        log: Option<(PathBuf, BTreeSet<String>)>,
    },
    Oneshot {
        run: Option<Vec<u8>>,
        finish: Option<Vec<u8>>,
        timeout_up: u32,
        timeout_down: u32,
    },
}

impl Plan {
    /// Whether the services of services.d wait for those of the bundle `user`.
    pub(crate) fn has_user(&self) -> bool {
        self.services.contains_key(USER)
    }

    /// Plans what the bundles `user` and `user2` reach. `others` are the services of
    /// services.d. The error is what is wrong.
    pub(crate) fn of(
        tree: &Tree,
        others: &[String],
        execlineb: Option<&Path>,
    ) -> Result<Plan, Vec<String>> {
        let mut planner = Planner {
            tree,
            execlineb,
            place: vec![Place::Out; tree.definitions.len()],
            problems: Vec::new(),
            plan: Plan::default(),
        };
        planner.reach(USER, Place::First);
        planner.reach(USER2, Place::Last);
        planner.check_pipelines();
        if planner.problems.is_empty() {
            planner.add_services();
            planner.add_milestones(others);
            planner.check_circles();
        }
        if planner.problems.is_empty() {
            Ok(planner.plan)
        } else {
            Err(planner.problems)
        }
    }
}

/// When a definition is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Out,
    /// Before the services of services.d.
    First,
    /// After them.
    Last,
}

struct Planner<'a> {
    tree: &'a Tree,
    execlineb: Option<&'a Path>,
    place: Vec<Place>,
    problems: Vec<String>,
    plan: Plan,
}

impl Planner<'_> {
    /// Gives the place to all that `bundle` reaches and that has none yet. A producer and
    /// its consumer are one service.
    fn reach(&mut self, bundle: &str, place: Place) {
        let mut next: Vec<usize> = self.tree.find(bundle).into_iter().collect();
        while let Some(number) = next.pop() {
            let is_milestone = matches!(self.tree.get(number).kind, Kind::Supplied);
            if self.place[number] == Place::Out && !is_milestone {
                self.place[number] = place;
                next.extend(&self.tree.edges[number]);
                next.extend(self.tree.consumer(number));
                next.extend(self.tree.producers(number));
            }
        }
    }

    fn reached(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..self.place.len()).filter(|number| self.place[*number] != Place::Out)
    }

    fn check_pipelines(&mut self) {
        for number in self.reached().collect::<Vec<_>>() {
            let producers = self.tree.producers(number);
            let path = self.tree.get(number).path.display();
            let why = if producers.len() > 1 {
                "it reads the output of several producers, and a service has a logger of its own: \
                 give each producer its own consumer"
            } else if !producers.is_empty() && self.tree.consumer(number).is_some() {
                "it is a consumer and a producer, and a logger has no logger: let its run be both \
                 programs with a pipe between them"
            } else {
                continue;
            };
            self.problems.push(format!("{path}: {why}"));
        }
    }

    fn add_services(&mut self) {
        for number in self.reached().collect::<Vec<_>>() {
            let definition = self.tree.get(number);
            let what = match &definition.kind {
                Kind::Longrun(pipe) if pipe.consumer_for.is_empty() => self.longrun(number),
                Kind::Oneshot(oneshot) => self.oneshot(&definition.path, oneshot),
                _ => continue,
            };
            let mut needs = self.needs(number);
            if let What::Longrun {
                log: Some((_, of_log)),
                ..
            } = &what
            {
                needs.extend(of_log.iter().cloned());
            }
            needs.remove(&definition.name);
            let service = Service { what, needs };
            self.plan.services.insert(definition.name.clone(), service);
        }
    }

    fn longrun(&self, number: usize) -> What {
        let log = self.tree.consumer(number).map(|consumer| {
            let mut needs = self.needs(consumer);
            needs.remove(&self.tree.get(number).name);
            (self.tree.get(consumer).path.clone(), needs)
        });
        What::Longrun {
            from: self.tree.get(number).path.clone(),
            log,
        }
    }

    fn oneshot(&mut self, path: &Path, oneshot: &Oneshot) -> What {
        What::Oneshot {
            run: self.script(&oneshot.up, &path.join("up")),
            finish: self.script(&oneshot.down, &path.join("down")),
            timeout_up: oneshot.timeout_up,
            timeout_down: oneshot.timeout_down,
        }
    }

    fn script(&mut self, from: &Script, file: &Path) -> Option<Vec<u8>> {
        match script(&from.line, &from.text, self.execlineb, file)? {
            Ok(script) => Some(script),
            Err(script) => {
                self.plan.warnings.push(needs_execline(file));
                Some(script)
            }
        }
    }

    /// The services that a definition needs: bundles are their members, a consumer is its
    /// producer. Who is last needs the bundle `user` and services.d in any case.
    fn needs(&self, number: usize) -> BTreeSet<String> {
        let mut needs = BTreeSet::new();
        let is_first = self.place[number] == Place::First;
        needs.extend((!is_first).then(|| LEGACY.to_owned()));
        let mut seen = BTreeSet::new();
        let mut next: Vec<usize> = self.tree.edges[number].clone();
        while let Some(number) = next.pop() {
            if !seen.insert(number) || self.tree.is_done(number) {
                continue;
            }
            let definition = self.tree.get(number);
            match &definition.kind {
                // Who is first is what they wait for: that is a circle, and told as one.
                _ if [USER, LEGACY].contains(&&*definition.name) => {
                    needs.extend(is_first.then(|| USER.to_owned()));
                }
                Kind::Bundle | Kind::Supplied => next.extend(&self.tree.edges[number]),
                Kind::Longrun(_) => {
                    let producer = self.tree.producers(number).into_iter().next();
                    let service = self.tree.get(producer.unwrap_or(number));
                    needs.insert(service.name.clone());
                }
                Kind::Oneshot(_) => {
                    needs.insert(definition.name.clone());
                }
            }
        }
        needs
    }

    /// What services.d waits for, and what waits for services.d.
    fn add_milestones(&mut self, others: &[String]) {
        let (first, last) = (self.at(Place::First), self.at(Place::Last));
        let user = Some(USER.to_owned()).filter(|_| !first.is_empty());
        if user.is_some() {
            self.add_milestone(USER, first);
        }
        if !last.is_empty() {
            self.add_milestone(LEGACY, others.iter().cloned().chain(user).collect());
        }
    }

    fn at(&self, place: Place) -> BTreeSet<String> {
        let services = self.plan.services.keys();
        let of_place = services.filter(|name| {
            let number = self.tree.find(name);
            number.is_some_and(|number| self.place[number] == place)
        });
        of_place.cloned().collect()
    }

    fn add_milestone(&mut self, name: &str, needs: BTreeSet<String>) {
        let what = What::Oneshot {
            run: None,
            finish: None,
            timeout_up: 0,
            timeout_down: 0,
        };
        let service = Service { what, needs };
        self.plan.services.insert(name.to_owned(), service);
    }

    /// A consumer stands for its producer, which may close a circle that s6-rc has not.
    fn check_circles(&mut self) {
        let names: Vec<&String> = self.plan.services.keys().collect();
        let number = |name: &String| names.binary_search(&name).ok();
        let services = self.plan.services.values();
        let edges: Vec<Vec<usize>> = services
            .map(|service| service.needs.iter().filter_map(number).collect())
            .collect();
        for circle in circles(&edges) {
            let names: Vec<&str> = circle.iter().map(|it| &**names[*it]).collect();
            let place = "with each consumer as the logger of its producer";
            self.problems.push(told_circle(&names, place));
        }
    }
}

#[cfg(test)]
mod tests;
