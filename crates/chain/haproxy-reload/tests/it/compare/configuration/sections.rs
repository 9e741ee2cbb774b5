//! The sections of a template but `global`.

use super::servers;
use super::{Range, line};
use crate::compare::case::{Item, Loop, Section, Style};
use crate::compare::chance::Chance;
use crate::compare::rates::OWN_SOURCE;

/// Algorithms, the plain ones first.
const BALANCES: [&str; 14] = [
    "roundrobin",
    "roundrobin",
    "leastconn",
    "random",
    "first",
    "static-rr",
    "source",
    "uri",
    "hdr(X-Key)",
    "url_param k",
    "random(3)",
    "hash req.hdr(X-Key)",
    "roundrobin",
    "uri whole",
];
const OUR_BALANCES: usize = 4;
const HASH_TYPES: [&str; 5] = [
    "map-based",
    "consistent",
    "consistent sdbm avalanche",
    "map-based djb2",
    "consistent",
];

fn timeouts() -> Vec<Item> {
    ["connect 2s", "client 10s", "server 10s", "check 2s"]
        .map(|timeout| line(&format!("timeout {timeout}")))
        .into()
}

/// The section that all others begin with.
pub(super) fn plain_defaults(chance: &mut Chance) -> Section {
    let mut items = vec![line("mode http"), line("retries 0")];
    items.extend(timeouts());
    if chance.one_in(2) {
        items.extend(inherited(chance));
    }
    if chance.one_in(3) {
        items.push(line(OWN_SOURCE));
    }
    Section {
        header: "defaults".to_owned(),
        items,
    }
}

pub(super) fn defaults(chance: &mut Chance, range: Range) -> Vec<Section> {
    if range != Range::All {
        let mut items = vec![line("mode http"), line("retries 0")];
        items.extend(timeouts());
        if chance.one_in(3) {
            items.push(line(OWN_SOURCE));
        }
        return vec![Section {
            header: "defaults".to_owned(),
            items,
        }];
    }
    let mut sections = Vec::new();
    for (name, from) in [("one", ""), ("two", " from one")] {
        let mut section = plain_defaults(chance);
        section.header = format!("defaults {name}{from}");
        sections.push(section);
    }
    sections.push(plain_defaults(chance));
    sections
}

/// Lines of a `defaults` section that its backends inherit.
fn inherited(chance: &mut Chance) -> Vec<Item> {
    let mut items = Vec::new();
    if chance.one_in(2) {
        items.push(Item::Default(servers::words(chance, true)));
    }
    let more = [
        "option redispatch",
        "option httpchk HEAD /",
        "option allbackups",
        "balance leastconn",
        "balance source",
        "hash-type consistent",
        "fullconn 100",
        "option httpchk",
        "http-check expect status 200",
        "option abortonclose",
        "option tcp-check",
        "default-server weight 7",
        "cookie SRV insert indirect nocache",
    ];
    items.extend((0..chance.number(0, 2)).map(|_| line(chance.pick(&more))));
    items
}

/// A backend with a frontend, or a `listen`.
pub(super) fn service(chance: &mut Chance, range: Range, number: usize) -> Vec<Section> {
    let bind = line(&format!("bind \"${{HAPROXY_ADDRESS}}:810{number}\""));
    let mark = line("http-response set-header X-Mark 0");
    let mut items = vec![mark];
    items.extend(match range {
        Range::Ours => our_backend(chance),
        Range::Popular { cookies } => popular_backend(chance, cookies),
        Range::All => backend(chance, number),
    });
    let from = if range == Range::All {
        chance.pick(&["", "", " from one", " from two"])
    } else {
        ""
    };
    if range == Range::All && chance.one_in(4) {
        items.insert(0, bind);
        let header = format!("listen l{number}{from}");
        return vec![Section { header, items }];
    }
    let front = Section {
        header: format!("frontend f{number}"),
        items: vec![bind, line(&format!("default_backend b{number}"))],
    };
    let header = format!("backend b{number}{from}");
    vec![front, Section { header, items }]
}

fn our_backend(chance: &mut Chance) -> Vec<Item> {
    let balance = chance.pick(&BALANCES[..OUR_BALANCES]);
    let mut items = vec![line(&format!("balance {balance}"))];
    if chance.one_in(2) {
        items.push(line("option httpchk HEAD /"));
    }
    let words =
        "check inter 100ms fastinter 50ms downinter 50ms fall 2 rise 1 weight {{ n.weight }}";
    items.push(Item::Loop(Loop {
        words: words
            .split_inclusive("ms ")
            .map(str::trim)
            .map(str::to_owned)
            .collect(),
        role: None,
        style: Style::Tight,
    }));
    items
}

/// What people add to a backend like ours, in a line of their own or in those of the servers.
fn popular_backend(chance: &mut Chance, cookies: bool) -> Vec<Item> {
    let mut items = our_backend(chance);
    let dynamic = "cookie SRV insert indirect nocache dynamic\ndynamic-cookie-key secret";
    if chance.one_in(2) {
        items.insert(
            1,
            line(chance.pick(&["cookie SRV insert indirect nocache", dynamic])),
        );
    }
    if chance.one_in(2) {
        let mut words = vec!["check inter 100ms".to_owned()];
        words.extend(servers::without_nodes(servers::popular(chance, false)));
        items.insert(1, Item::Default(words));
    }
    if let Some(Item::Loop(servers)) = items.last_mut() {
        servers.words.extend(servers::popular(chance, cookies));
    }
    items
}

fn backend(chance: &mut Chance, number: usize) -> Vec<Item> {
    let mut items = head(chance);
    let mut servers = server_lines(chance, number);
    for _ in 0..chance.pick(&[0, 0, 0, 1, 1, 2]) {
        let at = chance.number(0, servers.len());
        servers.insert(at, Item::Default(servers::words(chance, true)));
    }
    for _ in 0..chance.pick(&[0, 0, 1, 2]) {
        let all = [
            "# a comment",
            "",
            "http-request set-header X-One 1",
            ".if feature(OPENSSL)\nhttp-request set-header X-Tls 1\n.endif",
            ".if streq(\"$COLOUR\",green)\ndefault-server weight 5\n.endif",
            ".if version_atleast(2.9)\ndefault-server weight 3\n.else\ndefault-server weight 4\n.endif",
            "email-alert level info",
            "http-send-name-header X-Server",
            "option log-health-checks",
            "retry-on conn-failure",
        ];
        let at = chance.number(0, servers.len());
        servers.insert(at, line(chance.pick(&all)));
    }
    items.extend(servers);
    items
}

/// The lines of a backend that are about no server.
fn head(chance: &mut Chance) -> Vec<Item> {
    let mut items = Vec::new();
    if !chance.one_in(5) {
        items.push(line(&format!("balance {}", chance.pick(&BALANCES))));
    }
    if chance.one_in(2) {
        items.push(line(&format!("hash-type {}", chance.pick(&HASH_TYPES))));
    }
    if chance.one_in(8) {
        items.push(line("hash-balance-factor 0"));
    }
    let checks = [
        "option httpchk HEAD /",
        "option httpchk\nhttp-check send meth GET uri /health",
        "option httpchk GET /health\nhttp-check expect status 200",
        "option tcp-check",
        "option tcp-check\ntcp-check connect\ntcp-check send \"HEAD / HTTP/1.0\\r\\n\\r\\n\"\ntcp-check expect string 200",
        "option external-check\nexternal-check command /bin/true",
        "option ssl-hello-chk",
        "option httpchk\nhttp-check connect port 3000 send-proxy\nhttp-check send meth HEAD uri /",
    ];
    if !chance.one_in(3) {
        items.push(line(chance.pick(&checks)));
    }
    for (often, text) in [
        (4, "cookie SRV insert indirect nocache"),
        (
            8,
            "cookie SRV insert indirect nocache dynamic\ndynamic-cookie-key secret",
        ),
        (12, "dynamic-cookie-key secret"),
        (12, "cookie SRV prefix nocache"),
        (10, "stick-table type ip size 10k expire 10m\nstick on src"),
        (
            16,
            "stick-table type ip size 10k expire 10m peers some\nstick on src",
        ),
        (16, "stick match src table l1"),
        (6, "option allbackups"),
        (6, "option redispatch"),
        (10, "mode tcp"),
        (10, "http-reuse never"),
        (12, "source 127.0.0.7"),
        (12, "fullconn 50"),
        (12, "hash-preserve-affinity always"),
        (16, "option persist"),
    ] {
        if chance.one_in(often) {
            items.push(line(text));
        }
    }
    chance.shuffle(&mut items);
    items
}

fn server_lines(chance: &mut Chance, number: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let roles: &[Option<&str>] = match chance.number(0, 3) {
        0 => &[Some("primary"), Some("standby")],
        _ => &[None],
    };
    for role in roles {
        let mut words = servers::words(chance, false);
        if *role == Some("standby") && chance.one_in(2) {
            words.push("backup".to_owned());
        }
        let style = chance.pick(&[Style::Tight, Style::Wide, Style::Commented, Style::Tight]);
        items.push(Item::Loop(Loop {
            words,
            role: *role,
            style,
        }));
    }
    if chance.one_in(4) {
        let at = chance.number(0, items.len());
        items.insert(at, servers::fixed(chance, number));
    }
    if chance.one_in(10) {
        items.push(servers::numbered(chance));
    }
    items
}

/// Sections that have nothing to do with the nodes.
pub(super) fn unrelated(chance: &mut Chance) -> Vec<Section> {
    let all = [
        ("userlist people", "user a insecure-password b"),
        ("cache small", "total-max-size 4"),
        (
            "resolvers names",
            "nameserver one 127.0.0.9:53\nresolve_retries 1\ntimeout retry 1s",
        ),
        ("http-errors mine", "# none"),
        ("peers some", "bind \"${HAPROXY_ADDRESS}:8109\"\nserver me"),
        ("mailers mine", "mailer one 127.0.0.9:25"),
        ("ring log", "size 4096"),
        ("backend empty", "http-request return status 200"),
    ];
    let mut sections = Vec::new();
    for (header, text) in all {
        if chance.one_in(8) {
            sections.push(Section {
                header: header.to_owned(),
                items: vec![line(text)],
            });
        }
    }
    sections
}
