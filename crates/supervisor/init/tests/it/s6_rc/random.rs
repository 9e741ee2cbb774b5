//! Definitions made up at random: they are taken as s6-rc takes them, and need whom they
//! need there. Where s6-rc is installed, it is asked as well.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::model::{Def, Model, Names};
use super::{Image, names_in, said};

const TREES: u64 = 60;

/// What s6-overlay supplies beside the bundles of users.
const SUPPLIED: [(&str, &str, &[&str]); 5] = [
    ("base", "bundle", &["fix-attrs", "legacy-cont-init"]),
    ("fix-attrs", "oneshot", &[]),
    ("legacy-cont-init", "oneshot", &["fix-attrs"]),
    ("legacy-services", "oneshot", &["base", "user"]),
    (
        "top",
        "bundle",
        &["base", "legacy-services", "user", "user2"],
    ),
];

struct Chance(fastrand::Rng);

impl Chance {
    fn one_in(&mut self, number: u32) -> bool {
        self.0.u32(..number) == 0
    }

    fn model(&mut self) -> Model {
        let size = self.0.usize(1..13);
        let names: Vec<String> = (0..size).map(|number| format!("n{number}")).collect();
        let mut defs = BTreeMap::new();
        for (number, name) in names.iter().enumerate() {
            let kind = ["longrun", "longrun", "oneshot", "oneshot", "bundle"][self.0.usize(..5)];
            let mut def = Def {
                kind,
                names: self.some(&names[..number], 4),
                is_broken: self.one_in(150),
                ..Def::default()
            };
            let rare = [
                "base",
                "fix-attrs",
                "legacy-services",
                "user",
                "ghost",
                "pipe0",
            ];
            if self.one_in(10) {
                def.names.insert(rare[self.0.usize(..rare.len())].into());
            }
            if self.one_in(40) {
                def.names.insert(names[self.0.usize(..size)].clone());
            }
            defs.insert(name.clone(), def);
        }
        for number in 0..size {
            if self.one_in(4) {
                self.connect(&mut defs, &names, number);
            }
        }
        for bundle in ["user", "user2"] {
            let mut contents = self.some(&names, 3);
            if self.one_in(5) {
                contents.insert("base".into());
            }
            let def = Def {
                kind: "bundle",
                names: contents,
                ..Def::default()
            };
            defs.insert(bundle.into(), def);
        }
        Model { defs }
    }

    fn some(&mut self, names: &[String], one_in: u32) -> Names {
        let chosen = names.iter().filter(|_| self.one_in(one_in));
        chosen.cloned().collect()
    }

    /// A pipe from one of them to another one, seldom one that is wrong.
    fn connect(&mut self, defs: &mut BTreeMap<String, Def>, names: &[String], number: usize) {
        let producer = &names[self.0.usize(..names.len())];
        let consumer = &names[number];
        let is_wrong = self.one_in(12);
        let is_free = defs[producer].producer_for.is_none()
            && producer != consumer
            && [producer, consumer]
                .iter()
                .all(|name| defs[*name].kind == "longrun");
        if !is_free {
            return;
        }
        defs.get_mut(producer).unwrap().producer_for = Some(consumer.clone());
        let it = defs.get_mut(consumer).unwrap();
        if !is_wrong {
            it.consumer_for.insert(producer.clone());
        }
        if self.one_in(2) {
            it.pipeline = Some(format!("pipe{}", number % 3));
        }
    }
}

fn with_supplied(model: &Model) -> Model {
    let mut whole = model.clone();
    for (name, kind, names) in SUPPLIED {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let def = Def {
            kind,
            names,
            ..Def::default()
        };
        whole.defs.insert(name.into(), def);
    }
    whole
}

/// The files of definitions below `folder`.
fn write(
    mut image: Image,
    folder: &str,
    defs: &BTreeMap<String, Def>,
    chance: &mut Chance,
) -> Image {
    for (name, def) in defs {
        let at = format!("{folder}/{name}");
        let faults = if def.is_broken {
            chance.0.usize(1..4)
        } else {
            0
        };
        let kind = if faults == 1 { "service" } else { def.kind };
        image = image.at(&format!("{at}/type"), &format!("{kind}\n"));
        if faults == 2 {
            // A file where a folder or a number should be.
            image = image.at(&format!("{at}/timeout-up"), "soon");
            image = image.at(&format!("{at}/contents.d"), "");
        }
        if faults != 3 {
            let file = if def.kind == "oneshot" { "up" } else { "run" };
            image = image.at(&format!("{at}/{file}"), "true\n");
        }
        let list = if def.kind == "bundle" {
            "contents"
        } else {
            "dependencies"
        };
        let names: Vec<&str> = def.names.iter().map(String::as_str).collect();
        if faults >= 2 && def.kind == "bundle" {
            continue;
        }
        if chance.one_in(2) {
            image = image.at(&format!("{at}/{list}"), &names.join("\n"));
        } else {
            fs::create_dir_all(image.path(&format!("{at}/{list}.d"))).unwrap();
            for name in names {
                image = image.at(&format!("{at}/{list}.d/{name}"), "");
            }
        }
        let consumers: Vec<&str> = def.consumer_for.iter().map(String::as_str).collect();
        for (file, text) in [
            ("producer-for", def.producer_for.clone().unwrap_or_default()),
            ("consumer-for", consumers.join("\n")),
            ("pipeline-name", def.pipeline.clone().unwrap_or_default()),
        ] {
            if !text.is_empty() {
                image = image.at(&format!("{at}/{file}"), &text);
            }
        }
    }
    image
}

/// The services that were made, and those that each needs, also by way of others.
fn made(services: &Path) -> BTreeMap<String, Names> {
    let milestones = ["user", "legacy-services"];
    let all = names_in(services);
    let direct = |name: &String| names_in(&services.join(name).join("dependencies.d"));
    let direct: BTreeMap<&String, Names> = all.iter().map(|name| (name, direct(name))).collect();
    let mut made = BTreeMap::new();
    for name in all.iter().filter(|name| !milestones.contains(&&***name)) {
        let mut reached = Names::new();
        let mut next = direct[name].clone();
        while let Some(name) = next.pop_first() {
            if reached.insert(name.clone()) {
                next.extend(direct[&name].iter().cloned());
            }
        }
        reached.retain(|name| !milestones.contains(&&**name));
        made.insert(name.clone(), reached);
    }
    made
}

/// s6-rc itself, which Debian has no package of.
struct Oracle {
    compile: PathBuf,
    db: PathBuf,
}

impl Oracle {
    fn find() -> Option<Oracle> {
        Some(Oracle {
            compile: harness::find("s6-rc-compile").ok()?,
            db: harness::find("s6-rc-db").ok()?,
        })
    }

    fn accepts(&self, image: &Image) -> bool {
        let mut compile = Command::new(&self.compile);
        compile.args([image.path("db"), image.source(), image.path("supplied")]);
        compile.output().unwrap().status.success()
    }

    fn ask(&self, image: &Image, question: &[&str]) -> Names {
        let mut command = Command::new(&self.db);
        command.arg("-c").arg(image.path("db")).args(question);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{question:?}: {}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let names = text.lines().filter(|name| !name.starts_with("s6rc-"));
        names.map(str::to_owned).collect()
    }

    /// That it says of the definitions what the model says.
    fn agrees(&self, image: &Image, model: &Model, whole: &Model) {
        assert_eq!(self.accepts(image), whole.is_accepted(), "{model:#?}");
        if !whole.is_accepted() {
            return;
        }
        for (name, def) in &model.defs {
            let kind = self.ask(image, &["type", name]);
            assert_eq!(kind, Names::from([def.kind.to_owned()]), "{name}");
            let mut all = self.ask(image, &["-u", "all-dependencies", name]);
            if def.kind != "bundle" {
                all.remove(name);
            }
            assert_eq!(all, whole.all_dependencies(name), "{name}: {model:#?}");
        }
    }
}

#[test]
fn definitions_at_random_become_what_s6_rc_makes_of_them() {
    let first = std::env::var("MUSTER_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("MUSTER_SEED is a number"),
    );
    let oracle = Oracle::find();
    println!("MUSTER_SEED={first}, with s6-rc: {}", oracle.is_some());
    let mut counts = [0; 3];
    for seed in (0..TREES).map(|number| first.wrapping_add(number)) {
        let mut chance = Chance(fastrand::Rng::with_seed(seed));
        let model = chance.model();
        let whole = with_supplied(&model);
        let mut image = write(
            Image::new(),
            "etc/s6-overlay/s6-rc.d",
            &model.defs,
            &mut chance,
        );
        if let Some(oracle) = &oracle {
            let supplied = whole
                .defs
                .iter()
                .filter(|(name, _)| !model.defs.contains_key(*name));
            let supplied = supplied
                .map(|(name, def)| (name.clone(), def.clone()))
                .collect();
            image = write(image, "supplied", &supplied, &mut chance);
            oracle.agrees(&image, &model, &whole);
        }
        let output = image.command().output().unwrap();
        let told = format!("MUSTER_SEED={seed}\n{}{model:#?}", said(&output));
        let services =
            Some(&whole).filter(|whole| whole.is_accepted() && !whole.has_long_pipelines());
        let services = services.and_then(Model::services);
        if let Some(services) = services {
            assert_eq!(output.status.code(), Some(0), "{told}");
            assert_eq!(made(&image.destination()), services, "{told}");
            counts[usize::from(!services.is_empty())] += 1;
        } else {
            assert_eq!(output.status.code(), Some(100), "{told}");
            counts[2] += 1;
        }
    }
    println!("empty, with services, refused: {counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}
