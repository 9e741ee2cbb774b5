//! Whatever others write, nothing of it steers a terminal or turns a line around.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::view::safe::is_hidden;

/// Text as an attacker would have it.
fn text() -> impl Strategy<Value = String> {
    let wicked = prop::sample::select(vec![
        "\u{202e}",
        "\u{1b}[2J",
        "\u{9b}",
        "\n",
        "\r\n\r\n",
        "</script>",
        "\u{feff}",
        "\u{200f}",
        "<img src=x onerror=alert(1)>",
        "\u{2028}data: x\n\n",
        "\0",
        "\u{7f}",
        "s1",
        "\u{e0041}",
        "nodes/",
        "for good: ",
        "..",
    ]);
    let piece = prop_oneof![wicked.prop_map(str::to_owned), ".{0,5}", "\\PC*"];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(NOW),
        Just(0.0),
        Just(1e300),
        Just(-1e9),
        NOW - 700.0..NOW + 700.0
    ]
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let step = prop_oneof![
        Just("serf-nodes".to_owned()),
        Just("haproxy-reload".to_owned()),
        Just("haproxy-gen".to_owned()),
        text()
    ];
    let line = (
        number(),
        step,
        any::<u8>(),
        prop::collection::vec(text(), 6),
    )
        .prop_map(|(t, step, code, texts)| Line {
            t,
            run: Some(texts[0].clone()),
            step,
            code,
            error: Some(texts[1].clone()),
            after: Some(t),
            added: vec![texts[2].clone()],
            died: vec![texts[3].clone()],
            refused: texts[1..5].to_vec(),
            wrote: vec![texts[3].clone()],
            set: vec![texts[4].clone()],
            reload: Some(texts[5].clone()),
            at: BTreeMap::from([(texts[2].clone(), texts[1].clone())]),
            why: BTreeMap::from([(texts[3].clone(), texts[2].clone())]),
            ..Line::default()
        });
    prop::collection::vec(line, 0..4)
}

fn state() -> impl Strategy<Value = State> {
    (number(), prop::collection::vec(text(), 9)).prop_map(|(t, texts)| {
        let lost = Lost {
            since: t,
            until: (t > NOW).then_some(t),
            why: texts[1].clone(),
        };
        let refused = Refused {
            name: texts[2].clone(),
            address: texts[3].clone(),
            why: texts[4].clone(),
        };
        let failing = Failing {
            since: t,
            code: 111,
            error: texts[5].clone(),
        };
        State {
            begin: t,
            failing: if t < NOW {
                [(texts[6].clone(), failing)].into()
            } else {
                BTreeMap::new()
            },
            postponed: Some(texts[7].clone()),
            journal: Some(texts[8].clone()),
            facts: Facts {
                members: [(texts[0].clone(), 3)].into(),
                lost: [(texts[0].clone(), lost)].into(),
                held: (t == NOW).then(|| texts[1].clone()),
                refused: vec![refused],
                refused_all: 1,
                balancers: [(texts[2].clone(), texts[3].clone())].into(),
            },
            ..State::default()
        }
    })
}

fn haproxy() -> impl Strategy<Value = Haproxy> {
    let server = prop::collection::vec(text(), 5).prop_map(|texts| {
        let stat = Stat {
            status: texts[0].clone(),
            check: texts[1].clone(),
            check_words: texts[2].clone(),
            ..Stat::default()
        };
        (format!("{}/{}", texts[3], texts[4]), stat)
    });
    let servers = prop::collection::vec(server, 0..4);
    (text(), servers).prop_map(|(version, servers)| Haproxy {
        version,
        uptime: 1,
        servers: servers.into_iter().collect(),
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let chain = prop_oneof![
        state().prop_map(|state| Ok(Some(state))),
        Just(Ok(None)),
        text().prop_map(Err)
    ];
    let haproxy = prop_oneof![haproxy().prop_map(Ok), text().prop_map(Err)];
    let nodes = prop_oneof![
        (text(), text()).prop_map(|(name, why)| {
            let refused = nodes::Refused {
                path: format!("/nodes/{name}").into(),
                why,
                is_folder: false,
            };
            Ok(vec![refused])
        }),
        text().prop_map(Err)
    ];
    let parts = (
        chain,
        haproxy,
        nodes,
        lines(),
        prop::collection::vec(text(), 4),
    );
    parts.prop_map(|(chain, haproxy, nodes, lines, texts)| Snapshot {
        name: texts[0].clone(),
        chain,
        nodes: nodes.map(|refused| {
            Arc::new(Listing {
                nodes: vec![node("s1", 0)],
                refused,
                ..Listing::default()
            })
        }),
        haproxy,
        journal: Arc::new(lines),
        journal_unread: Some(texts[1].clone()),
        services: Ok(vec![Record {
            name: texts[2].clone(),
            status: Err(texts[3].clone()),
            seconds: 0,
            restarts: 0,
        }]),
        ..cluster(0)
    })
}

fn check(value: &Value) {
    match value {
        Value::String(text) => {
            assert!(!text.chars().any(is_hidden), "{text:?}");
            assert!(text.chars().count() <= 750, "{text}");
        }
        Value::Array(values) => values.iter().for_each(check),
        Value::Object(values) => values.iter().for_each(|(key, value)| {
            check(&Value::String(key.clone()));
            check(value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn no_text_of_a_page_has_a_hidden_character_whatever_was_read(snapshot in snapshot()) {
        let mut history = History::default();
        history.add(&snapshot);
        check(&serde_json::to_value(view(&snapshot, &history)).unwrap());
    }
}

#[test]
fn a_name_that_would_turn_the_line_around_is_spelled_out() {
    let mut cluster = cluster(1);
    let refused = Refused {
        name: "s1\u{202e}<img src=x onerror=alert(1)>".to_owned(),
        address: String::new(),
        why: "its name has a character that none may have".to_owned(),
    };
    cluster.state().facts.refused = vec![refused];
    cluster.state().facts.refused_all = 1;
    let view = cluster.view();
    assert_eq!(
        view.nodes[1].name,
        r"s1\u{202e}<img src=x onerror=alert(1)>"
    );
    assert_eq!(view.nodes[1].address, None);
}
