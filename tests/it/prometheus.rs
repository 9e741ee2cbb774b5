//! What `deploy/prometheus` has for a Prometheus, judged by Prometheus' own tool.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use harness::cluster::{BALANCER, Cluster};
use harness::{http, require, root};

/// Where a balancer serves its page.
const PAGE: u16 = 1940;

const FOLDER: &str = "deploy/prometheus";
const RULES: &str = "muster.rules.yml";
const TESTS: &str = "muster.rules.test.yml";

fn promtool(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(require("promtool"));
    command.current_dir(folder).args(arguments);
    command.output().unwrap()
}

/// What it has to say, if anything is wrong.
fn objections(output: &Output) -> Option<String> {
    let told = format!("{output:?}");
    (!output.status.success()).then_some(told)
}

#[test]
fn rules_their_tests_and_the_configuration_are_clean() {
    let folder = root().join(FOLDER);
    for arguments in [
        &["check", "rules", "--lint=all", "--lint-fatal", RULES][..],
        &["test", "rules", TESTS],
        &[
            "check",
            "config",
            "--lint=all",
            "--lint-fatal",
            "prometheus.yml",
        ],
    ] {
        assert_eq!(
            objections(&promtool(&folder, arguments)),
            None,
            "{arguments:?}"
        );
    }
}

/// Some piece of the rules, and another one with which they would wake nobody, or everybody.
const FALSIFIED: &[(&str, &str)] = &[
    ("last_run_successful == 0", "last_run_successful == 1"),
    ("timestamp_seconds > 60", "timestamp_seconds > 600"),
    ("or up{job=\"muster\"} == 0", "or up{job=\"muster\"} == 2"),
    ("for: 5m", "for: 5s"),
    ("removals_held > 0", "removals_held > 3"),
    ("haproxy_agrees == 0", "haproxy_agrees == 2"),
    ("or up{job=\"haproxy\"} == 0", ""),
    ("for: 2m", "for: 10m"),
    ("for: 2m", "for: 0s"),
];

#[test]
fn the_tests_of_the_rules_tell_a_rule_that_is_wrong() {
    let read = |file| fs::read_to_string(root().join(FOLDER).join(file)).unwrap();
    let rules = read(RULES);
    let folder = harness::scratch();
    let write = |file, text: &str| {
        let path = folder.path().join(file);
        files::replace(&path, text.as_bytes(), files::Durability::Unsynced).unwrap();
    };
    write(TESTS, &read(TESTS));
    for (piece, wrong) in FALSIFIED {
        assert!(rules.contains(piece), "there is no {piece:?}");
        write(RULES, &rules.replace(piece, wrong));
        let output = promtool(folder.path(), &["test", "rules", TESTS]);
        assert!(objections(&output).is_some(), "{wrong:?} for {piece:?}");
    }
}

/// The words in an expression that can be names of series.
fn series(expression: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_name(c));
    words
        .filter(|word| word.starts_with("muster_"))
        .map(str::to_owned)
        .collect()
}

/// The rows of the page's table of metrics: a family, and a question that it answers.
fn on_the_page() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/seeing.md")).unwrap();
    let mut rows = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `muster_")) {
        // A bar of a question is not the end of a column.
        let line = line.replace("\\|", "\u{1}");
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, family, _, _, _, question, _] = columns[..] else {
            panic!("five columns: {line}");
        };
        let [family, question] = [family, question].map(|it| it.trim_matches('`'));
        rows.push((family.to_owned(), question.replace('\u{1}', "|")));
    }
    rows
}

#[test]
fn every_question_on_the_page_is_one_of_its_family_that_prometheus_understands() {
    let rows = on_the_page();
    for (family, question) in &rows {
        assert!(question.contains(family), "{family}: {question}");
    }
    let rule = |(number, (_, question)): (usize, &(String, String))| {
        format!("  - record: q{number}\n    expr: '{question}'\n")
    };
    let rules: Vec<String> = rows.iter().enumerate().map(rule).collect();
    let rules = "groups:\n- name: questions\n  rules:\n".to_owned() + &rules.concat();
    let folder = harness::scratch();
    let path = folder.path().join("questions.yml");
    files::replace(&path, rules.as_bytes(), files::Durability::Unsynced).unwrap();
    let output = promtool(folder.path(), &["check", "rules", "questions.yml"]);
    assert_eq!(objections(&output), None);
}

#[test]
fn every_series_of_an_alert_is_a_family_that_the_page_explains() {
    let families: BTreeSet<String> = on_the_page().into_iter().map(|row| row.0).collect();
    assert!(families.len() > 15, "{families:?}");
    for file in [RULES, TESTS] {
        let text = fs::read_to_string(root().join(FOLDER).join(file)).unwrap();
        let used = series(&text);
        assert!(used.len() > 3, "{file}: {used:?}");
        assert_eq!(used.difference(&families).next(), None, "{file}");
    }
}

/// Samples that are there although nothing of that kind has happened, so that the first time is
/// an increase.
const FROM_ZERO_ON: &[&str] = &[
    "muster_chain_step_failures_total{step=\"haproxy-gen\",code=\"100\"}",
    "muster_node_changes_total{change=\"died\"}",
    "muster_node_changes_total{change=\"refused\"}",
    "muster_haproxy_reloads_total{kind=\"asked\"}",
    "muster_nodes{state=\"held\"}",
    "muster_members{status=\"failed\"}",
    "muster_members_refused",
    "muster_removals_held",
];

#[test]
fn the_metrics_of_a_cluster_are_clean_and_those_of_the_page_and_name_no_node() {
    let cluster = Cluster::up(139, 2);
    let answer = http::get(cluster.at_port(BALANCER, PAGE), "/metrics").unwrap();
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let file = harness::scratch();
    let path = file.path().join("metrics");
    files::replace(&path, &answer.body, files::Durability::Unsynced).unwrap();
    let mut check = Command::new(require("promtool"));
    check
        .args(["check", "metrics"])
        .stdin(fs::File::open(&path).unwrap());
    let output = check.output().unwrap();
    assert_eq!(objections(&output), None, "{text}");
    // It tells what is bad style without an error.
    assert!(
        output.stderr.is_empty() && output.stdout.is_empty(),
        "{output:?}"
    );

    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types: BTreeSet<String> = types.map(|line| first_word(line).to_owned()).collect();
    let families: BTreeSet<String> = on_the_page().into_iter().map(|row| row.0).collect();
    assert_eq!(types, families);

    for sample in FROM_ZERO_ON {
        let mut lines = text.lines();
        let is_zero = lines.any(|line| line.strip_prefix(sample) == Some(" 0"));
        assert!(is_zero, "{sample} is not there, or not 0:\n{text}");
    }
    for name in ["s1", "s2"] {
        let quoted = format!("\"{name}\"");
        assert!(!text.contains(&quoted), "{name} is in it:\n{text}");
    }
}

fn first_word(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}
