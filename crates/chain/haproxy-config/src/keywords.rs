//! The words of a `server` line and of a `default-server` line, as section 5.2 of
//! HAProxy's configuration manual has them, and those that HAProxy takes besides.

/// A release of HAProxy, as major and minor number.
pub type Release = (u32, u32);

/// A word of a `server` line behind the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// Without parentheses.
    pub name: &'static str,
    /// How many words follow it that belong to it.
    pub arguments: usize,
    /// From which release on a server that is added at run time takes this word and does
    /// what it would do in the file; `None` where no known release does. What names a
    /// file of certificates is refused where the process has not loaded that file before.
    pub added_since: Option<Release>,
    /// The first of the known releases (2.6, 3.0, 3.2) that has it.
    pub since: Release,
}

impl Keyword {
    /// Whether it does anything on a `default-server` line. HAProxy accepts the file
    /// where one that does not is there, complains of it, and goes on without it.
    #[must_use]
    pub fn counts_in_default_server(&self) -> bool {
        !matches!(
            self.name,
            "guid" | "id" | "no-sslv3" | "no-tlsv10" | "no-tlsv11" | "no-tlsv12" | "no-tlsv13"
        )
    }
}

/// The keyword of this name. One with parentheses, such as `set-proxy-v2-tlv-fmt(0x20)`,
/// is looked up without them, as HAProxy does.
#[must_use]
pub fn keyword(word: &str) -> Option<&'static Keyword> {
    let name = word.split_once('(').map_or(word, |(name, _)| name);
    let place = TABLE.binary_search_by(|row| row.name.cmp(name)).ok()?;
    TABLE.get(place)
}

/// All of them, in the order of their names.
pub fn keywords() -> impl Iterator<Item = &'static Keyword> {
    TABLE.iter()
}

const V2_6: Release = (2, 6);
const V3_0: Release = (3, 0);
const V3_2: Release = (3, 2);

const fn row(
    name: &'static str,
    arguments: usize,
    since: Release,
    added_since: Option<Release>,
) -> Keyword {
    Keyword {
        name,
        arguments,
        added_since,
        since,
    }
}

/// Sorted by name, as the binary search needs it. `enabled` is taken by 2.6, and the
/// server gets no request then, which is why it counts as refused. `usesrc` and
/// `interface` stand behind `source ADDRESS` alone.
#[rustfmt::skip]
const TABLE: &[Keyword] = &[
    row("addr", 1, V2_6, Some(V2_6)),
    row("agent-addr", 1, V2_6, Some(V2_6)),
    row("agent-check", 0, V2_6, Some(V2_6)),
    row("agent-inter", 1, V2_6, Some(V2_6)),
    row("agent-port", 1, V2_6, Some(V2_6)),
    row("agent-send", 1, V2_6, Some(V2_6)),
    row("allow-0rtt", 0, V2_6, Some(V2_6)),
    row("alpn", 1, V2_6, Some(V2_6)),
    row("backup", 0, V2_6, Some(V2_6)),
    row("ca-file", 1, V2_6, Some(V2_6)),
    row("check", 0, V2_6, Some(V2_6)),
    row("check-alpn", 1, V2_6, Some(V2_6)),
    row("check-pool-conn-name", 1, V3_2, Some(V3_2)),
    row("check-proto", 1, V2_6, Some(V2_6)),
    row("check-reuse-pool", 0, V3_2, Some(V3_2)),
    row("check-send-proxy", 0, V2_6, Some(V2_6)),
    row("check-sni", 1, V2_6, Some(V2_6)),
    row("check-ssl", 0, V2_6, Some(V2_6)),
    row("check-via-socks4", 0, V2_6, Some(V2_6)),
    row("ciphers", 1, V2_6, Some(V2_6)),
    row("ciphersuites", 1, V2_6, Some(V2_6)),
    row("client-sigalgs", 1, V3_0, Some(V3_0)),
    row("cookie", 1, V2_6, Some(V3_0)),
    row("crl-file", 1, V2_6, Some(V2_6)),
    row("crt", 1, V2_6, Some(V2_6)),
    row("curves", 1, V3_0, Some(V3_0)),
    row("disabled", 0, V2_6, Some(V2_6)),
    row("downinter", 1, V2_6, Some(V2_6)),
    row("enabled", 0, V2_6, None),
    row("error-limit", 1, V2_6, Some(V2_6)),
    row("fall", 1, V2_6, Some(V2_6)),
    row("fastinter", 1, V2_6, Some(V2_6)),
    row("force-sslv3", 0, V2_6, Some(V2_6)),
    row("force-tlsv10", 0, V2_6, Some(V2_6)),
    row("force-tlsv11", 0, V2_6, Some(V2_6)),
    row("force-tlsv12", 0, V2_6, Some(V2_6)),
    row("force-tlsv13", 0, V2_6, Some(V2_6)),
    row("guid", 1, V3_0, Some(V3_0)),
    row("hash-key", 1, V3_0, Some(V3_0)),
    row("id", 1, V2_6, Some(V2_6)),
    row("idle-ping", 1, V3_2, Some(V3_2)),
    row("init-addr", 1, V2_6, None),
    row("init-state", 1, V3_2, Some(V3_2)),
    row("inter", 1, V2_6, Some(V2_6)),
    row("interface", 1, V2_6, Some(V2_6)),
    row("log-bufsize", 1, V3_0, None),
    row("log-proto", 1, V2_6, None),
    row("max-reuse", 1, V2_6, None),
    row("maxconn", 1, V2_6, Some(V2_6)),
    row("maxqueue", 1, V2_6, Some(V2_6)),
    row("minconn", 1, V2_6, Some(V2_6)),
    row("namespace", 1, V2_6, None),
    row("no-agent-check", 0, V2_6, None),
    row("no-backup", 0, V2_6, Some(V2_6)),
    row("no-check", 0, V2_6, None),
    row("no-check-reuse-pool", 0, V3_2, None),
    row("no-check-send-proxy", 0, V2_6, None),
    row("no-check-ssl", 0, V2_6, None),
    row("no-send-proxy", 0, V2_6, Some(V2_6)),
    row("no-send-proxy-v2", 0, V2_6, Some(V2_6)),
    row("no-send-proxy-v2-ssl", 0, V2_6, None),
    row("no-send-proxy-v2-ssl-cn", 0, V2_6, None),
    row("no-ssl", 0, V2_6, None),
    row("no-ssl-reuse", 0, V2_6, Some(V2_6)),
    row("no-sslv3", 0, V2_6, Some(V2_6)),
    row("no-tfo", 0, V2_6, Some(V2_6)),
    row("no-tls-tickets", 0, V2_6, Some(V2_6)),
    row("no-tlsv10", 0, V2_6, Some(V2_6)),
    row("no-tlsv11", 0, V2_6, Some(V2_6)),
    row("no-tlsv12", 0, V2_6, Some(V2_6)),
    row("no-tlsv13", 0, V2_6, Some(V2_6)),
    row("non-stick", 0, V2_6, None),
    row("npn", 1, V2_6, Some(V2_6)),
    row("observe", 1, V2_6, Some(V2_6)),
    row("on-error", 1, V2_6, Some(V2_6)),
    row("on-marked-down", 1, V2_6, Some(V2_6)),
    row("on-marked-up", 1, V2_6, Some(V2_6)),
    row("pool-conn-name", 1, V3_0, Some(V3_0)),
    row("pool-low-conn", 1, V2_6, Some(V2_6)),
    row("pool-max-conn", 1, V2_6, Some(V2_6)),
    row("pool-purge-delay", 1, V2_6, Some(V2_6)),
    row("port", 1, V2_6, Some(V2_6)),
    row("proto", 1, V2_6, Some(V2_6)),
    row("proxy-v2-options", 1, V2_6, Some(V2_6)),
    row("redir", 1, V2_6, None),
    row("resolve-net", 1, V2_6, None),
    row("resolve-opts", 1, V2_6, None),
    row("resolve-prefer", 1, V2_6, None),
    row("resolvers", 1, V2_6, None),
    row("rise", 1, V2_6, Some(V2_6)),
    row("send-proxy", 0, V2_6, Some(V2_6)),
    row("send-proxy-v2", 0, V2_6, Some(V2_6)),
    row("send-proxy-v2-ssl", 0, V2_6, Some(V2_6)),
    row("send-proxy-v2-ssl-cn", 0, V2_6, Some(V2_6)),
    row("set-proxy-v2-tlv-fmt", 1, V3_0, Some(V3_0)),
    row("shard", 1, V3_0, Some(V3_0)),
    row("sigalgs", 1, V3_0, Some(V3_0)),
    row("slowstart", 1, V2_6, Some(V2_6)),
    row("sni", 1, V2_6, Some(V2_6)),
    row("socks4", 1, V2_6, None),
    row("source", 1, V2_6, Some(V2_6)),
    row("ssl", 0, V2_6, Some(V2_6)),
    row("ssl-max-ver", 1, V2_6, Some(V2_6)),
    row("ssl-min-ver", 1, V2_6, Some(V2_6)),
    row("ssl-reuse", 0, V2_6, None),
    row("stick", 0, V2_6, None),
    row("strict-maxconn", 0, V3_2, Some(V3_2)),
    row("tcp-ut", 1, V2_6, None),
    row("tfo", 0, V2_6, Some(V2_6)),
    row("tls-tickets", 0, V2_6, Some(V2_6)),
    row("track", 1, V2_6, Some(V2_6)),
    row("usesrc", 1, V2_6, Some(V2_6)),
    row("verify", 1, V2_6, Some(V2_6)),
    row("verifyhost", 1, V2_6, Some(V2_6)),
    row("weight", 1, V2_6, Some(V2_6)),
    row("ws", 1, V2_6, Some(V2_6)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_found_by_its_name() {
        for row in TABLE {
            assert_eq!(keyword(row.name), Some(row));
        }
        for word in ["", "chec", "checks", "Check", "127.0.0.1"] {
            assert_eq!(keyword(word), None, "{word}");
        }
    }

    #[test]
    fn what_stands_in_parentheses_is_no_part_of_the_name() {
        let found = keyword("set-proxy-v2-tlv-fmt(0x20)").map(|row| (row.name, row.arguments));
        assert_eq!(found, Some(("set-proxy-v2-tlv-fmt", 1)));
    }

    #[test]
    fn each_name_is_there_once_and_in_order() {
        assert!(TABLE.is_sorted_by(|one, other| one.name < other.name));
    }

    #[test]
    fn no_server_is_added_with_a_word_that_its_release_does_not_have() {
        for row in TABLE {
            assert!(
                row.added_since.is_none_or(|added| added >= row.since),
                "{row:?}"
            );
        }
    }
}
