//! haproxy.cfg as text: sections, words, `server` lines, and the fingerprint.

mod fingerprint;
mod scan;
mod server;
mod words;

pub use fingerprint::{check_mark, fingerprint, hash_lines};
pub use scan::Scan;
pub use words::{is_plain, words};
