//! The page's words as the manual: what stands there when something happens.

mod hostile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use haproxy_socket::stat::Stat;
use journal::{Facts, Failing, Line, Lost, Refused, State};
use nodes::{Listing, Name, Node};

use super::*;
use crate::facts::{Haproxy, Record};

/// The moment of all these tests.
const NOW: f64 = 1_700_000_000.0;

fn node(name: &str, host: usize) -> Node {
    let (above, host) = (host / 250, host % 250 + 1);
    let line = format!("{name} 10.0.{above}.{host}\n");
    Node::parse(&Name::parse(name).unwrap(), &line).unwrap()
}

fn stat(status: &str) -> Stat {
    let check = if status == "UP" { "L7OK 200" } else { "L4CON" };
    Stat {
        status: status.to_owned(),
        check: check.to_owned(),
        check_words: "Layer4 connection problem: Connection refused".to_owned(),
        rate: 7,
        check_ms: Some(2),
        weight: Some(100),
        ..Stat::default()
    }
}

/// A cluster whose nodes are called s1, s2 and so on, and all serve.
fn cluster(nodes: usize) -> Snapshot {
    let names: Vec<String> = (1..=nodes).map(|number| format!("s{number}")).collect();
    let listed = names
        .iter()
        .enumerate()
        .map(|(host, name)| node(name, host));
    let listing = Listing {
        nodes: listed.collect(),
        ..Listing::default()
    };
    let servers = names
        .iter()
        .map(|name| (format!("nodes/{name}"), stat("UP")));
    let mut servers: BTreeMap<String, Stat> = servers.collect();
    servers.insert("repeated/again".to_owned(), stat("no check"));
    let mut facts = Facts::default();
    facts.members.insert("alive".to_owned(), nodes as u64 + 1);
    Snapshot {
        name: "ha".to_owned(),
        now: NOW,
        patience: Some(Duration::from_secs(30)),
        chain: Ok(Some(State {
            begin: NOW - 2.0,
            end: Some(NOW - 2.0),
            facts,
            ..State::default()
        })),
        age: Some(Duration::from_secs(2)),
        nodes: Ok(Arc::new(listing)),
        haproxy: Ok(Haproxy {
            version: "3.0.11".to_owned(),
            uptime: 100,
            servers,
        }),
        journal: Arc::default(),
        journal_unread: None,
        services: Ok(Vec::new()),
    }
}

impl Snapshot {
    fn state(&mut self) -> &mut State {
        self.chain.as_mut().unwrap().as_mut().unwrap()
    }

    fn server(&mut self, name: &str, status: &str) {
        let servers = &mut self.haproxy.as_mut().unwrap().servers;
        servers.insert(format!("nodes/{name}"), stat(status));
    }

    fn without(&mut self, name: &str) {
        let listing = Arc::make_mut(self.nodes.as_mut().unwrap());
        listing.nodes.retain(|node| node.name.as_str() != name);
        let servers = &mut self.haproxy.as_mut().unwrap().servers;
        servers.remove(&format!("nodes/{name}"));
    }

    fn lose(&mut self, name: &str, until: Option<f64>) {
        let lost = Lost {
            since: NOW - 3.0,
            until,
            why: "it has failed".to_owned(),
        };
        self.state().facts.lost.insert(name.to_owned(), lost);
    }

    fn note(&mut self, lines: impl IntoIterator<Item = Line>) {
        Arc::make_mut(&mut self.journal).extend(lines);
    }

    fn view(&self) -> View {
        view(self, &History::default())
    }

    fn sentence(&self) -> (Level, String) {
        let sentence = self.view().sentence;
        (sentence.level, sentence.text)
    }
}

fn line(t: f64, step: &str) -> Line {
    Line {
        t,
        run: Some(format!("run-{t}")),
        step: step.to_owned(),
        ..Line::default()
    }
}

fn some(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

fn has(view: &View, name: &str) -> bool {
    view.nodes.iter().any(|node| node.name == name)
}

/// The state and the words of a node.
fn tile(view: &View, name: &str) -> (NodeState, String) {
    let node = view.nodes.iter().find(|node| node.name == name).unwrap();
    (node.state, node.words.clone())
}

fn said(state: NodeState, words: &str) -> (NodeState, String) {
    (state, words.to_owned())
}

fn texts(view: &View) -> Vec<&str> {
    view.events
        .iter()
        .map(|event| event.text.as_str())
        .collect()
}

#[test]
fn where_all_nodes_serve_all_is_well() {
    let cluster = cluster(5);
    let view = cluster.view();
    let sentence = (view.sentence.level, view.sentence.text.as_str());
    assert_eq!(sentence, (Level::Well, "5 of 5 nodes serve"));
    let counts: Vec<_> = view
        .chain
        .iter()
        .map(|stage| (stage.id, stage.count))
        .collect();
    let want = [("serf", 6), ("nodes", 5), ("config", 5), ("haproxy", 5)];
    assert_eq!(counts, want.map(|(id, count)| (id, Some(count))));
    assert!(view.chain.iter().all(|stage| stage.level == Level::Well));
    assert_eq!(view.chain[3].title, "HAProxy 3.0.11");
    assert_eq!(tile(&view, "s3"), said(NodeState::Serves, "serves"));
    assert_eq!(view.nodes[0].address.as_deref(), Some("10.0.0.1:3000"));
    assert_eq!(
        (view.nodes[0].weight, view.nodes[0].rate),
        (Some(100), Some(7))
    );
    assert_eq!((view.as_of.as_str(), view.nodes.len()), ("22:13:20", 5));
}

#[test]
fn a_node_that_joins_is_there_before_haproxy_has_it() {
    let mut cluster = cluster(2);
    let listing = Arc::make_mut(cluster.nodes.as_mut().unwrap());
    listing.nodes.push(node("s7", 6));
    let view = cluster.view();
    assert_eq!(
        tile(&view, "s7"),
        said(NodeState::New, "not yet in HAProxy")
    );
    assert_eq!(
        view.sentence.text,
        "2 of 3 nodes serve; s7 does not serve yet"
    );
    cluster.server("s7", "UP");
    cluster.note([
        Line {
            added: some("s7"),
            at: BTreeMap::from([("s7".to_owned(), "10.0.0.7".to_owned())]),
            ..line(NOW - 1.0, "serf-nodes")
        },
        Line {
            wrote: some("/var/haproxy/haproxy.cfg"),
            ..line(NOW - 1.0, "haproxy-gen")
        },
        Line {
            added: some("nodes/s7"),
            ..line(NOW - 1.0, "haproxy-reload")
        },
    ]);
    let view = cluster.view();
    assert_eq!(tile(&view, "s7"), said(NodeState::Serves, "serves"));
    let want = [
        "haproxy.cfg written; HAProxy: 1 server added",
        "s7 joined, at 10.0.0.7",
    ];
    assert_eq!(texts(&view), want);
    assert_eq!(
        (view.events[1].kind, view.events[1].time.as_str()),
        ("joined", "22:13:19.000")
    );
}

#[test]
fn a_node_that_leaves_is_shown_for_ten_minutes() {
    let mut cluster = cluster(3);
    cluster.without("s3");
    cluster.note([Line {
        left: some("s3"),
        at: BTreeMap::from([("s3".to_owned(), "10.0.0.3".to_owned())]),
        ..line(NOW - 130.0, "serf-nodes")
    }]);
    let view = cluster.view();
    assert_eq!(tile(&view, "s3"), said(NodeState::Left, "left 2 min ago"));
    assert_eq!(view.nodes[2].address.as_deref(), Some("10.0.0.3"));
    assert_eq!(texts(&view), ["s3 left, was at 10.0.0.3"]);
    assert_eq!(view.sentence.text, "2 of 2 nodes serve");
    cluster.now += 480.0;
    cluster.age = Some(Duration::ZERO);
    assert!(!has(&cluster.view(), "s3"));
}

#[test]
fn a_node_that_leaves_finishes_its_requests() {
    let mut cluster = cluster(3);
    cluster.without("s3");
    cluster.server("s3", "MAINT");
    let servers = &mut cluster.haproxy.as_mut().unwrap().servers;
    servers.get_mut("nodes/s3").unwrap().sessions = 2;
    cluster.note([Line {
        left: some("s3"),
        ..line(NOW - 2.0, "serf-nodes")
    }]);
    let words = "left 2 s ago, finishes 2 requests";
    assert_eq!(tile(&cluster.view(), "s3"), said(NodeState::Left, words));
    assert_eq!(
        cluster.sentence(),
        (Level::Well, "2 of 2 nodes serve".to_owned())
    );
}

#[test]
fn a_node_that_is_killed_does_not_answer_then_is_lost_then_has_died() {
    let mut cluster = cluster(5);
    cluster.server("s4", "DOWN");
    let view = cluster.view();
    assert_eq!(
        tile(&view, "s4"),
        said(NodeState::Silent, "does not answer")
    );
    let why = "Layer4 connection problem: Connection refused";
    assert_eq!(view.nodes[3].why.as_deref(), Some(why));
    assert_eq!(
        cluster.sentence(),
        (Level::Warn, "4 of 5 nodes serve; s4 does not answer".into())
    );
    cluster.lose("s4", Some(NOW + 27.5));
    let view = cluster.view();
    assert_eq!(
        tile(&view, "s4"),
        said(NodeState::Lost, "lost, goes in 27 s")
    );
    assert!(
        view.nodes[3]
            .why
            .as_deref()
            .unwrap()
            .starts_with("it has failed; Layer4")
    );
    cluster.without("s4");
    cluster.state().facts.lost.clear();
    cluster.note([Line {
        died: some("s4"),
        why: BTreeMap::from([("s4".into(), "it has failed, and its 30 s were over".into())]),
        ..line(NOW - 5.0, "serf-nodes")
    }]);
    let view = cluster.view();
    assert_eq!(tile(&view, "s4"), said(NodeState::Died, "died 5 s ago"));
    assert_eq!(
        texts(&view),
        ["s4 died: it has failed, and its 30 s were over"]
    );
    assert!(view.nodes.iter().all(|node| node.state != NodeState::Left));
}

#[test]
fn a_node_whose_agent_alone_is_gone_is_lost_and_serves() {
    let mut cluster = cluster(3);
    cluster.lose("s2", Some(NOW + 5.0));
    let view = cluster.view();
    assert_eq!(
        cluster.sentence(),
        (Level::Warn, "3 of 3 nodes serve; s2 is lost".into())
    );
    assert_eq!(view.nodes[1].level, Level::Warn);
}

#[test]
fn too_many_that_are_lost_at_once_stay_until_somebody_runs_the_command() {
    let mut cluster = cluster(4);
    for name in ["s2", "s3", "s4"] {
        cluster.server(name, "DOWN");
        cluster.lose(name, None);
    }
    let command = "NODES_MAX_LOST=100% NODES_HOLD=0s member-event sync";
    let words = "3 of 4 nodes are lost (s2, s3, s4), more than 50%: all of them stay. \
                 If they are gone for good: ";
    cluster.state().facts.held = Some(format!("{words}{command}"));
    let names = ["s2", "s3", "s4"].map(str::to_owned);
    cluster.note([Line {
        lost: some("s4"),
        held: names.to_vec(),
        ..line(NOW, "serf-nodes")
    }]);
    let view = cluster.view();
    assert_eq!(texts(&view), ["3 nodes are lost, and stay: s2, s3 and s4"]);
    let text = "1 of 4 nodes serves; 3 lost at once, so none is taken out";
    let want = Sentence {
        level: Level::Bad,
        text: text.to_owned(),
        command: Some(command.to_owned()),
    };
    assert_eq!(view.sentence, want);
    let words = "lost, stays until you confirm it";
    assert_eq!(tile(&view, "s3"), said(NodeState::Held, words));
    assert_eq!(view.chain[1].note, "3 lost and kept");
}

#[test]
fn a_chain_that_fails_is_said_first_with_its_step_and_since_when() {
    let mut cluster = cluster(3);
    let failing = Failing {
        since: NOW - 27.2,
        code: 100,
        error: "render haproxy.cfg.tera:\n  unexpected end.".to_owned(),
    };
    cluster
        .state()
        .failing
        .insert("haproxy-gen".to_owned(), failing);
    cluster.server("s1", "DOWN");
    let text = "the chain fails since 27 s at haproxy-gen: render haproxy.cfg.tera: \
                unexpected end; HAProxy serves 2 nodes as before";
    assert_eq!(cluster.sentence(), (Level::Bad, text.to_owned()));
    let view = cluster.view();
    assert_eq!(view.chain[2].level, Level::Bad);
    assert!(
        view.chain[2]
            .note
            .starts_with("haproxy-gen fails since 27 s: render")
    );
    assert_ne!(view.chain[1].level, Level::Bad);
}

#[test]
fn a_failure_and_its_end_are_events() {
    let mut cluster = cluster(1);
    cluster.note([
        Line {
            code: 100,
            error: Some("render: unexpected end".to_owned()),
            ..line(NOW - 50.0, "haproxy-gen")
        },
        Line {
            after: Some(42.3),
            ..line(NOW - 8.0, "haproxy-gen")
        },
    ]);
    let view = cluster.view();
    let want = [
        "haproxy-gen works again, after 42 s",
        "haproxy-gen fails (100): render: unexpected end",
    ];
    assert_eq!(texts(&view), want);
    assert_eq!(view.events[0].kind, "mended");
    assert_eq!(
        (view.events[1].kind, view.events[1].level),
        ("failed", Level::Bad)
    );
}

#[test]
fn a_failure_that_repeats_is_one_event() {
    let fails = |t: f64, error: &str| Line {
        code: 111,
        error: Some(error.to_owned()),
        run: None,
        ..line(NOW + t, "haproxy-gen")
    };
    let mut cluster = cluster(1);
    cluster.note((0..50).map(|number| fails(f64::from(number) * 2.0, "no such file")));
    assert_eq!(cluster.view().events.len(), 1);
    let wrote = Line {
        wrote: some("/etc/haproxy.cfg"),
        ..line(NOW + 101.0, "haproxy-gen")
    };
    cluster.note([
        fails(100.0, "other words"),
        wrote,
        fails(102.0, "other words"),
    ]);
    let want = [
        "haproxy-gen fails (111): other words",
        "haproxy.cfg written",
        "haproxy-gen fails (111): other words",
        "haproxy-gen fails (111): no such file",
    ];
    assert_eq!(texts(&cluster.view()), want);
}

#[test]
fn a_state_that_is_old_never_says_that_all_is_well() {
    let mut cluster = cluster(5);
    cluster.age = Some(Duration::from_secs(31));
    let text = "no run of the chain has ended for 31 s; HAProxy serves 5 nodes as before";
    assert_eq!(cluster.sentence(), (Level::Bad, text.to_owned()));
    assert_eq!(cluster.view().chain[0].level, Level::Bad);
    cluster.age = None;
    cluster.state().begin = NOW - 400.0;
    assert_eq!(cluster.sentence().0, Level::Bad);
    cluster.chain = Ok(None);
    let (level, text) = cluster.sentence();
    assert_eq!(level, Level::Warn);
    assert!(text.starts_with("no run of the chain is recorded; "));
    cluster.chain = Err("read /nodes/.state: it is torn".to_owned());
    assert_eq!(cluster.sentence().0, Level::Bad);
}

#[test]
fn what_cannot_be_read_is_said_and_taken_for_nothing_else() {
    let mut cluster = cluster(3);
    let why = "HAProxy does not answer at /look: no such socket; the template needs a line";
    cluster.haproxy = Err(why.to_owned());
    let view = cluster.view();
    assert_eq!(
        view.chain[3].note,
        "does not answer at /look: no such socket"
    );
    assert_eq!(view.sentence.level, Level::Bad);
    assert!(
        view.sentence
            .text
            .starts_with("HAProxy does not answer at /look")
    );
    assert_eq!(
        tile(&view, "s1"),
        said(NodeState::Unknown, "HAProxy does not say")
    );
    assert_eq!((view.chain[2].count, view.chain[3].count), (None, None));
    let mut cluster = self::cluster(3);
    cluster.nodes = Err("list /nodes: permission denied".to_owned());
    let view = cluster.view();
    assert_eq!(view.sentence.level, Level::Bad);
    assert_eq!((view.chain[1].count, view.nodes.len()), (None, 4 - 1));
    cluster.services = Err("list /services: permission denied".to_owned());
    assert_eq!(cluster.view().services[0].state, "unknown");
}

#[test]
fn a_file_that_holds_no_node_is_said_once() {
    let mut cluster = cluster(3);
    let listing = Arc::make_mut(cluster.nodes.as_mut().unwrap());
    listing.refused.push(nodes::Refused {
        path: "/nodes/s9".into(),
        why: "it is empty".to_owned(),
        is_folder: false,
    });
    // serf-nodes waits for the node of this name before it removes the file.
    cluster.lose("s9", Some(NOW + 27.0));
    let view = cluster.view();
    assert_eq!(view.chain[1].note, "1 no node's");
    let text = "3 of 3 nodes serve; 1 file holds no node";
    assert_eq!(cluster.sentence(), (Level::Warn, text.to_owned()));
}

#[test]
fn a_member_that_is_refused_has_a_tile_with_the_reason() {
    let mut cluster = cluster(3);
    let refused = Refused {
        name: "s9".to_owned(),
        address: "10.0.0.2".to_owned(),
        why: "10.0.0.2:3000 is s2's".to_owned(),
    };
    cluster.state().facts.refused = vec![refused];
    cluster.state().facts.refused_all = 1;
    let view = cluster.view();
    assert_eq!(tile(&view, "s9"), said(NodeState::Refused, "refused"));
    assert_eq!(view.nodes[3].why.as_deref(), Some("10.0.0.2:3000 is s2's"));
    let text = "3 of 3 nodes serve; s9 is refused: 10.0.0.2:3000 is s2's";
    assert_eq!(cluster.sentence(), (Level::Warn, text.to_owned()));
}

#[test]
fn a_reload_that_waits_and_one_that_was_done_are_told() {
    let mut cluster = cluster(3);
    cluster.state().postponed = Some("the last one was 3 s ago".to_owned());
    let text = "3 of 3 nodes serve; a reload waits: the last one was 3 s ago";
    assert_eq!(cluster.sentence(), (Level::Warn, text.to_owned()));
    assert_eq!(cluster.view().chain[2].count, None);
    cluster.note([Line {
        reload: Some("a new frontend".to_owned()),
        kind: Some("changed".to_owned()),
        ..line(NOW - 3.0, "haproxy-reload")
    }]);
    let view = cluster.view();
    assert_eq!(texts(&view), ["HAProxy was reloaded: a new frontend"]);
    assert_eq!(view.events[0].kind, "reload");
}

#[test]
fn without_any_node_nothing_serves() {
    assert_eq!(
        cluster(0).sentence(),
        (Level::Bad, "there is no node".to_owned())
    );
    assert_eq!(
        cluster(1).sentence(),
        (Level::Well, "1 of 1 node serves".to_owned())
    );
}

#[test]
fn more_than_sixty_nodes_are_squares_the_worst_first() {
    let mut cluster = cluster(61);
    cluster.server("s50", "DOWN 1/2");
    cluster.lose("s60", Some(NOW + 9.0));
    let view = cluster.view();
    assert!(view.squares);
    let first: Vec<&str> = view.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(first[..4], ["s60", "s50", "s1", "s2"]);
    assert_eq!(
        (view.nodes[5].rate, view.counts[&NodeState::Serves]),
        (None, 59)
    );
    // Their times do not change every second.
    let words = tile(&view, "s60");
    cluster.now += 3.0;
    assert_eq!(tile(&cluster.view(), "s60"), words);
    let view = self::cluster(60).view();
    assert!(!view.squares);
    assert_eq!(
        (view.nodes[1].name.as_str(), view.nodes[9].name.as_str()),
        ("s2", "s10")
    );
}

#[test]
fn what_many_nodes_do_at_once_is_one_line() {
    let mut cluster = cluster(0);
    let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
    // What is too long for one line of the journal is in several.
    let part = |names: &[String]| Line {
        added: names.to_vec(),
        ..line(NOW, "serf-nodes")
    };
    cluster.note([part(&names[..7]), part(&names[7..])]);
    assert_eq!(
        texts(&cluster.view()),
        ["12 nodes joined: n0, n1, n2 and 9 more"]
    );
    let days = [NOW - 200_000.0, NOW - 100_000.0, NOW - 99_999.0];
    let days = days.map(|t| Line {
        left: some("n1"),
        ..line(t, "serf-nodes")
    });
    cluster.journal = Arc::new(days.into());
    let days: Vec<_> = cluster
        .view()
        .events
        .into_iter()
        .map(|event| event.day)
        .collect();
    let want = [Some("2023-11-13"), None, Some("2023-11-12")];
    assert_eq!(days, want.map(|day| day.map(str::to_owned)));
}

#[test]
fn events_have_keys_of_their_own_and_are_two_hundred_at_most() {
    let mut cluster = cluster(0);
    cluster.note((0..500).map(|number| Line {
        added: some("s1"),
        lost: vec!["s2".to_owned(), "s3".to_owned()],
        code: 111,
        run: None,
        ..line(NOW + f64::from(number), "serf-nodes")
    }));
    let view = cluster.view();
    assert_eq!(view.events.len(), 200);
    let keys: std::collections::BTreeSet<_> = view.events.iter().map(|it| &it.key).collect();
    assert_eq!(keys.len(), 200);
    let is_plain = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    assert!(keys.into_iter().all(|key| is_plain(key)));
}

#[test]
fn a_node_of_weight_0_is_as_somebody_wants_it_and_one_that_was_taken_out_is_told() {
    let mut cluster = cluster(2);
    for (status, weight, words, is_well) in [
        ("UP", 0, "gets no requests: weight 0", true),
        ("DRAIN", 0, "gets no requests: weight 0", true),
        ("DRAIN", 1, "gets no new requests", false),
        ("MAINT", 1, "in maintenance", false),
    ] {
        cluster.server("s2", status);
        let servers = &mut cluster.haproxy.as_mut().unwrap().servers;
        servers.get_mut("nodes/s2").unwrap().weight = Some(weight);
        let (level, text) = if is_well {
            (Level::Well, "1 of 2 nodes serves; s2 has weight 0")
        } else {
            (Level::Warn, "1 of 2 nodes serves; s2 gets no new requests")
        };
        assert_eq!(cluster.sentence(), (level, text.to_owned()));
        assert_eq!(tile(&cluster.view(), "s2"), said(NodeState::Drains, words));
    }
    cluster.server("s1", "DRAIN");
    assert_eq!(cluster.sentence().0, Level::Bad);
}

#[test]
fn a_node_of_another_service_is_none_that_is_missing() {
    let mut cluster = cluster(2);
    let listing = Arc::make_mut(cluster.nodes.as_mut().unwrap());
    let mut other = node("db1", 9);
    other.service = Some(Name::parse("db").unwrap());
    listing.nodes.push(other);
    let text = "2 of 3 nodes serve; db1 has a service without a server";
    assert_eq!(cluster.sentence(), (Level::Well, text.to_owned()));
}

#[test]
fn a_journal_that_cannot_be_written_is_told() {
    let mut cluster = cluster(2);
    cluster.state().journal = Some("append to /var/log/muster.jsonl: no space".to_owned());
    assert_eq!(cluster.sentence().0, Level::Warn);
    let stage = &cluster.view().chain[1];
    assert_eq!(stage.level, Level::Warn);
    assert!(
        stage
            .note
            .starts_with("the journal cannot be written: append to")
    );
}

#[test]
fn the_last_minute_has_a_sample_a_second() {
    let (mut history, mut cluster) = (History::default(), cluster(2));
    for _ in 0..150 {
        cluster.now += 0.5;
        history.add(&cluster);
    }
    let node = &view(&cluster, &history).nodes[0];
    assert_eq!((node.rates.len(), node.checks.len()), (60, 60));
    assert_eq!((node.rates[59], node.checks[0]), (7, 2));
    cluster.now += 30.0;
    history.add(&cluster);
    assert_eq!(view(&cluster, &history).nodes[0].rates, [7]);
}

#[test]
fn a_service_says_whether_it_is_as_it_is_wanted() {
    use servicedir::Status;
    let up = Status {
        pid: 7,
        want_up: true,
        ..Status::default()
    };
    let down = Status { pid: 0, ..up };
    let mut cluster = cluster(1);
    let record = |name: &str, status| Record {
        name: name.to_owned(),
        status: Ok(status),
        seconds: 200,
        restarts: 3,
    };
    cluster.services = Ok(vec![record("ha", up), record("serf", down)]);
    let services = cluster.view().services;
    assert_eq!(
        (services[0].words.as_str(), services[0].restarts),
        ("up 3 min", 3)
    );
    assert_eq!(
        (services[1].level, services[1].words.as_str()),
        (Level::Bad, "down 3 min, wanted up")
    );
}

#[test]
fn a_node_whose_file_has_just_gone_is_there_until_the_journal_says_why() {
    let (mut history, mut cluster) = (History::default(), cluster(3));
    history.add(&cluster);
    cluster.without("s2");
    cluster.now += 0.1;
    history.add(&cluster);
    let page = view(&cluster, &history);
    assert_eq!(tile(&page, "s2"), said(NodeState::Drains, "goes"));
    assert_eq!(page.nodes[1].address.as_deref(), Some("10.0.0.2:3000"));
    assert_eq!(page.sentence.text, "2 of 2 nodes serve");
    cluster.note([Line {
        left: some("s2"),
        ..line(cluster.now, "serf-nodes")
    }]);
    cluster.now += 0.1;
    history.add(&cluster);
    let page = view(&cluster, &history);
    assert_eq!(tile(&page, "s2"), said(NodeState::Left, "left 0 s ago"));
    cluster.journal = Arc::default();
    cluster.now += 5.0;
    history.add(&cluster);
    assert!(!has(&view(&cluster, &history), "s2"));
    // Nobody has looked for a while.
    cluster.without("s1");
    cluster.now += 60.0;
    history.add(&cluster);
    assert!(!has(&view(&cluster, &history), "s1"));
}
