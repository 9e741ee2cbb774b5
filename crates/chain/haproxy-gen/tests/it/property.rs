//! Whatever the nodes are, HAProxy takes the file, and a second run has nothing to do.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nodes::check_address;
use proptest::prelude::*;

use crate::fixture::Fixture;

const TEMPLATES: [&str; 2] = [
    include_str!("../../../../../ha/config/haproxy.cfg.tera"),
    include_str!("../../../../../ha/config/services.cfg.tera"),
];

type Lines = BTreeMap<String, String>;

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9_])?"
}

fn address() -> impl Strategy<Value = IpAddr> {
    any::<IpAddr>().prop_filter("a node may have it", |ip| check_address(*ip).is_ok())
}

fn service() -> impl Strategy<Value = String> {
    prop_oneof![Just("web".to_string()), Just("api".to_string()), name()]
}

fn line() -> impl Strategy<Value = String> {
    let tags = (
        proptest::option::of(1..=u16::MAX),
        proptest::option::of(0..=256u16),
        proptest::option::of(service()),
        proptest::option::of("[a-z]{1,8}=[A-Za-z0-9._:-]{1,20}"),
    );
    (address(), tags).prop_map(|(ip, (port, weight, service, tag))| {
        let mut line = ip.to_string();
        let port = port.map(|port| format!(" port={port}"));
        let weight = weight.map(|weight| format!(" weight={weight}"));
        let service = service.map(|service| format!(" service={service}"));
        let tag = tag.map(|tag| format!(" x{tag}"));
        for word in [port, weight, service, tag].into_iter().flatten() {
            line.push_str(&word);
        }
        line
    })
}

fn memberships() -> impl Strategy<Value = Vec<Lines>> {
    let lines = proptest::collection::btree_map(name(), line(), 0..12);
    proptest::collection::vec(lines, 2..5)
}

fn become_members(fixture: &Fixture, lines: &Lines) {
    for entry in std::fs::read_dir(fixture.nodes()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, line) in lines {
        fixture.node(&format!("{name} {line}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn haproxy_takes_every_membership(which in 0..TEMPLATES.len(), memberships in memberships()) {
        let fixture = Fixture::new(TEMPLATES[which]);
        for lines in memberships {
            become_members(&fixture, &lines);
            let run = fixture.run(&[]);
            prop_assert!(matches!(run.code, Some(0 | 1)), "{}", run.stderr);
            prop_assert_eq!(fixture.haproxy_takes_it(), Ok(()));
            prop_assert_eq!(fixture.run(&[]).code, Some(1));
        }
    }
}
