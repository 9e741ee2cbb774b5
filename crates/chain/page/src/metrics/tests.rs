use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::facts::Haproxy;

fn snapshot() -> Snapshot {
    Snapshot {
        name: "ha".to_owned(),
        now: 1_700_000_000.0,
        patience: None,
        chain: Ok(None),
        age: None,
        nodes: Ok(Arc::default()),
        haproxy: Ok(Haproxy::default()),
        journal: Arc::default(),
        journal_unread: None,
        services: Ok(Vec::new()),
    }
}

/// One that has seen everything.
fn old() -> Snapshot {
    let mut state = State {
        end: Some(1_699_999_990.125),
        success: Some(1_699_999_990.125),
        ..State::default()
    };
    let mut histogram = Histogram::default();
    for seconds in [0.0005, 0.003, 0.003, 700.0] {
        histogram.observe(seconds);
    }
    state
        .totals
        .durations
        .insert("haproxy-gen".to_owned(), histogram);
    let failures = BTreeMap::from([(111, 2), (137, 1)]);
    state
        .totals
        .failures
        .insert("haproxy-reload".to_owned(), failures);
    state.totals.reloads.insert("again".to_owned(), 4);
    state.totals.changes.insert("died".to_owned(), 3);
    state.facts.members.insert("alive".to_owned(), 6);
    state.facts.members.insert("a\"b\\c\nd\u{1b}".to_owned(), 1);
    let record = |name: &str, status| Record {
        name: name.to_owned(),
        status,
        seconds: 1,
        restarts: 2,
    };
    let up = servicedir::Status {
        pid: 7,
        ..servicedir::Status::default()
    };
    Snapshot {
        chain: Ok(Some(state)),
        age: Some(Duration::from_secs(10)),
        services: Ok(vec![
            record("ha", Ok(up)),
            record("serf", Err("torn".to_owned())),
        ]),
        ..snapshot()
    }
}

fn value<'a>(text: &'a str, sample: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
}

#[test]
fn every_counter_is_there_from_the_beginning() {
    let text = metrics(&snapshot());
    for sample in [
        "muster_chain_last_run_successful",
        "muster_chain_last_run_timestamp_seconds",
        "muster_chain_last_success_timestamp_seconds",
        "muster_chain_runs_total{result=\"succeeded\"}",
        "muster_chain_runs_total{result=\"failed\"}",
        "muster_chain_step_failures_total{step=\"haproxy-gen\",code=\"100\"}",
        "muster_chain_step_failures_total{step=\"serf-members\",code=\"111\"}",
        "muster_chain_step_duration_seconds_bucket{step=\"serf-nodes\",le=\"+Inf\"}",
        "muster_nodes{state=\"serves\"}",
        "muster_nodes{state=\"died\"}",
        "muster_removals_held",
        "muster_members{status=\"failed\"}",
        "muster_members_refused",
        "muster_node_changes_total{change=\"died\"}",
        "muster_haproxy_agrees",
        "muster_haproxy_reloads_total{kind=\"silent\"}",
        "muster_haproxy_last_reload_timestamp_seconds",
    ] {
        assert_eq!(value(&text, sample), Some("0"), "{sample}\n{text}");
    }
    let build = format!(
        "muster_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(value(&text, &build), Some("1"));
}

#[test]
fn what_was_counted_is_there() {
    let text = metrics(&old());
    for (sample, want) in [
        ("muster_chain_last_run_successful", "1"),
        ("muster_chain_last_run_timestamp_seconds", "1699999990.125"),
        (
            "muster_chain_step_failures_total{step=\"haproxy-reload\",code=\"111\"}",
            "2",
        ),
        (
            "muster_chain_step_failures_total{step=\"haproxy-reload\",code=\"137\"}",
            "1",
        ),
        (
            "muster_chain_step_duration_seconds_bucket{step=\"haproxy-gen\",le=\"0.001\"}",
            "1",
        ),
        (
            "muster_chain_step_duration_seconds_bucket{step=\"haproxy-gen\",le=\"0.005\"}",
            "3",
        ),
        (
            "muster_chain_step_duration_seconds_bucket{step=\"haproxy-gen\",le=\"60\"}",
            "3",
        ),
        (
            "muster_chain_step_duration_seconds_bucket{step=\"haproxy-gen\",le=\"+Inf\"}",
            "4",
        ),
        (
            "muster_chain_step_duration_seconds_count{step=\"haproxy-gen\"}",
            "4",
        ),
        ("muster_members{status=\"alive\"}", "6"),
        ("muster_members{status=\"a\\\"b\\\\c\\nd\\\\u{1b}\"}", "1"),
        ("muster_haproxy_agrees", "1"),
        ("muster_haproxy_reloads_total{kind=\"again\"}", "4"),
        ("muster_service_up{service=\"ha\"}", "1"),
        ("muster_service_up{service=\"serf\"}", "0"),
        ("muster_service_restarts_total{service=\"ha\"}", "2"),
    ] {
        assert_eq!(value(&text, sample), Some(want), "{sample}\n{text}");
    }
}

#[test]
fn a_chain_that_stands_still_is_no_younger_when_the_clock_is_set_back() {
    let mut snapshot = old();
    snapshot.now -= 86_400.0;
    snapshot.age = Some(Duration::from_secs(600));
    let text = metrics(&snapshot);
    let last = value(&text, "muster_chain_last_run_timestamp_seconds");
    assert_eq!(last, Some("1699913000"));
}

#[test]
fn each_family_is_described_once_before_its_samples() {
    for text in [metrics(&snapshot()), metrics(&old())] {
        assert!(text.ends_with('\n'));
        let (mut described, mut kind, mut seen) = (BTreeSet::new(), "", BTreeSet::new());
        let mut family = "";
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap();
                assert!(described.insert(family), "{line}");
            } else if let Some(typed) = line.strip_prefix("# TYPE ") {
                kind = typed.strip_prefix(family).unwrap().trim();
                assert_eq!(kind == "counter", family.ends_with("_total"));
            } else {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let name = sample.split('{').next().unwrap();
                let end = name.strip_prefix(family).unwrap();
                let ends = ["_bucket", "_sum", "_count"];
                assert_eq!(kind == "histogram", ends.contains(&end), "{line}");
                assert!(
                    value.parse::<f64>().is_ok() && seen.insert(sample),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn a_state_is_called_as_on_the_page() {
    for (state, word) in STATES {
        assert_eq!(serde_json::to_value(state).unwrap(), word);
    }
}

#[test]
fn no_label_is_the_name_of_a_node() {
    let mut snapshot = old();
    let state = snapshot.chain.as_mut().unwrap().as_mut().unwrap();
    state
        .facts
        .lost
        .insert("node-77".to_owned(), journal::Lost::default());
    let text = metrics(&snapshot);
    assert_eq!(value(&text, "muster_nodes{state=\"held\"}"), Some("1"));
    assert_eq!(value(&text, "muster_removals_held"), Some("1"));
    assert!(!text.contains("node-77"));
}
