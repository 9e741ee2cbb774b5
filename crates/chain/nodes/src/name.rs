//! Names that are safe as a file's name and as a word of haproxy.cfg.

use std::fmt;
use std::sync::Arc;

use exit::escape;

/// The length of the longest name, which is that of a DNS label.
const MAX_LENGTH: usize = 63;

/// The name of a node or of a service: a letter or digit, then letters, digits,
/// `.`, `_` and `-`, at most 63 in all, not ending in `.` or `-`.
///
/// Clones share their text, since each of ten thousand names is kept in several
/// places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Parses `text` as a name. The error says why it is none, and shows it escaped.
    pub fn parse(text: &str) -> Result<Self, String> {
        match refusal(text.as_bytes()) {
            None => Ok(Self(text.into())),
            Some(why) => Err(format!("the name '{}' {why}", escape(text.as_bytes()))),
        }
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refusal(name: &[u8]) -> Option<&'static str> {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return Some("is empty");
    };
    if name.len() > MAX_LENGTH {
        Some("is longer than 63 characters")
    } else if !name.iter().all(|byte| is_allowed(*byte)) {
        Some("has characters other than letters, digits, '.', '_' and '-'")
    } else if !first.is_ascii_alphanumeric() {
        Some("does not begin with a letter or a digit")
    } else if matches!(last, b'.' | b'-') {
        Some("ends in '.' or '-'")
    } else {
        None
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_people_give_are_taken() {
        for name in ["s1", "webapp-3-1f2e", "a.b_c", "0", "a_", &"x".repeat(63)] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_could_do_harm_are_refused_in_escaped_form() {
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-rf",
            "a b",
            "a\nb",
            "$(x)",
            "#h",
            "é",
            "a-",
            "a.",
            &"x".repeat(64),
        ] {
            let why = Name::parse(name).unwrap_err();
            assert!(
                !why.contains('\n') && why.starts_with("the name '"),
                "{why}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_name_is_always_one_safe_path_component(text in "\\PC{0,70}|[a-z./-]{0,8}") {
            if let Ok(name) = Name::parse(&text) {
                prop_assert!(!name.as_str().contains('/') && !name.as_str().starts_with('.'));
                prop_assert!(!name.as_str().is_empty() && name.as_str().len() <= 63);
            }
        }
    }
}
