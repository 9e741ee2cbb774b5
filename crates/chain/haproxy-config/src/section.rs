//! Which words begin a section.

/// The keywords that begin a section in any release from 2.6 to 3.3. Such a word
/// begins a section wherever it is the first word of a line.
const KEYWORDS: [&str; 22] = [
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
    "namespace_list",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "userlist",
];

/// Whether a line whose first word is `word` begins a section.
pub(crate) fn begins_section(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Whether the `server` lines of such a section name servers that get requests.
/// `peers` and `ring` have `server` lines too, but with another meaning.
pub(crate) fn has_servers(keyword: &str) -> bool {
    matches!(keyword, "backend" | "listen")
}
