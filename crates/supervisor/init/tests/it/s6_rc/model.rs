//! What s6-rc makes of definitions, said as simply as can be.

use std::collections::{BTreeMap, BTreeSet};

/// One definition, as the model and the files have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Def {
    pub(crate) kind: &'static str,
    /// Dependencies, or the contents of a bundle.
    pub(crate) names: BTreeSet<String>,
    pub(crate) producer_for: Option<String>,
    pub(crate) consumer_for: BTreeSet<String>,
    pub(crate) pipeline: Option<String>,
    /// A file that it needs is missing, or one is wrong.
    pub(crate) is_broken: bool,
}

/// Definitions by name, with those that s6-overlay supplies.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) defs: BTreeMap<String, Def>,
}

pub(crate) type Names = BTreeSet<String>;

impl Model {
    /// The bundles that pipelines are among the others. None if a name is there twice.
    fn whole(&self) -> Option<Model> {
        let mut whole = self.clone();
        for (name, def) in &self.defs {
            let is_last = def.producer_for.is_none() && !def.consumer_for.is_empty();
            if let Some(pipeline) = def.pipeline.as_ref().filter(|_| is_last) {
                let mut names = Names::from([name.clone()]);
                loop {
                    let before = names.len();
                    for name in names.clone() {
                        let def = self.defs.get(&name).cloned().unwrap_or_default();
                        names.extend(def.consumer_for);
                    }
                    if names.len() == before {
                        break;
                    }
                }
                let bundle = Def {
                    kind: "bundle",
                    names,
                    ..Def::default()
                };
                if whole.defs.insert(pipeline.clone(), bundle).is_some() {
                    return None;
                }
            }
        }
        Some(whole)
    }

    /// Whom one names, in the sense of `s6-rc`: a producer needs its consumer.
    fn named(&self, name: &str) -> Names {
        let def = &self.defs[name];
        def.names.iter().chain(&def.producer_for).cloned().collect()
    }

    /// All that is reached from some names, these too if they are.
    fn closure(&self, from: Names, step: impl Fn(&str) -> Names) -> Names {
        let mut reached = Names::new();
        let mut next = from;
        while let Some(name) = next.pop_first() {
            if reached.insert(name.clone()) && self.defs.contains_key(&name) {
                next.extend(step(&name));
            }
        }
        reached
    }

    /// Whether s6-rc-compile takes the definitions.
    pub(crate) fn is_accepted(&self) -> bool {
        let Some(whole) = self.whole() else {
            return false;
        };
        whole.defs.iter().all(|(name, def)| {
            let is_longrun =
                |name: &String| whole.defs.get(name).is_some_and(|it| it.kind == "longrun");
            let mut named = def.names.iter();
            let is_named_back = def
                .producer_for
                .iter()
                .all(|it| is_longrun(it) && whole.defs[it].consumer_for.contains(name));
            let names_back = def
                .consumer_for
                .iter()
                .all(|it| is_longrun(it) && whole.defs[it].producer_for.as_ref() == Some(name));
            !def.is_broken
                && named.all(|it| whole.defs.contains_key(it))
                && is_named_back
                && names_back
                && !whole
                    .closure(whole.named(name), |it| whole.named(it))
                    .contains(name)
        })
    }

    /// The services that one needs according to s6-rc, also by way of others.
    pub(crate) fn all_dependencies(&self, name: &str) -> Names {
        let whole = self.whole().unwrap();
        let mut all = whole.closure(whole.named(name), |it| whole.named(it));
        all.retain(|name| whole.defs[name].kind != "bundle");
        all
    }

    /// What is in bundles, in place of them; the milestones stay.
    fn members(&self, names: Names) -> Names {
        let is_bundle = |it: &str| self.defs[it].kind == "bundle" && it != "user";
        let step = |it: &str| {
            if is_bundle(it) {
                self.named(it)
            } else {
                Names::new()
            }
        };
        let mut members = self.closure(names, step);
        members.retain(|it| !is_bundle(it));
        members
    }

    /// The service directory that a definition is in: a consumer is in its producer's.
    fn service(&self, name: &str) -> String {
        let producer = self.defs[name].consumer_for.first();
        producer.cloned().unwrap_or_else(|| name.to_owned())
    }

    /// Whom one names when producer and consumer are one.
    fn named_as_one(&self, name: &str) -> Names {
        let mut names = self.named(name);
        names.extend(self.defs[name].consumer_for.iter().cloned());
        names
    }

    /// The services that bundles reach when producer and consumer are one, by s6-rc's names.
    fn reached(&self, bundle: &str) -> Names {
        let whole = self.whole().unwrap();
        let supplied = ["base", "fix-attrs", "legacy-cont-init", "legacy-services"];
        let step = |it: &str| {
            if it == "legacy-services" {
                Names::new()
            } else {
                whole.named_as_one(it)
            }
        };
        let mut all = whole.closure(Names::from([bundle.to_owned()]), step);
        all.retain(|it| whole.defs[it].kind != "bundle" && !supplied.contains(&&**it));
        all
    }

    /// Whether there is more than a producer and a consumer in a pipeline that is started.
    pub(crate) fn has_long_pipelines(&self) -> bool {
        let reached = self
            .reached("user")
            .into_iter()
            .chain(self.reached("user2"));
        reached.into_iter().any(|name| {
            let def = &self.defs[&name];
            def.consumer_for.len() > 1 || !def.consumer_for.is_empty() && def.producer_for.is_some()
        })
    }

    /// The service directories that there should be, and those that each of them needs,
    /// also by way of others. None if one of them needs itself.
    pub(crate) fn services(&self) -> Option<BTreeMap<String, Names>> {
        let whole = self.whole()?;
        let first = self.reached("user");
        let mut last = self.reached("user2");
        last.retain(|name| !first.contains(name));
        let mut services = BTreeMap::new();
        let as_services = |names: &Names| -> Names {
            let services = names.iter();
            services.map(|name| self.service(name)).collect()
        };
        for name in as_services(&first).into_iter().chain(as_services(&last)) {
            // What s6-rc calls a milestone is one of ours: neither is a service here.
            let step = |it: &str| {
                if ["user", "legacy-services"].contains(&it) {
                    Names::new()
                } else {
                    whole.named_as_one(it)
                }
            };
            let consumer = self.defs[&name].producer_for.as_ref();
            let own = [Some(&name), consumer].into_iter().flatten();
            let own = own.flat_map(|it| whole.named(it)).collect();
            // That it needs its own logger, by itself or in a bundle, is nothing new.
            let from = whole.members(own).into_iter();
            let from = from.filter(|it| Some(it) != consumer).collect();
            let mut needed = whole.closure(from, step);
            let milestones = ["user", "legacy-services"];
            if first.contains(&name) && milestones.iter().any(|it| needed.contains(*it)) {
                return None;
            }
            needed.retain(|it| {
                let is_started = first.contains(it) || last.contains(it);
                is_started && whole.defs[it].kind != "bundle"
            });
            let mut needed = as_services(&needed);
            if last.contains(&name) {
                needed.extend(as_services(&first));
            }
            if needed.contains(&name) {
                return None;
            }
            services.insert(name, needed);
        }
        Some(services)
    }
}
