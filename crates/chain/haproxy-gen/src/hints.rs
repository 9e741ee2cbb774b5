//! What is said beside Tera's own message to a template that it refuses, where that alone is
//! about one character.

use exit::escape;

use crate::language::other_language;
use crate::tags::{Tag, tags};

/// The way out for the template, in which Tera has refused something at the byte `at` with
/// this message.
pub(crate) fn hint(template: &str, message: &str, at: usize) -> Option<String> {
    if let Some(hint) = other_language(template) {
        return Some(hint.to_owned());
    }
    let ends = (0..=at.min(template.len())).rev();
    let at = ends.into_iter().find(|at| template.is_char_boundary(*at))?;
    word_of_others(template, at)
        .or_else(|| positional(template, message, at))
        .or_else(|| unclosed(template, message, at))
        .or_else(|| haproxys_braces(template, at))
}

/// A tag of Jinja's that Tera calls otherwise.
fn word_of_others(template: &str, at: usize) -> Option<String> {
    let tag = tag_at(template, at)?;
    let is_else_if = tag.word == "else" && tag.rest.trim_start().starts_with("if ");
    let word = if is_else_if { "else if" } else { tag.word };
    let instead = match word {
        "elseif" | "elsif" | "else if" => "{% elif CONDITION %}",
        "macro" | "import" | "from" | "call" => {
            "{% component NAME(ARGUMENT) %} ... {% endcomponent %}, and {{<NAME ARGUMENT={1} />}} \
             where it is used; those of an included file are there, too"
        }
        "with" | "do" => "{% set NAME = VALUE %}",
        _ => return None,
    };
    Some(format!("Instead of `{word}` write {instead}."))
}

/// An argument without a name.
fn positional(template: &str, message: &str, at: usize) -> Option<String> {
    let before = template.get(..at)?.trim_end();
    let is_argument = before.ends_with(['(', ',']) && message.contains("expected identifier");
    is_argument.then(|| {
        "Arguments have names, as in env(name=\"HOME\") or join(sep=\",\"): \
         `haproxy-gen --reference` has them all."
            .to_owned()
    })
}

/// A tag that has no end before the one that was refused.
fn unclosed(template: &str, message: &str, at: usize) -> Option<String> {
    let refused = tag_at(template, at);
    let is_at_end = message.contains("end of input");
    let is_end = refused.is_some_and(|tag| tag.word.starts_with("end"));
    if !is_at_end && !is_end {
        return None;
    }
    let mut open: Vec<Tag<'_>> = Vec::new();
    let until = refused
        .filter(|_| !is_at_end)
        .map_or(template.len(), |tag| tag.start);
    for tag in tags(template).into_iter().filter(|tag| tag.start < until) {
        if let Some(opened) = tag.word.strip_prefix("end") {
            if open.last().is_some_and(|tag| tag.word == opened) {
                open.pop();
            }
        } else if opens(&tag) {
            open.push(tag);
        }
    }
    let last = open.last()?;
    let is_its_end = |tag: Tag<'_>| tag.word.strip_prefix("end") == Some(last.word);
    if !is_at_end && refused.is_some_and(is_its_end) {
        return None;
    }
    let line = template[..last.start].matches('\n').count() + 1;
    let word = last.word;
    Some(format!(
        "The {{% {word} %}} of line {line} has no {{% end{word} %}} before that."
    ))
}

/// Whether the tag has an end of its own.
fn opens(tag: &Tag<'_>) -> bool {
    match tag.word {
        "if" | "for" | "filter" | "block" | "component" | "raw" => true,
        "set" | "set_global" => {
            let body = tag.rest.split("%}").next().unwrap_or_default();
            !body.contains('=')
        }
        _ => false,
    }
}

/// The last tag that begins before this byte.
fn tag_at(template: &str, at: usize) -> Option<Tag<'_>> {
    let mut tags = tags(template).into_iter().rev();
    let tag = tags.find(|tag| tag.start <= at)?;
    // What was refused has to stand in it.
    let is_inside = !template.get(tag.start..at)?.contains("%}");
    is_inside.then_some(tag)
}

/// Braces that look like HAProxy's own: the log format `{%Ts}`, JSON, a number of repetitions
/// in a regular expression.
fn haproxys_braces(template: &str, at: usize) -> Option<String> {
    // Tera points behind the two characters, or at them.
    let marks = ["{%", "{{", "{#"].into_iter();
    let starts = marks.flat_map(|mark| template.match_indices(mark));
    let starts = starts.map(|(start, _)| start).filter(|start| *start <= at);
    let start = starts.max()?;
    let line = template[start..].lines().next()?;
    let inner = line[2..].strip_prefix('-').unwrap_or(&line[2..]);
    let is_haproxys = if line.starts_with("{{") {
        is_log_format(inner.split("}}").next().unwrap_or_default())
    } else {
        !inner.starts_with([' ', '\t'])
    };
    let end = line.find([' ', '\'', '}']).unwrap_or(line.len()).max(2);
    let shown = escape(&line.as_bytes()[..end]);
    is_haproxys.then(|| {
        format!(
            "If `{shown}` is for HAProxy, put {{% raw %}} before it and {{% endraw %}} behind it: \
             what stands between them is no part of the template's language."
        )
    })
}

/// Whether what stands between `{{` and `}}` looks like a log format, JSON or repetitions.
fn is_log_format(inner: &str) -> bool {
    let is_json = inner.trim_start().starts_with(['"', '\'']) && inner.contains(':');
    let is_repetition = inner.chars().all(|c| c.is_ascii_digit() || c == ',');
    let is_format = inner
        .split('%')
        .skip(1)
        .any(|after| after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[' || c == '{'));
    is_json || is_format || (is_repetition && inner.contains(','))
}

#[cfg(test)]
mod tests {
    use tera::{ErrorKind, Tera};

    use super::*;

    /// What is said to this template, which Tera refuses.
    fn told(template: &str) -> Option<String> {
        let mut tera = Tera::new();
        let error = tera.add_raw_template("t", template).unwrap_err();
        match error.kind() {
            ErrorKind::SyntaxError(report) => {
                hint(template, report.message(), report.span().range.start)
            }
            other => panic!("{template}: {other}"),
        }
    }

    fn hint_for(line: &str) -> Option<String> {
        told(&format!("global\n{line}\nlast %[src]\n"))
    }

    #[test]
    fn haproxys_own_braces_are_known_and_raw_is_named() {
        for (line, shown) in [
            ("log-format '{\"t\":{%Ts}}'", "`{%Ts`"),
            ("log-format \"{%[src]}\"", "`{%[src]`"),
            ("log-format {%{+Q}o", "`{%{+Q`"),
            ("log-format {{\"a\":\"%ci\"}}", "`{{\"a\":\"%ci\"`"),
            ("lf-string '{{ %[src] }}'", "`{{`"),
            ("acl x path_reg ^/a{{1,2}}", "`{{1,2`"),
            ("set-header X {#%[src]", "`{#%[src]`"),
        ] {
            let hint = hint_for(line).unwrap_or_else(|| panic!("{line}"));
            assert!(hint.contains(shown), "{line}: {hint}");
            assert!(hint.contains("{% raw %} before it and {% endraw %} behind it"));
        }
    }

    #[test]
    fn an_argument_without_a_name_is_told_that_it_needs_one() {
        for line in [
            "{{ env(\"HOME\") }}",
            "{{ x | default(\"a\") }}",
            "{{ nodes | join(\",\") }}",
            "{{ nodes | join('-') }}",
        ] {
            let hint = hint_for(line).unwrap_or_else(|| panic!("{line}"));
            assert!(hint.starts_with("Arguments have names"), "{line}: {hint}");
        }
    }

    #[test]
    fn a_tag_without_an_end_is_named_with_its_line() {
        for (template, expected) in [
            (
                "a\n{% for n in nodes %}\n{% if n %}\n{% endfor %}\n",
                "The {% if %} of line 3 has no {% endif %} before that.",
            ),
            (
                "{% if a %}\n{% if b %}{% endif %}\n",
                "The {% if %} of line 1 has no {% endif %} before that.",
            ),
            (
                "x\n{% for n in nodes -%}\n{% set a = 1 %}",
                "The {% for %} of line 2 has no {% endfor %} before that.",
            ),
        ] {
            assert_eq!(told(template).as_deref(), Some(expected), "{template}");
        }
    }

    #[test]
    fn words_of_jinja_are_told_what_they_are_here() {
        for (line, instead) in [
            ("{% if a %}{% elseif b %}{% endif %}", "{% elif "),
            ("{% if a %}{% else if b %}{% endif %}", "{% elif "),
            ("{% macro a(b) %}{% endmacro %}", "{% component "),
            ("{%- import \"x\" as x %}", "{% component "),
        ] {
            let hint = hint_for(line).unwrap_or_else(|| panic!("{line}"));
            assert!(hint.contains(instead), "{line}: {hint}");
        }
    }

    #[test]
    fn a_mistake_that_nobody_knows_is_left_to_tera() {
        for line in [
            "{% ednif %}",
            "{%- fro x in y %}",
            "{{ node.name | }}",
            "{{ }}",
            "{{ true ? 1 : 2 }}",
            "{{ nodes | selectattr(\"service\", 1) | x( }}",
        ] {
            let hint = hint_for(line);
            assert!(!hint.is_some_and(|it| it.contains("raw")), "{line}");
        }
        for at in [0, 5, 1000] {
            assert_eq!(hint("€", "end of input", at), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_template_makes_it_panic(
            parts in proptest::collection::vec("(\\{%|%\\}|\\{\\{|\\}\\}|\\{#|#\\}|if|end|é|\n| |raw|\"|\\()", 0..30),
            at in 0_usize..100,
        ) {
            let template = parts.concat();
            let _ = hint(&template, "expected identifier", at);
        }
    }
}
