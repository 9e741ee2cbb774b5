//! Times in words.

use std::time::Duration;

/// So many seconds, as `2m 3s`.
pub(super) fn span(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}
