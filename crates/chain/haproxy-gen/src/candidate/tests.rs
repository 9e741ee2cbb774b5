use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use haproxy_config::Fingerprint;

use super::*;
use crate::functions::Made;

const SHIPPED: [&str; 2] = [
    include_str!("../../../../../ha/config/haproxy.cfg.tera"),
    include_str!("../../../../../ha/config/services.cfg.tera"),
];

const SERVICES: &str = "{# services: web api #}\
global
backend web
{% for n in nodes %}{% if n.service == \"web\" %}server {{ n.name }} {{ n.address }} check weight {{ n.weight }}
{% endif %}{% endfor %}\
backend api
{% for n in nodes %}{% if n.service == \"api\" %}server {{ n.name }} {{ n.address }} check inter 9s
{% endif %}{% endfor %}";

/// A template that makes the one file of a configuration.
fn only(template: &str) -> [(&'static Pair, Template); 1] {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair {
        template: PathBuf::from("t.tera"),
        output: PathBuf::from("haproxy.cfg"),
        kind: Kind::Configuration,
    });
    let sources = Sources::alone(Path::new("t.tera"), template);
    [(&PAIR, Template::parse(sources, &Made::default()).unwrap())]
}

fn given() -> Given {
    Given {
        limit: Duration::from_secs(60),
        ..Given::default()
    }
}

fn candidate(template: &str, lines: &[&str]) -> Candidate {
    let node = |line: &&str| {
        let name = Name::parse(line.split(' ').next().unwrap()).unwrap();
        Node::parse(&name, line).unwrap()
    };
    let nodes: Vec<Node> = lines.iter().map(node).collect();
    Candidate::render(&only(template), nodes, "", &given()).unwrap()
}

/// What a process shows of the file, without that by which an edited file is known.
fn print_of(candidate: &Candidate) -> (String, String) {
    let text = candidate.text();
    let mut words = text.split_ascii_whitespace();
    words.find(|word| *word == "CONFIG_FINGERPRINT").unwrap();
    let print = Fingerprint::parse(words.next().unwrap());
    (print.lines, print.servers)
}

#[test]
fn the_fingerprint_is_the_same_with_no_node_and_with_nodes_of_any_service() {
    let none = candidate(SERVICES, &[]);
    for lines in [
        &["a 10.0.0.1 service=web"][..],
        &["a 10.0.0.1 service=api"],
        &["a 10.0.0.1 service=api", "b 10.0.0.2 service=web weight=3"],
    ] {
        assert_eq!(
            print_of(&candidate(SERVICES, lines)),
            print_of(&none),
            "{lines:?}"
        );
    }
}

#[test]
fn the_first_node_of_a_service_is_checked() {
    let none = candidate(SERVICES, &[]);
    let web = candidate(SERVICES, &["a 10.0.0.1 service=web"]);
    let both = candidate(
        SERVICES,
        &["a 10.0.0.1 service=web", "b 10.0.0.2 service=api"],
    );
    let others = candidate(
        SERVICES,
        &["c 10.0.0.9 service=api", "d 10.0.0.8 service=web"],
    );
    assert_ne!(none.check_hash(), web.check_hash());
    assert_ne!(web.check_hash(), both.check_hash());
    assert_eq!(both.check_hash(), others.check_hash());
}

#[test]
fn examples_never_reach_the_file() {
    let none = candidate(SERVICES, &[]);
    assert!(!none.text().contains("server"), "{}", none.text());
}

#[test]
fn a_template_that_cannot_be_rendered_for_an_example_is_still_rendered_for_what_is() {
    let template = "global\nbackend b\n{% for n in nodes %}server {{ n.name }} {{ n.address }} cookie {{ n.tags.key }}\n{% endfor %}";
    let none = candidate(template, &[]);
    assert!(none.text().ends_with("backend b\n"));
    let one = candidate(template, &["a 10.0.0.1 key=x"]);
    assert!(one.text().ends_with("cookie x\n"));
}

#[test]
fn what_a_loop_leaves_between_the_servers_does_not_change_the_fingerprint() {
    let lab = "\
global
backend nodes
    # HANDLEBARS START
    {% for node in addresses %}
    # {{ node.host }}

    server {{ node.host }} {{ node.ip }}:3000 check
    {% endfor %}
    # HANDLEBARS STOP
";
    let none = candidate(lab, &[]);
    for lines in [
        &["a 10.0.0.1"][..],
        &["a 10.0.0.1", "b 10.0.0.2", "c 10.0.0.3"],
    ] {
        assert_eq!(
            print_of(&candidate(lab, lines)),
            print_of(&none),
            "{lines:?}"
        );
    }
}

/// What the template makes of so many nodes after the file `old`.
fn after(old: &str, template: &[(&Pair, Template)], nodes: usize) -> String {
    let node = |number| {
        let name = Name::parse(&format!("s{number:03}")).unwrap();
        Node::parse(&name, &format!("{name} 10.0.0.{number}")).unwrap()
    };
    let nodes: Vec<Node> = (0..nodes).map(node).collect();
    let count = nodes.len();
    let made = Candidate::render(template, nodes, old, &given()).unwrap();
    let text = made.text().into_owned();
    assert_eq!(text.matches("    server s").count(), count);
    text
}

fn without_servers(text: &str) -> String {
    let rest = text.lines().filter(|line| !line.contains("    server s"));
    rest.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn all_but_the_servers_stays_between_two_doublings_or_halvings() {
    for template in SHIPPED {
        let template = only(template);
        let mut text = after("", &template, 3);
        let mut changes = Vec::new();
        for nodes in (3..=200).chain((3..200).rev()) {
            let next = after(&text, &template, nodes);
            if without_servers(&next) != without_servers(&text) {
                changes.push(nodes);
            }
            text = next;
        }
        assert_eq!(changes, [17, 33, 65, 129, 63, 31, 15, 7]);
    }
}

#[test]
fn to_and_fro_at_any_number_changes_it_once_at_most() {
    let template = only(SHIPPED[0]);
    for nodes in [3, 7, 15, 16, 31, 32, 63, 64, 100, 128, 129] {
        for start in [3, 190] {
            let mut text = after("", &template, start);
            let mut seen = BTreeSet::new();
            for step in 0..6 {
                text = after(&text, &template, nodes + step % 2);
                seen.insert(without_servers(&text));
            }
            assert!(seen.len() <= 2, "{start} {nodes}");
            let last = without_servers(&text);
            assert_eq!(last, without_servers(&after(&text, &template, nodes)));
        }
    }
}
