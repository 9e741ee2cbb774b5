//! The words of a server.

use crate::compare::case::Item;
use crate::compare::chance::Chance;

/// How often a word is taken, once in so many times, and its forms. `SITE` is an address of
/// this run of tests.
const WORDS: &[(u32, &[&str])] = &[
    (12, &["id {{ n.id }}"]),
    (
        3,
        &[
            "weight {{ n.weight }}",
            "weight 10",
            "weight 100",
            "weight {{ n.weight }}",
        ],
    ),
    (6, &["cookie {{ n.name }}"]),
    (
        6,
        &[
            "id {{ n.tags.id }}",
            "id {{ n.tags.id }}",
            "id {{ loop.index }}",
        ],
    ),
    (12, &["backup"]),
    (8, &["maxconn 30", "maxconn {{ n.weight }}1"]),
    (20, &["minconn 5 maxconn 10"]),
    (14, &["maxqueue 17"]),
    (12, &["slowstart 300ms"]),
    (10, &["on-marked-down shutdown-sessions"]),
    (20, &["on-marked-up shutdown-backup-sessions"]),
    (
        16,
        &[
            "observe layer4",
            "observe layer7 error-limit 5 on-error mark-down",
        ],
    ),
    (
        9,
        &[
            "ssl verify none",
            "ssl verify none sni str(x)",
            "ssl verify none ssl-min-ver TLSv1.2",
        ],
    ),
    (12, &["check-ssl", "no-check-ssl", "verify none"]),
    (
        9,
        &[
            "send-proxy",
            "send-proxy-v2",
            "send-proxy-v2-ssl",
            "send-proxy-v2 proxy-v2-options unique-id",
        ],
    ),
    (14, &["check-send-proxy", "no-check-send-proxy"]),
    (8, &["agent-check agent-port 3001 agent-inter 100ms"]),
    (
        30,
        &["agent-check agent-port 3001 agent-inter 100ms agent-send hello"],
    ),
    (30, &["agent-addr 127.0.0.1"]),
    (20, &["disabled"]),
    (30, &["enabled"]),
    (40, &["track b1/fix1", "track b2/fix2"]),
    (14, &["source 127.0.0.5", "source 127.0.0.6"]),
    (20, &["port 3000", "port 3001"]),
    (30, &["addr SITE"]),
    (30, &["non-stick"]),
    (40, &["redir http://x"]),
    (30, &["tfo", "no-tfo"]),
    (
        14,
        &["pool-max-conn 3", "pool-purge-delay 2s", "pool-low-conn 2"],
    ),
    (20, &["init-addr last,libc,none", "init-addr none"]),
    (40, &["resolvers names"]),
    (30, &["check-alpn http/1.1", "alpn http/1.1"]),
    (
        30,
        &[
            "check-sni example.org",
            "check-sni \"a b\"",
            "check-sni a;b",
        ],
    ),
    (24, &["max-reuse 4", "max-reuse 0"]),
    (30, &["resolve-prefer ipv4", "resolve-net 127.0.0.0/8"]),
    (30, &["tcp-ut 5s"]),
    (40, &["proto h1", "ws h1"]),
    (30, &["check-proto h1"]),
    (
        30,
        &[
            "log-proto legacy",
            "hash-key addr-port",
            "hash-key addr",
            "guid {{ n.name }}",
        ],
    ),
    (
        40,
        &["no-backup", "no-verifyhost", "ssl no-sslv3 verify none"],
    ),
    (40, &["stick", "no-agent-check", "no-check"]),
    (40, &["namespace none", "weight 0"]),
    (
        40,
        &[
            "set-proxy-v2-tlv-fmt(0x20) x",
            "pool-conn-name str(x)",
            "init-state up",
            "init-state down",
        ],
    ),
    (40, &["strict-maxconn", "idle-ping 10s", "check-reuse-pool"]),
    (40, &["cc reno", "check-via-socks4"]),
    (
        40,
        &[
            "sni req.hdr(host)",
            "force-tlsv12",
            "no-ssl-reuse",
            "ssl-reuse",
        ],
    ),
    (
        40,
        &[
            "error-limit 3",
            "crl-file /nonexistent",
            "ca-file /nonexistent",
        ],
    ),
];
/// What most people's servers have besides, of which one line in three has each.
const POPULAR: [&[&str]; 8] = [
    &["maxconn 30", "maxconn 40 maxqueue 20"],
    &["id {{ n.id }}", "id {{ n.tags.id }}"],
    &["cookie {{ n.name }}"],
    &["slowstart 300ms"],
    &["ssl verify none", "ssl verify none sni str(x)"],
    &["send-proxy", "send-proxy-v2"],
    &["check-ssl verify none", "check-send-proxy"],
    &["agent-check agent-port 3001 agent-inter 100ms"],
];
const CHECKS: [&str; 6] = [
    "check inter 100ms fall 2 rise 1",
    "check inter 150ms fastinter 50ms downinter 60ms rise 2 fall 1",
    "check inter 80ms",
    "check inter 200ms rise 1",
    "inter 100ms check",
    "inter 60ms fall 3 rise 2",
];

/// Words for a server of a node, or for `default-server`.
pub(super) fn words(chance: &mut Chance, for_all: bool) -> Vec<String> {
    let mut words = Vec::new();
    if !chance.one_in(if for_all { 3 } else { 4 }) {
        words.push(chance.pick(&CHECKS).to_owned());
    }
    // Most people's lines are short, and a long one is mostly refused.
    let fewer = chance.pick(&[1, 1, 2, 4]);
    for (often, forms) in WORDS {
        if chance.one_in(*often * fewer) {
            let form = chance.pick(forms);
            if !(for_all && form.contains("{{")) {
                words.push(form.replace("SITE", &harness::address("200.201")));
            }
        }
    }
    if words.is_empty() {
        words.push(
            chance
                .pick(&["check inter 100ms", "weight 20", "maxconn 40"])
                .to_owned(),
        );
    }
    chance.shuffle(&mut words);
    words
}

/// Words that most people's servers have; `cookies` is whether one of them may be a cookie.
pub(super) fn popular(chance: &mut Chance, cookies: bool) -> Vec<String> {
    let mut words = Vec::new();
    for forms in POPULAR {
        let form = chance.pick(forms);
        let is_meant = cookies || !form.starts_with("cookie");
        if is_meant && chance.one_in(3) {
            words.push(form.to_owned());
        }
    }
    words
}

pub(super) fn without_nodes(words: Vec<String>) -> Vec<String> {
    words
        .into_iter()
        .filter(|word| !word.contains("{{"))
        .collect()
}

/// A server that is there whatever the nodes are.
pub(super) fn fixed(chance: &mut Chance, number: usize) -> Item {
    let mut words = without_nodes(words(chance, false));
    words.extend(chance.one_in(5).then(|| "id 900".to_owned()));
    words.extend(chance.one_in(5).then(|| "cookie fixed".to_owned()));
    let at = format!("fix{number} {}:3000", harness::address("200.203"));
    Item::Server(at, words)
}

/// Servers that HAProxy numbers itself.
pub(super) fn numbered(chance: &mut Chance) -> Item {
    let words = without_nodes(words(chance, false)).join(" ");
    let at = harness::address("200.204");
    let count = chance.pick(&["2", "1-3", "{{ nodes | length }}"]);
    Item::Line(format!("server-template t {count} {at}:3000 {words}"))
}
