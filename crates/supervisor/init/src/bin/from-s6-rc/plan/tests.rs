use super::*;
use crate::execline::parse;
use crate::tree::{Definition, Pipe};

fn definition(name: &str, kind: Kind, names: &[&str]) -> Definition {
    Definition {
        name: name.to_owned(),
        path: Path::new("/s").join(name),
        kind,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn longrun(name: &str, names: &[&str]) -> Definition {
    definition(name, Kind::Longrun(Pipe::default()), names)
}

fn bundle(name: &str, names: &[&str]) -> Definition {
    definition(name, Kind::Bundle, names)
}

fn oneshot(name: &str, up: &str) -> Definition {
    let script = |text: &str| Script {
        line: parse(text.as_bytes()).unwrap(),
        text: text.as_bytes().to_vec(),
    };
    let kind = Kind::Oneshot(Box::new(Oneshot {
        up: script(up),
        down: script(""),
        timeout_up: 0,
        timeout_down: 0,
    }));
    definition(name, kind, &[])
}

fn plan(definitions: Vec<Definition>, others: &[&str]) -> Plan {
    let (tree, problems) = Tree::of(definitions);
    assert_eq!(problems, [""; 0]);
    let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
    Plan::of(&tree, &others, None).unwrap()
}

fn needs(plan: &Plan) -> Vec<String> {
    let services = plan.services.iter();
    let line = |(name, service): (&String, &Service)| {
        let needs: Vec<&str> = service.needs.iter().map(|name| &**name).collect();
        format!("{name}: {}", needs.join(" "))
    };
    services.map(line).collect()
}

#[test]
fn what_nobody_reaches_is_left_out() {
    let plan = plan(
        vec![
            longrun("a", &["b"]),
            longrun("b", &[]),
            longrun("c", &[]),
            bundle("user", &["a"]),
        ],
        &[],
    );
    assert_eq!(needs(&plan), ["a: b", "b: ", "user: a b"]);
}

#[test]
fn what_both_bundles_reach_is_started_first() {
    let plan = plan(
        vec![
            longrun("a", &[]),
            longrun("b", &["a"]),
            bundle("user", &["a"]),
            bundle("user2", &["a", "b"]),
        ],
        &["old"],
    );
    assert_eq!(
        needs(&plan),
        [
            "a: ",
            "b: a legacy-services",
            "legacy-services: old user",
            "user: a"
        ]
    );
}

#[test]
fn what_is_last_alone_waits_for_the_others_alone() {
    let plan = plan(vec![longrun("a", &[]), bundle("user2", &["a"])], &["old"]);
    assert_eq!(needs(&plan), ["a: legacy-services", "legacy-services: old"]);
    assert!(!plan.has_user());
}

#[test]
fn the_bundles_of_s6_overlay_are_no_services() {
    let plan = plan(
        vec![
            longrun("a", &["base", "fix-attrs"]),
            longrun("b", &["user", "legacy-services"]),
            bundle("user", &["a", "base"]),
            bundle("user2", &["b"]),
        ],
        &[],
    );
    assert_eq!(
        needs(&plan),
        [
            "a: ",
            "b: legacy-services",
            "legacy-services: user",
            "user: a"
        ]
    );
}

#[test]
fn without_execline_a_block_fails_loudly_and_is_told() {
    let plan = plan(
        vec![
            oneshot("a", "if { b } c"),
            oneshot("b", "true"),
            bundle("user", &["a", "b"]),
        ],
        &[],
    );
    let run = |name: &str| match &plan.services[name].what {
        What::Oneshot { run, .. } => String::from_utf8(run.clone().unwrap()).unwrap(),
        What::Longrun { .. } => panic!("it is a oneshot"),
    };
    assert!(run("a").ends_with(">&2\nexit 1\n"), "{}", run("a"));
    assert_eq!(run("b"), "#!/bin/sh\nexec 'true'\n");
    assert_eq!(plan.warnings.len(), 1);
    assert!(plan.warnings[0].starts_with("/s/a/up needs execline: "));
}

#[test]
fn thousands_in_a_chain_of_bundles_are_planned() {
    let mut definitions = vec![bundle("user", &["a0"])];
    for number in 0..2_000 {
        let next = format!("b{}", number + 1);
        let needs: &[&str] = if number < 1_999 { &[&next] } else { &[] };
        let own = format!("a{number}");
        definitions.push(longrun(&own, needs));
        definitions.push(bundle(&format!("b{number}"), &[&own]));
    }
    let plan = plan(definitions, &[]);
    assert_eq!(plan.services.len(), 2_001);
    assert_eq!(plan.services["a7"].needs.iter().collect::<Vec<_>>(), ["a8"]);
}
