//! All that a template has, as a page. The tests render each example, so the page is what
//! the program does.

use std::fmt::Write;

/// An entry: its name, an example, what the example gives, and what is to be said of it.
type Entry = (&'static str, &'static str, &'static str, &'static str);

/// The parts of the page.
const PARTS: [(&str, &[Entry]); 5] = [
    ("Tags", TAGS),
    ("Expressions", EXPRESSIONS),
    ("Functions", FUNCTIONS),
    ("Filters", FILTERS),
    ("Tests", TESTS),
];

/// Tera's tags. What an example includes stands in [`INCLUDED`].
const TAGS: &[Entry] = &[
    (
        "if",
        "{% if 2 > 1 %}a{% elif x is defined %}b{% else %}c{% endif %}",
        "a",
        "`and`, `or`, `not`, `in`, `==`, `<` ...",
    ),
    (
        "for",
        "{% for n in [1, 2] %}{{ loop.index }}:{{ n }} {% else %}none{% endfor %}",
        "1:1 2:2 ",
        "`loop.index`, `loop.index0`, `loop.first`, `loop.last`, `loop.length`; `{% break %}`, `{% continue %}`",
    ),
    (
        "set",
        "{% set a = 1 %}{% set b %}x{{ a }}{% endset %}{{ b }}",
        "x1",
        "inside of a loop until the end of its turn",
    ),
    (
        "set_global",
        "{% for n in [1, 2] %}{% set_global a = n %}{% endfor %}{{ a }}",
        "2",
        "outside of the loop, too",
    ),
    (
        "include",
        "{% include \"part.tera\" %}",
        "part",
        "a file beside the template",
    ),
    (
        "extends",
        "{% extends \"base.tera\" %}{% block b %}new{% endblock %}",
        "base new",
        "a file beside the template, with some of its blocks replaced",
    ),
    (
        "component",
        "{% component port(n: integer) %}:{{ n }}{% endcomponent %}{{<port n={80} />}}",
        ":80",
        "also those of included files",
    ),
    (
        "raw",
        "{% raw %}{%Ts} {{ x }}{% endraw %}",
        "{%Ts} {{ x }}",
        "what stands between is HAProxy's",
    ),
    (
        "filter",
        "{% filter upper %}a{% endfilter %}",
        "A",
        "a filter for more than a value",
    ),
    (
        "comment",
        "a{# nothing #}b",
        "ab",
        "`{#-`, `-%}` and the like take the blanks and line ends beside them away",
    ),
];

const EXPRESSIONS: &[Entry] = &[
    ("choice", "{{ \"a\" if 1 > 2 else \"b\" }}", "b", ""),
    (
        "list",
        "{{ [n * 2 for n in [1, 2, 3] if n > 1] }}",
        "[4, 6]",
        "`[n for n in nodes if n.service == \"web\"]`",
    ),
    (
        "map",
        "{% set m = {\"a\": [1, 2]} %}{{ m.a[0] }}{{ m[\"a\"][1] }}",
        "12",
        "",
    ),
    (
        "slice",
        "{{ [1, 2, 3][1:] }} {{ \"haproxy\"[:2] }}",
        "[2, 3] ha",
        "",
    ),
    ("joined", "{{ \"a\" ~ 1 }}", "a1", ""),
    (
        "numbers",
        "{{ (1 + 2) * 3 - 7 / 2 }} {{ 7 // 2 }} {{ 7 % 2 }} {{ 2 ** 3 }}",
        "5.5 3 1 8",
        "",
    ),
];

const FUNCTIONS: &[Entry] = &[
    (
        "env",
        "{{ env(name=\"NOT_SET\", default=\"*:80\") }}",
        "*:80",
        "a variable of haproxy-gen's environment; without a default an error if it is not set",
    ),
    (
        "file_digest",
        "{{ file_digest(path=\"hosts.map\") }}",
        "c98f7fa0f4d6f91c",
        "changes with the content of the file, or of the files in the folder; relative paths begin at the template's folder",
    ),
    (
        "range",
        "{{ range(start=1, end=6, step_by=2) }}",
        "[1, 3, 5]",
        "100,000 numbers at most",
    ),
    (
        "throw",
        "{% if 1 > 2 %}{{ throw(message=\"never\") }}{% endif %}",
        "",
        "an error with this message",
    ),
];

const FILTERS: &[Entry] = &[
    ("abs", "{{ -3 | abs }}", "3", ""),
    (
        "b64_decode",
        "{{ \"aGFwcm94eQ==\" | b64_decode }}",
        "haproxy",
        "",
    ),
    (
        "b64_encode",
        "{{ \"haproxy\" | b64_encode }}",
        "aGFwcm94eQ==",
        "",
    ),
    (
        "capitalize",
        "{{ \"web node\" | capitalize }}",
        "Web node",
        "",
    ),
    (
        "default",
        "{{ zone | default(value=\"a\") }}",
        "a",
        "for what is not defined, as a tag that not every node has",
    ),
    (
        "escape",
        "{{ \"<\" | escape }}",
        "&lt;",
        "for HTML; also `escape_html`",
    ),
    ("escape_html", "{{ \"<\" | escape_html }}", "&lt;", ""),
    ("escape_xml", "{{ \"'\" | escape_xml }}", "&apos;", ""),
    (
        "filesize_format",
        "{{ 1500000 | filesize_format }}",
        "1.43 MiB",
        "",
    ),
    ("first", "{{ [1, 2] | first }}", "1", ""),
    ("float", "{{ \"1.5\" | float }}", "1.5", ""),
    (
        "format",
        "{{ 7 | format(spec=\"03\") }}",
        "007",
        "as Rust's `format!`",
    ),
    (
        "get",
        "{{ {\"a\": 1} | get(key=\"a\") }}",
        "1",
        "for a key that is in a variable; `default=` for none",
    ),
    (
        "group_by",
        "{{ [{\"z\": \"a\", \"n\": 1}, {\"z\": \"b\", \"n\": 2}] | group_by(attribute=\"z\") | keys }}",
        "[\"a\", \"b\"]",
        "`nodes | group_by(attribute=\"service\")`",
    ),
    ("indent", "{{ \"a\nb\" | indent(width=2) }}", "a\n  b", ""),
    ("int", "{{ \"80\" | int }}", "80", ""),
    ("join", "{{ [1, 2] | join(sep=\",\") }}", "1,2", ""),
    (
        "json_encode",
        "{{ {\"a\": [1]} | json_encode }}",
        "{\"a\":[1]}",
        "",
    ),
    ("keys", "{{ {\"a\": 1} | keys }}", "[\"a\"]", ""),
    ("last", "{{ [1, 2] | last }}", "2", ""),
    (
        "length",
        "{{ [1, 2] | length }}",
        "2",
        "of a list, a map or a text",
    ),
    ("lower", "{{ \"A\" | lower }}", "a", ""),
    (
        "newlines_to_br",
        "{{ \"a\nb\" | newlines_to_br }}",
        "a<br>b",
        "",
    ),
    ("nth", "{{ [1, 2] | nth(n=1) }}", "2", "counted from 0"),
    (
        "pairs",
        "{% for pair in {\"a\": 1} | pairs %}{{ pair }}{% endfor %}",
        "[\"a\", 1]",
        "",
    ),
    (
        "pluralize",
        "{{ 2 }} node{{ 2 | pluralize }}",
        "2 nodes",
        "",
    ),
    (
        "regex_replace",
        "{{ \"web-12\" | regex_replace(pattern=\"-[0-9]+$\", rep=\"\") }}",
        "web",
        "",
    ),
    (
        "replace",
        "{{ \"a.b\" | replace(from=\".\", to=\"-\") }}",
        "a-b",
        "",
    ),
    ("reverse", "{{ [1, 2] | reverse }}", "[2, 1]", ""),
    ("round", "{{ 2.5 | round }}", "3.0", ""),
    (
        "safe",
        "{{ \"<\" | safe }}",
        "<",
        "nothing here is escaped unless you ask for it",
    ),
    ("slug", "{{ \"Café au lait\" | slug }}", "cafe-au-lait", ""),
    (
        "sort",
        "{{ [2, 1] | sort }}",
        "[1, 2]",
        "`attribute=` for maps",
    ),
    (
        "split",
        "{{ \"a,b\" | split(pat=\",\") }}",
        "[\"a\", \"b\"]",
        "",
    ),
    ("str", "{{ 80 | str }}", "80", ""),
    ("title", "{{ \"web node\" | title }}", "Web Node", ""),
    ("trim", "{{ \" a \" | trim }}", "a", ""),
    ("trim_end", "{{ \"a.\" | trim_end(pat=\".\") }}", "a", ""),
    (
        "trim_start",
        "{{ \".a\" | trim_start(pat=\".\") }}",
        "a",
        "",
    ),
    (
        "truncate",
        "{{ \"haproxy\" | truncate(length=2) }}",
        "ha…",
        "",
    ),
    ("unique", "{{ [1, 1, 2] | unique }}", "[1, 2]", ""),
    ("upper", "{{ \"a\" | upper }}", "A", ""),
    ("urlencode", "{{ \"a b/c\" | urlencode }}", "a%20b/c", ""),
    (
        "urlencode_strict",
        "{{ \"a b/c\" | urlencode_strict }}",
        "a%20b%2Fc",
        "",
    ),
    ("values", "{{ {\"a\": 1} | values }}", "[1]", ""),
    ("wordcount", "{{ \"web node\" | wordcount }}", "2", ""),
];

const TESTS: &[Entry] = &[
    ("array", "{{ [1] is array }}", "true", ""),
    ("bool", "{{ true is bool }}", "true", ""),
    (
        "containing",
        "{{ \"web\" is containing(pat=\"e\") }}",
        "true",
        "a text in a text, an element in a list",
    ),
    (
        "defined",
        "{{ zone is defined }}",
        "false",
        "`node.tags.zone is defined`",
    ),
    (
        "divisible_by",
        "{{ 4 is divisible_by(divisor=2) }}",
        "true",
        "",
    ),
    (
        "ending_with",
        "{{ \"web\" is ending_with(pat=\"b\") }}",
        "true",
        "",
    ),
    ("even", "{{ 2 is even }}", "true", ""),
    ("float", "{{ 1.5 is float }}", "true", ""),
    ("integer", "{{ 1 is integer }}", "true", ""),
    ("iterable", "{{ [] is iterable }}", "true", ""),
    ("map", "{{ {\"a\": 1} is map }}", "true", ""),
    (
        "matching",
        "{{ \"web-1\" is matching(pat=\"^web-\\\\d\") }}",
        "true",
        "a regular expression; `\\\\` stands for one backslash",
    ),
    ("none", "{{ none is none }}", "true", ""),
    ("number", "{{ 1 is number }}", "true", ""),
    ("odd", "{{ 1 is odd }}", "true", ""),
    (
        "starting_with",
        "{{ \"web\" is starting_with(pat=\"w\") }}",
        "true",
        "",
    ),
    ("string", "{{ \"a\" is string }}", "true", ""),
    ("undefined", "{{ zone is undefined }}", "true", ""),
];

/// The files beside the examples.
#[cfg(test)]
const INCLUDED: [(&str, &str); 3] = [
    ("part.tera", "part"),
    ("base.tera", "base {% block b %}old{% endblock %}"),
    ("hosts.map", "a.example web\n"),
];

/// The page, in Markdown.
pub(crate) fn page() -> String {
    let mut page = String::new();
    for (part, entries) in PARTS {
        let _ = write!(
            page,
            "## {part}\n\n| name | example | gives | |\n|---|---|---|---|\n"
        );
        for (name, example, gives, words) in entries {
            let (example, gives) = (code(example), code(gives));
            let _ = writeln!(page, "| {name} | {example} | {gives} | {words} |");
        }
        page.push('\n');
    }
    page.pop();
    page
}

/// The text as code in a cell of a table.
fn code(text: &str) -> String {
    let text = text.replace('\n', "\\n").replace('|', "\\|");
    match text.contains('`') {
        _ if text.is_empty() => String::new(),
        true => format!("`` {text} ``"),
        false => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use files::{Durability, replace};
    use tera::Context;

    use super::*;
    use crate::functions::{Made, Trouble};
    use crate::template::engine;

    #[test]
    fn each_example_gives_what_the_page_says() {
        let scratch = harness::scratch();
        for (name, text) in INCLUDED {
            let path = scratch.path().join(name);
            replace(&path, text.as_bytes(), Durability::Unsynced).unwrap();
        }
        let gives = |example: &str| {
            let mut tera = engine(scratch.path(), &Made::default(), &Trouble::default());
            let templates = INCLUDED[..2].iter().copied().chain([("t", example)]);
            tera.add_raw_templates(templates)?;
            let mut context = Context::new();
            context.insert("none", &None::<u8>);
            tera.render("t", &context)
        };
        let entries = PARTS.iter().flat_map(|(_, entries)| *entries);
        for (_, example, expected, _) in entries {
            let made = gives(example).unwrap_or_else(|error| error.to_string());
            assert_eq!(made, *expected, "{example}");
        }
    }

    #[test]
    fn nothing_that_a_template_has_is_missing() {
        let tera = engine(
            std::path::Path::new(""),
            &Made::default(),
            &Trouble::default(),
        );
        let counts = format!("{tera:?}");
        for (what, entries) in [
            ("functions", FUNCTIONS),
            ("filters", FILTERS),
            ("tests", TESTS),
        ] {
            let count = format!("{what}: {},", entries.len());
            assert!(counts.contains(&count), "{count} is not in {counts}");
            let names: Vec<&str> = entries.iter().map(|(name, ..)| *name).collect();
            let mut sorted = names.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted, names);
        }
    }

    #[test]
    fn the_page_is_the_one_in_the_documentation() {
        let documented = include_str!("../../../../docs/templates.md");
        assert!(
            documented.contains(&page()),
            "docs/templates.md lacks what `haproxy-gen --reference` prints"
        );
    }
}
