//! The tags of a template, found without Tera: what it includes is read before Tera sees it,
//! and a mistake is explained after Tera has refused it.

/// A tag `{% WORD REST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// Where it begins, in bytes.
    pub(crate) start: usize,
    pub(crate) word: &'a str,
    /// All that follows the word, to the end of the text.
    pub(crate) rest: &'a str,
}

/// The tags of the text. What stands in a comment or between `raw` tags is none.
pub(crate) fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let start = text.len() - after.len() - 1;
        rest = if let Some(comment) = after.strip_prefix('#') {
            behind(comment, "#}")
        } else if let Some(tag) = after.strip_prefix('%') {
            let (word, arguments) = first_word(tag);
            tags.push(Tag {
                start,
                word,
                rest: arguments,
            });
            if word == "raw" {
                end_of_raw(text, arguments, &mut tags)
            } else {
                tag
            }
        } else {
            after
        };
    }
    tags
}

/// Passes over what `raw` protects. Returns what follows.
fn end_of_raw<'a>(text: &'a str, inner: &'a str, tags: &mut Vec<Tag<'a>>) -> &'a str {
    let mut rest = inner;
    while let Some((_, after)) = rest.split_once("{%") {
        let (word, arguments) = first_word(after);
        if word == "endraw" {
            tags.push(Tag {
                start: text.len() - after.len() - 2,
                word,
                rest: arguments,
            });
            return arguments;
        }
        rest = after;
    }
    ""
}

fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// The first word of a tag, and what follows it. The dash of Tera's whitespace control is
/// no part of it.
fn first_word(tag: &str) -> (&str, &str) {
    let tag = tag.strip_prefix('-').unwrap_or(tag).trim_start();
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    tag.split_at(end.unwrap_or(tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_but_for_those_in_comments_and_between_raw() {
        let text = "a{% if x %}{# {% for %} #}{%- raw %}{% set %}{%-endraw-%}{{ x }}{%\n endif%}";
        let found: Vec<(&str, &str)> = tags(text)
            .into_iter()
            .map(|tag| (tag.word, &text[tag.start..tag.start + 2]))
            .collect();
        let words: Vec<&str> = found.iter().map(|(word, _)| *word).collect();
        assert_eq!(words, ["if", "raw", "endraw", "endif"]);
        assert!(found.iter().all(|(_, mark)| *mark == "{%"));
        for text in ["", "{", "{%", "{#", "{% raw %}{% x %}{%", "{%é"] {
            assert!(tags(text).len() <= 1, "{text}");
        }
    }
}
