//! Which maps and ACLs the lines of a configuration change while HAProxy runs.

use crate::config::Config;
use crate::words::words;

/// The actions that do it.
const ACTIONS: [&str; 4] = ["set-map(", "del-map(", "add-acl(", "del-acl("];
/// What stands for the value of a variable, which only HAProxy knows. No line has it.
const UNKNOWN: &str = "\n";

/// The maps and ACLs that lines change, by the names that the lines give them.
#[derive(Clone, Debug, Default)]
pub struct Changes(Vec<String>);

impl Config<'_> {
    /// The maps and ACLs that its lines change while HAProxy runs.
    #[must_use]
    pub fn changes(&self) -> Changes {
        let mut names = Vec::new();
        for line in self.sections.iter().flat_map(|section| &section.lines) {
            if !ACTIONS.iter().any(|action| line.text.contains(action)) {
                continue;
            }
            for word in words(line.text, &|_| Some(UNKNOWN.to_owned())) {
                let name = ACTIONS.iter().find_map(|action| word.strip_prefix(action));
                let name = name.map(|name| name.strip_suffix(')').unwrap_or(name));
                names.extend(name.map(|name| without_kind(name).to_owned()));
            }
        }
        Changes(names)
    }
}

impl Changes {
    /// Whether there may be one of this name, as HAProxy gives it. Of a name with a variable
    /// only the end is known.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let name = without_kind(name);
        self.0.iter().any(|said| match said.rsplit_once(UNKNOWN) {
            Some((_, end)) => name.ends_with(end),
            None => said == name,
        })
    }
}

/// The name without the word by which 3.0 and later tell a file from another list.
fn without_kind(name: &str) -> &str {
    let mut kinds = ["file@", "opt@"].iter();
    let bare = kinds.find_map(|kind| name.strip_prefix(kind));
    bare.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_changes_at_run_time_is_found_by_its_name() {
        let text = "frontend f\n  http-request set-map(/x/a.map) %[src] %[path]\n  \
            http-response del-map(file@b.map) %[src] if TRUE # set-map(/x/no.map)\n  \
            http-request add-acl(\"$DIR/d.acl\") %[src]\n  \
            http-request \"set-map(/x/with a blank.map)\" %[src] 1\n  \
            use_backend %[req.hdr(host),map(/x/r.map)]\n";
        let changes = Config::parse(text).changes();
        for name in [
            "/x/a.map",
            "b.map",
            "/anywhere/d.acl",
            "/x/with a blank.map",
        ] {
            assert!(changes.has(name), "{name}");
        }
        for name in ["/x/no.map", "/x/b.map", "/x/r.map", "a.map", ""] {
            assert!(!changes.has(name), "{name}");
        }
    }
}
