//! Several files in one run, and files that are none of HAProxy's.

use std::path::PathBuf;

use crate::fixture::{Fixture, Run, TEMPLATE, write};

const MAP: &str = "{% for node in nodes %}{{ node.name }}.example {{ node.name }}\n{% endfor %}";

/// A configuration and a map that it names, each with a template.
fn with_map() -> Fixture {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let map = fixture.path("etc/hosts.map").display().to_string();
    let backend = format!("    http-request set-header x-node %[req.hdr(host),map({map},none)]\n");
    fixture.template(&TEMPLATE.replace(
        "    default_backend",
        &format!("{backend}    default_backend"),
    ));
    write(&fixture.path("hosts.map.tera"), MAP);
    fixture
}

fn map(fixture: &Fixture) -> PathBuf {
    fixture.path("etc/hosts.map")
}

fn run_pairs(fixture: &Fixture, pairs: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = Fixture::bare();
    command.arg("--nodes").arg(fixture.nodes());
    command.arg("--haproxy").arg(harness::require("haproxy"));
    for (template, output) in pairs {
        command.arg("--template").arg(fixture.path(template));
        command.arg("--output").arg(fixture.path(output));
    }
    command.args(arguments).output().unwrap().into()
}

const BOTH: [(&str, &str); 2] = [
    ("haproxy.cfg.tera", "etc/haproxy.cfg"),
    ("hosts.map.tera", "etc/hosts.map"),
];

fn names_in(fixture: &Fixture) -> Vec<String> {
    let entries = std::fs::read_dir(fixture.path("etc")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_configuration_and_the_map_that_it_names_are_made_together() {
    let fixture = with_map();
    let run = run_pairs(&fixture, &BOTH, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        std::fs::read_to_string(map(&fixture)).unwrap(),
        "s1.example s1\n"
    );
    let recorded = format!("    # file {}\n", map(&fixture).display());
    assert!(fixture.config().contains(&recorded), "{}", fixture.config());
    fixture.haproxy_takes_it().unwrap();
    assert_eq!(
        names_in(&fixture),
        [
            ".haproxy.cfg.checked",
            ".haproxy.cfg.lock",
            ".hosts.map.lock",
            "haproxy.cfg",
            "hosts.map"
        ]
    );
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(1));
}

#[test]
fn the_order_of_the_pairs_of_different_kinds_does_not_count() {
    let fixture = with_map();
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    let [first, second] = BOTH;
    assert_eq!(run_pairs(&fixture, &[second, first], &[]).code, Some(1));
}

#[test]
fn if_one_file_is_refused_none_is_replaced() {
    let fixture = with_map();
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    let before = fixture.config();
    fixture.node("s2 10.0.0.2");
    for (template, text, why) in [
        (
            "haproxy.cfg.tera",
            "global\n    frobnicate\n",
            "unknown keyword 'frobnicate'",
        ),
        ("hosts.map.tera", "{{ nodes | nofilter }}", "Unknown filter"),
    ] {
        let old = std::fs::read_to_string(fixture.path(template)).unwrap();
        write(&fixture.path(template), text);
        let run = run_pairs(&fixture, &BOTH, &[]);
        assert_eq!(run.code, Some(100), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
        assert_eq!(fixture.config(), before);
        assert_eq!(
            std::fs::read_to_string(map(&fixture)).unwrap(),
            "s1.example s1\n"
        );
        write(&fixture.path(template), old);
    }
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    assert_eq!(fixture.servers().len(), 2);
}

#[test]
fn the_map_is_checked_that_will_be_there_and_not_the_one_that_is() {
    let fixture = with_map();
    let ip = |template: &str| {
        write(&fixture.path("hosts.map.tera"), template);
        let config = std::fs::read_to_string(fixture.path("haproxy.cfg.tera")).unwrap();
        fixture.template(&config.replace("map(", "map_ip("));
        run_pairs(&fixture, &BOTH, &[])
    };
    let run = ip("{% for node in nodes %}{{ node.name }} x\n{% endfor %}");
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    let told =
        run.stderr.contains(&*map(&fixture).to_string_lossy()) && !run.stderr.contains("candidate");
    assert!(told, "{}", run.stderr);
    assert!(!map(&fixture).exists());
    let run = ip("{% for node in nodes %}{{ node.ip }} x\n{% endfor %}");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // And a map that became wrong is checked although no line of the configuration changed.
    let run = ip("nonsense x\n");
    assert_eq!(run.code, Some(100), "{}", run.stderr);
}

#[test]
fn a_map_is_checked_however_its_path_is_written() {
    for written in ["etc/../etc/hosts.map", "etc//hosts.map", "link/hosts.map"] {
        let fixture = with_map();
        std::os::unix::fs::symlink("etc", fixture.path("link")).unwrap();
        let plain = map(&fixture).display().to_string();
        let written = fixture.path("").display().to_string() + written;
        let config = std::fs::read_to_string(fixture.path("haproxy.cfg.tera")).unwrap();
        fixture.template(&config.replace(&format!("map({plain}"), &format!("map_ip({written}")));
        write(&fixture.path("hosts.map.tera"), "10.0.0.1 good\n");
        assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0), "{written}");
        write(&fixture.path("hosts.map.tera"), "nonsense bad\n");
        let run = run_pairs(&fixture, &BOTH, &[]);
        assert_eq!(run.code, Some(100), "{written}: {}", run.stderr);
        let kept = std::fs::read_to_string(map(&fixture)).unwrap();
        assert_eq!(kept, "10.0.0.1 good\n");
    }
}

#[test]
fn a_node_may_be_called_as_a_map_is() {
    let fixture = with_map();
    fixture.node("hosts.map 10.0.0.9");
    let run = run_pairs(&fixture, &BOTH, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fixture.servers().len(), 2);
}

#[test]
fn a_file_that_nobody_reads_is_told() {
    let fixture = with_map();
    let [config, _] = BOTH;
    let pairs = [config, ("hosts.map.tera", "etc/hosst.map")];
    write(&map(&fixture), "");
    let run = run_pairs(&fixture, &pairs, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = format!("does not name {}", fixture.path("etc/hosst.map").display());
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    // Only when it changes, since this might be meant.
    assert_eq!(run_pairs(&fixture, &pairs, &[]).stderr, "");
}

#[test]
fn a_map_that_is_made_no_more_is_told() {
    let fixture = with_map();
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("/etc/hosts.map was made together with"),
        "{}",
        run.stderr
    );
    assert_eq!(fixture.run(&[]).stderr, "");
}

#[test]
fn a_map_without_a_comment_serves_what_its_configuration_serves() {
    let fixture = with_map();
    let config = std::fs::read_to_string(fixture.path("haproxy.cfg.tera")).unwrap();
    fixture.template(&format!("{{#- services: web -#}}\n{config}"));
    fixture.node("w1 10.0.0.2 service=web");
    let run = run_pairs(&fixture, &BOTH, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        std::fs::read_to_string(map(&fixture)).unwrap(),
        "w1.example w1\n"
    );
    assert!(run.stderr.contains("serves: s1 (none); "), "{}", run.stderr);
}

/// What the template of the fixture makes, on stdout.
fn printed(fixture: &Fixture) -> Run {
    let mut command = Fixture::bare();
    command.arg("--nodes").arg(fixture.nodes());
    command
        .arg("--template")
        .arg(fixture.path("haproxy.cfg.tera"));
    command.args(["--output", "-"]).output().unwrap().into()
}

#[test]
fn a_template_that_has_no_use_for_nodes_says_nothing_of_them() {
    let fixture = Fixture::with_nodes("{{ 1 + 1 }}", &["w1 10.0.0.2 service=web"]);
    let run = printed(&fixture);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("2\n", ""));
}

#[test]
fn what_is_printed_has_no_comment_of_ours_in_front() {
    let fixture = Fixture::with_nodes("x {{ capacity }}", &["s1 10.0.0.1"]);
    let run = printed(&fixture);
    assert_eq!(run.stdout, "x 16\n");
}

#[test]
fn the_digest_of_a_map_is_that_of_the_new_one() {
    let fixture = with_map();
    let digest = "setenv HOSTS {{ file_digest(path='etc/hosts.map') }}\n    stats";
    let config = std::fs::read_to_string(fixture.path("haproxy.cfg.tera")).unwrap();
    fixture.template(&config.replacen("stats", digest, 1));
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    fixture.node("s2 10.0.0.2");
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(1));
}

#[test]
fn several_configurations_are_checked_and_fingerprinted_as_one() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let (head, backend) = TEMPLATE.split_once("\nbackend nodes\n").unwrap();
    write(&fixture.path("a.tera"), format!("{head}\n"));
    write(&fixture.path("b.tera"), format!("backend nodes{backend}"));
    let pairs = [("a.tera", "etc/a.cfg"), ("b.tera", "etc/b.cfg")];
    let run = run_pairs(&fixture, &pairs, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = |name: &str| std::fs::read_to_string(fixture.path(name)).unwrap();
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert_eq!(text("etc/a.cfg") + &text("etc/b.cfg"), fixture.config());
    write(
        &fixture.path("b.tera"),
        format!("backend nodes\n    frobnicate\n{backend}"),
    );
    let run = run_pairs(&fixture, &pairs, &[]);
    assert_eq!(run.code, Some(100));
    let place = format!("{} line 2]", fixture.path("etc/b.cfg").display());
    assert!(run.stderr.contains(&place), "{}", run.stderr);
}

#[test]
fn a_difference_is_shown_for_each_file() {
    let fixture = with_map();
    let run = run_pairs(&fixture, &BOTH, &["--diff"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("+s1.example s1") && run.stdout.contains("+global"));
    assert!(names_in(&fixture).is_empty());
    assert_eq!(run_pairs(&fixture, &BOTH, &[]).code, Some(0));
    assert_eq!(run_pairs(&fixture, &BOTH, &["--diff"]).code, Some(1));
}

/// A template for a hosts file, with its check.
fn hosts(fixture: &Fixture, check: &str) -> Run {
    write(
        &fixture.path("hosts.tera"),
        "127.0.0.1 localhost\n{% for node in nodes %}{{ node.ip }} {{ node.name }}\n{% endfor %}",
    );
    run_pairs(fixture, &[("hosts.tera", "etc/hosts")], &["--check", check])
}

#[test]
fn a_file_of_another_program_is_checked_by_its_own_command() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = hosts(&fixture, "grep -q localhost \"$1\"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let hosts_file = || std::fs::read_to_string(fixture.path("etc/hosts")).unwrap();
    assert_eq!(hosts_file(), "127.0.0.1 localhost\n10.0.0.1 s1\n");
    fixture.node("s2 10.0.0.2");
    let run = hosts(&fixture, "! grep s2 \"$1\"");
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert!(run.stderr.contains("refuses it (exit 1)"), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("stays:\n  10.0.0.2 s2\n"),
        "{}",
        run.stderr
    );
    assert!(!hosts_file().contains("s2"));
    assert_eq!(hosts(&fixture, "true").code, Some(0));
    // What is as it was needs no check.
    assert_eq!(hosts(&fixture, "false").code, Some(1));
}

#[test]
fn a_check_that_cannot_run_is_a_failure_and_no_refusal() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = hosts(&fixture, "no-such-program \"$1\"");
    assert_eq!(run.code, Some(111), "{}", run.stderr);
    assert!(!fixture.path("etc/hosts").exists());
}

#[test]
fn a_file_that_is_none_of_haproxys_is_told_what_to_do() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    write(&fixture.path("hosts.tera"), "127.0.0.1 localhost\n");
    let run = run_pairs(&fixture, &[("hosts.tera", "etc/hosts")], &[]);
    assert_eq!(run.code, Some(100));
    assert!(
        run.stderr.contains("name its check with --check"),
        "{}",
        run.stderr
    );
}

#[test]
fn each_template_serves_its_own_services() {
    let fixture = Fixture::with_nodes(
        TEMPLATE,
        &[
            "s1 10.0.0.1",
            "a1 10.0.0.2 service=api",
            "x 10.0.0.3 service=other",
        ],
    );
    write(
        &fixture.path("api.map.tera"),
        format!("{{#- services: api -#}}\n{MAP}"),
    );
    let pairs = [
        ("haproxy.cfg.tera", "etc/haproxy.cfg"),
        ("api.map.tera", "etc/api.map"),
    ];
    let run = run_pairs(&fixture, &pairs, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fixture.servers().len(), 1);
    let api = std::fs::read_to_string(fixture.path("etc/api.map")).unwrap();
    assert_eq!(api, "a1.example a1\n");
    assert!(run.stderr.contains("serves: x (other); "), "{}", run.stderr);
}
