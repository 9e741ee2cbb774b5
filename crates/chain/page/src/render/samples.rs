//! Made-up views, to try and to look at.

use crate::view::{
    Balancer, Event, Level, NodeState, NodeView, Sentence, Service, Stage, TILES, View,
};

/// A node that serves. The numbers of two nodes differ, and are the same in each run.
pub(super) fn node(name: &str, at: u64) -> NodeView {
    let wave = |second: u64, most: u64| (second * second * (at + 3) / 7 + second * at) % most;
    let rates: Vec<u64> = (0..60).map(|second| 8 + at % 5 + wave(second, 7)).collect();
    let checks: Vec<u64> = (0..60).map(|second| 1 + wave(second, 3)).collect();
    NodeView {
        name: name.to_owned(),
        state: NodeState::Serves,
        level: Level::Well,
        words: "serves".to_owned(),
        why: None,
        address: Some(format!("10.0.{}.{}:3000", at / 200, at % 200 + 7)),
        weight: Some(100),
        service: None,
        rate: rates.last().copied(),
        check: checks.last().copied(),
        rates,
        checks,
    }
}

/// The same node in another state.
pub(super) fn turned(mut node: NodeView, state: NodeState, level: Level, words: &str) -> NodeView {
    node.state = state;
    node.level = level;
    words.clone_into(&mut node.words);
    let is_gone = matches!(
        state,
        NodeState::Left | NodeState::Died | NodeState::Refused | NodeState::New
    );
    if is_gone {
        (node.rate, node.check) = (None, None);
        node.rates.clear();
        node.checks.clear();
    } else if level != Level::Well {
        node.rates[40..].fill(0);
        node.rate = Some(0);
        node.check = None;
    }
    node
}

/// So many nodes that serve.
pub(super) fn nodes(many: u64) -> Vec<NodeView> {
    (1..=many).map(|at| node(&format!("s{at}"), at)).collect()
}

/// The page of these nodes.
pub(super) fn view(sentence: (Level, &str), nodes: Vec<NodeView>) -> View {
    let mut view = View {
        name: "ha1".to_owned(),
        as_of: "14:04:51".to_owned(),
        sentence: Sentence {
            level: sentence.0,
            text: sentence.1.to_owned(),
            command: None,
        },
        squares: nodes.len() > TILES,
        nodes,
        ..View::default()
    };
    for node in &mut view.nodes {
        *view.counts.entry(node.state).or_default() += 1;
        if view.squares {
            node.rates.clear();
            node.checks.clear();
        }
    }
    if view.squares {
        view.nodes.sort_by_key(|node| node.state);
    }
    let many = view.nodes.len() as u64;
    let serve = view.counts.get(&NodeState::Serves).copied();
    let serve = serve.unwrap_or_default() as u64;
    view.chain = vec![
        stage("serf", "Serf", serve, "members alive", ""),
        stage("nodes", "/nodes", many, "files", "as Serf says"),
        stage(
            "config",
            "haproxy.cfg",
            many,
            "servers",
            "agrees with /nodes",
        ),
        stage("haproxy", "HAProxy 3.0.11", serve, "serve", "up 6 min"),
    ];
    view.services = services();
    view.events = events();
    view
}

/// How the first three came.
fn events() -> Vec<Event> {
    vec![
        event(
            "14:03:20.101",
            "haproxy",
            Level::Well,
            "HAProxy: set nodes/s3 into use",
        ),
        event(
            "14:03:20.042",
            "joined",
            Level::Well,
            "s3 joined, at 10.0.0.10",
        ),
        event(
            "14:02:11.930",
            "joined",
            Level::Well,
            "s2 joined, at 10.0.0.9",
        ),
        event(
            "14:02:11.702",
            "joined",
            Level::Well,
            "s1 joined, at 10.0.0.8",
        ),
        event(
            "14:02:10.015",
            "reload",
            Level::Well,
            "HAProxy was reloaded: the file asks for more than commands can do",
        ),
    ]
}

pub(super) fn stage(
    id: &'static str,
    title: &str,
    count: u64,
    unit: &'static str,
    note: &str,
) -> Stage {
    Stage {
        id,
        title: title.to_owned(),
        level: Level::Well,
        count: Some(count),
        unit,
        note: note.to_owned(),
    }
}

pub(super) fn event(time: &str, kind: &'static str, level: Level, text: &str) -> Event {
    let key: String = time.chars().filter(char::is_ascii_digit).collect();
    Event {
        key,
        time: time.to_owned(),
        day: None,
        kind,
        level,
        text: text.to_owned(),
    }
}

fn services() -> Vec<Service> {
    let service = |name: &str, level, state, words: &str, restarts| Service {
        name: name.to_owned(),
        level,
        state,
        words: words.to_owned(),
        restarts,
    };
    vec![
        service("haproxy", Level::Well, "up", "up 6 min", 0),
        service("page", Level::Well, "up", "up 6 min", 0),
        service("serf", Level::Well, "up", "up 6 min", 0),
        service("serf-join", Level::Quiet, "down", "done", 0),
        service("serf-watch", Level::Warn, "up", "up 12 s", 2),
    ]
}

fn balancer(name: &str, agrees: Option<bool>, level: Level, words: &str) -> Balancer {
    Balancer {
        name: name.to_owned(),
        address: "10.0.0.3".to_owned(),
        agrees,
        level,
        words: words.to_owned(),
    }
}

/// All that there is to look at, by the names of the files.
pub(super) fn all() -> Vec<(&'static str, View)> {
    vec![
        ("well", view((Level::Well, "3 of 3 nodes serve"), nodes(3))),
        ("mixed", mixed()),
        ("broken", broken()),
        ("held", held()),
        ("refused", refused()),
        ("sixty", sixty()),
        ("thousand", thousand()),
        ("balancers", balancers()),
        ("busy", busy()),
        ("hostile", hostile()),
        ("empty", empty()),
    ]
}

/// One has just left, and one is lost.
fn mixed() -> View {
    let mut nodes = nodes(5);
    nodes[3] = turned(
        nodes[3].clone(),
        NodeState::Lost,
        Level::Warn,
        "lost, goes in 27 s",
    );
    nodes[3].why = Some("Serf cannot reach it; check: connection refused".to_owned());
    nodes[4] = turned(
        nodes[4].clone(),
        NodeState::Left,
        Level::Quiet,
        "left 12 s ago",
    );
    nodes[4].address = None;
    nodes[1].weight = Some(50);
    let mut view = view((Level::Warn, "3 of 4 nodes serve; s4 is lost"), nodes);
    view.chain[0].note = "1 failed, 1 left".to_owned();
    view.chain[1] = stage("nodes", "/nodes", 4, "files", "1 lost");
    view.chain[1].level = Level::Warn;
    view.chain[2].count = Some(4);
    view.chain[3].level = Level::Warn;
    view.chain[3].note = "s4 does not answer".to_owned();
    let events = [
        event(
            "14:04:48.358",
            "lost",
            Level::Warn,
            "s4 is lost: Serf cannot reach it; it stays for 30 s at least",
        ),
        event(
            "14:04:38.793",
            "haproxy",
            Level::Well,
            "HAProxy: retired nodes/s5",
        ),
        event(
            "14:04:38.729",
            "left",
            Level::Quiet,
            "s5 left in good order",
        ),
        event("14:04:12.100", "back", Level::Well, "s2 is back after 8 s"),
    ];
    view.events.splice(0..0, events);
    view
}

/// The chain fails in the middle.
fn broken() -> View {
    let words = "the chain fails since 27 s at haproxy-gen: cannot render \
        /etc/haproxy/haproxy.cfg.tera: line 41: the variable `adresses` is not known; did you \
        mean `addresses`?; HAProxy serves 3 nodes as before";
    let mut view = view((Level::Bad, words), nodes(3));
    let new = turned(
        node("s4", 4),
        NodeState::New,
        Level::Warn,
        "new, not yet in HAProxy",
    );
    view.nodes.push(new);
    view.counts.insert(NodeState::New, 1);
    view.chain[0].count = Some(4);
    view.chain[1].count = Some(4);
    view.chain[2].level = Level::Bad;
    view.chain[2].note =
        "fails since 27 s: haproxy-gen: cannot render /etc/haproxy/haproxy.cfg.tera: \
         line 41: the variable `adresses` is not known; did you mean `addresses`?"
            .to_owned();
    let events = [
        event(
            "14:04:24.201",
            "failed",
            Level::Bad,
            "haproxy-gen failed (111): cannot render /etc/haproxy/haproxy.cfg.tera: line 41: the variable `adresses` is not known",
        ),
        event(
            "14:04:24.190",
            "joined",
            Level::Well,
            "s4 joined, at 10.0.0.11",
        ),
    ];
    view.events.splice(0..0, events);
    view
}

/// Three of four were lost at once.
fn held() -> View {
    let mut nodes = nodes(4);
    for node in &mut nodes[1..] {
        *node = turned(
            node.clone(),
            NodeState::Held,
            Level::Bad,
            "held: lost with 2 others",
        );
        node.why = Some("it stays until a person confirms that it is gone".to_owned());
    }
    let mut view = view(
        (
            Level::Bad,
            "1 of 4 nodes serves; 3 were lost at once, so none is taken out",
        ),
        nodes,
    );
    view.sentence.command = Some("docker compose exec ha serf-nodes --confirm s2 s3 s4".to_owned());
    view.chain[0].level = Level::Bad;
    view.chain[0].note = "3 failed".to_owned();
    view.chain[1].level = Level::Bad;
    view.chain[1].note = "3 held".to_owned();
    view.chain[3].level = Level::Warn;
    view.chain[3].note = "3 do not answer".to_owned();
    view.events.insert(
        0,
        event(
            "14:04:48.358",
            "held",
            Level::Bad,
            "s2, s3 and s4 were lost at once: they stay until somebody confirms it",
        ),
    );
    view
}

/// A member that cannot be a node, and one that drains.
fn refused() -> View {
    let mut nodes = nodes(3);
    nodes[1] = turned(
        nodes[1].clone(),
        NodeState::Drains,
        Level::Quiet,
        "drains: 4 requests left",
    );
    let mut member = turned(
        node("legacy-app", 9),
        NodeState::Refused,
        Level::Warn,
        "refused",
    );
    member.why = Some("its address 192.168.7.20 is outside of 10.0.0.0/16".to_owned());
    let mut silent = turned(
        node("s9", 8),
        NodeState::Silent,
        Level::Bad,
        "does not answer",
    );
    silent.why = Some("check: Layer7 wrong status, code 503, Service Unavailable".to_owned());
    nodes.extend([member, silent]);
    nodes.push(turned(
        node("s8", 8),
        NodeState::Died,
        Level::Quiet,
        "died 4 min ago",
    ));
    let mut view = view(
        (
            Level::Warn,
            "1 of 3 nodes serves; s9 does not answer, and a member is refused",
        ),
        nodes,
    );
    view.events.insert(
        0,
        event(
            "14:04:40.000",
            "refused",
            Level::Warn,
            "legacy-app is refused: its address 192.168.7.20 is outside of 10.0.0.0/16",
        ),
    );
    view.events.insert(
        1,
        event(
            "14:00:40.010",
            "died",
            Level::Warn,
            "s8 died: it was lost for 30 s",
        ),
    );
    view
}

fn sixty() -> View {
    let mut nodes = nodes(60);
    nodes[17] = turned(
        nodes[17].clone(),
        NodeState::Silent,
        Level::Bad,
        "does not answer",
    );
    nodes[17].why = Some("check: connection refused".to_owned());
    nodes[40] = turned(
        nodes[40].clone(),
        NodeState::Lost,
        Level::Warn,
        "lost, goes in 12 s",
    );
    view((Level::Warn, "58 of 60 nodes serve"), nodes)
}

pub(super) fn thousand() -> View {
    let mut nodes = nodes(1000);
    for at in [101, 517, 730] {
        nodes[at] = turned(
            nodes[at].clone(),
            NodeState::Lost,
            Level::Warn,
            "lost, goes in 21 s",
        );
    }
    for at in [33, 801] {
        nodes[at] = turned(
            nodes[at].clone(),
            NodeState::Silent,
            Level::Bad,
            "does not answer",
        );
        nodes[at].why = Some("check: timeout after 2 s".to_owned());
    }
    nodes[44] = turned(
        nodes[44].clone(),
        NodeState::Left,
        Level::Quiet,
        "left 2 min ago",
    );
    nodes[45] = turned(nodes[45].clone(), NodeState::Drains, Level::Quiet, "drains");
    view(
        (
            Level::Warn,
            "993 of 999 nodes serve; 3 are lost, 2 do not answer",
        ),
        nodes,
    )
}

/// Much has happened.
fn busy() -> View {
    let mut view = view((Level::Well, "24 of 24 nodes serve"), nodes(24));
    for at in 0..200 {
        let time = format!("13:{:02}:{:02}.{at:03}", 59 - at / 60, 59 - at % 60);
        let text = format!("s{at} joined, at 10.0.0.{at}");
        let mut event = event(&time, "joined", Level::Well, &text);
        event.day = (at == 20).then(|| "2026-11-29".to_owned());
        view.events.push(event);
    }
    view
}

fn balancers() -> View {
    let mut view = view(
        (Level::Warn, "3 of 3 nodes serve here; ha2 has others"),
        nodes(3),
    );
    view.balancers = vec![
        balancer("ha2", Some(false), Level::Warn, "lacks s2 and s3"),
        balancer("ha3", Some(true), Level::Well, "agrees"),
        balancer("ha4", None, Level::Quiet, "its page does not answer"),
    ];
    view
}

/// Names that want to be more than text.
pub(super) const HOSTILE: [&str; 6] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\" onmouseover=\"alert(1)\" x='",
    "a\u{202e}b",
    "{{ 7 * 7 }}{% raw %}&amp;",
    "javascript:alert(1) http://evil.example/x",
];

/// They stand wherever a text can.
pub(super) fn hostile() -> View {
    let long = "a-name-as-long-as-serf-lets-a-node-have-which-is-63-characters-";
    let mut nodes = vec![node(long, 1), node("s2", 2)];
    nodes[0].address = Some("[2001:db8:85a3:1234:5678:8a2e:0370:7334]:3000".to_owned());
    nodes[1].address = Some("[2001:db8::7]:3000".to_owned());
    let mut view = view((Level::Warn, HOSTILE[0]), Vec::new());
    view.sentence.command = Some(HOSTILE.join(" "));
    for (at, text) in HOSTILE.iter().enumerate() {
        let mut node = turned(node(text, at as u64), NodeState::Refused, Level::Warn, text);
        node.why = Some((*text).to_owned());
        node.address = Some((*text).to_owned());
        node.service = Some((*text).to_owned());
        nodes.push(node);
        let mut event = event(&format!("14:05:0{at}.000"), "refused", Level::Warn, text);
        event.day = Some((*text).to_owned());
        view.events.push(event);
        view.balancers.push(balancer(text, None, Level::Warn, text));
        let mut service = services().remove(0);
        (service.name, service.words) = ((*text).to_owned(), (*text).to_owned());
        view.services.push(service);
    }
    for stage in &mut view.chain {
        (stage.title, stage.note) = (HOSTILE[0].to_owned(), HOSTILE[1].to_owned());
    }
    view.nodes = nodes;
    view.name = HOSTILE[1].to_owned();
    view.as_of = HOSTILE[2].to_owned();
    view
}

/// A balancer that has just begun.
fn empty() -> View {
    let mut view = view(
        (Level::Bad, "no node serves: none has joined yet"),
        Vec::new(),
    );
    view.chain[3].level = Level::Warn;
    view.chain[3].count = None;
    view.events.clear();
    view
}
