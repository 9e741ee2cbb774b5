//! The marks of nodes that are held although they are lost: `/nodes/.lost/NAME`
//! holds the date since when.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Longer than a node that is lost is held.
pub(crate) const EXPIRED: Duration = Duration::from_secs(31);

/// The nodes that are held, of the directory `nodes`.
pub(crate) fn lost(nodes: &Path) -> Vec<String> {
    let entries = fs::read_dir(nodes.join(".lost")).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// Makes it look as if all of them had been lost for `age`.
pub(crate) fn set_lost_since(nodes: &Path, age: Duration) {
    let date = humantime::format_rfc3339_millis(SystemTime::now() - age);
    for name in lost(nodes) {
        let path = nodes.join(".lost").join(name);
        // A node that came back meanwhile is not to be marked again.
        if path.exists() {
            let _ = files::replace(
                &path,
                format!("{date}\n").as_bytes(),
                files::Durability::Unsynced,
            );
        }
    }
}
