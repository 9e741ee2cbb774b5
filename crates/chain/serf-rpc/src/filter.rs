//! Which members are asked for.

use std::collections::BTreeMap;

use serde::Serialize;

/// The status of every member that has not left.
pub const NOT_LEFT: &str = "(?:alive|leaving|failed|none)";

/// Which members are asked for. Each field is a regular expression of Go's, which the agent
/// puts between `^` and `$` as it is; an empty one is not looked at.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// Those of the values of some tags.
    pub tags: BTreeMap<String, String>,
    /// That of the status.
    pub status: String,
    /// That of the name.
    pub name: String,
}

/// An expression that matches each of `names` and nothing else but, where a name is not UTF-8,
/// names that differ only in the bytes that are not.
pub fn any_of<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut expression = String::from("(?:");
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            expression.push('|');
        }
        for chunk in name.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_ascii_punctuation() {
                    expression.push('\\');
                }
                expression.push(character);
            }
            // An expression has to be UTF-8, and Go reads each byte that is not as U+FFFD.
            for _ in chunk.invalid() {
                expression.push('\u{fffd}');
            }
        }
    }
    expression.push(')');
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_expressions() {
        assert_eq!(any_of([&b"s1.a"[..], b"(x|y)"]), r"(?:s1\.a|\(x\|y\))");
        assert_eq!(any_of([&b"s\xff\xfe"[..]]), "(?:s\u{fffd}\u{fffd})");
    }
}
