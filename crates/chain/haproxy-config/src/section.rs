//! Which words begin a section.

/// Every keyword that begins a section in a release from 2.6 to 3.3: the first
/// word of a line, wherever it stands.
const KEYWORDS: [&str; 21] = [
    "acme",
    "backend",
    "cache",
    "crt-store",
    "defaults",
    "dynamic-update",
    "fcgi-app",
    "frontend",
    "global",
    "healthcheck",
    "http-errors",
    "listen",
    "log-forward",
    "log-profile",
    "mailers",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "userlist",
];

/// Whether a line that begins with `word` begins a section.
pub(crate) fn begins_section(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Whether the servers of such a section get requests. `peers` and `ring` have
/// `server` lines too, which mean something else.
pub(crate) fn has_servers(keyword: &str) -> bool {
    matches!(keyword, "backend" | "listen")
}
