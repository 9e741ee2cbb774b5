//! Templates in another language, or with parts in one: what their authors have to write
//! instead.

use exit::escape;

/// What a template that was refused is told beside Tera's own message, when it is
/// written for Handlebars (the lab's language) or Go's text/template (consul-template,
/// confd and docker-gen). Tera's message alone is about one character.
pub(crate) fn other_language(template: &str) -> Option<&'static str> {
    let mut tags = template.split("{{").skip(1).map(|tag| {
        let tag = tag.split("}}").next().unwrap_or_default();
        tag.trim_start_matches(['~', '-']).trim_start()
    });
    tags.find_map(language_of)
}

/// What a template is told whose tag was refused at the byte `at`, if that looks like
/// HAProxy's own (the log format `{%Ts}`, JSON, a number of repetitions in a regular
/// expression).
pub(crate) fn haproxys_braces(template: &str, at: usize) -> Option<String> {
    // Tera points behind the two characters, or at them.
    let marks = ["{%", "{{", "{#"].into_iter();
    let starts = marks.flat_map(|mark| template.match_indices(mark));
    let starts = starts.map(|(start, _)| start).filter(|start| *start <= at);
    let start = starts.max()?;
    let line = template[start..].lines().next()?;
    let inner = line[2..].strip_prefix('-').unwrap_or(&line[2..]);
    let is_haproxys = match &line[..2] {
        "{%" => !inner.starts_with([' ', '\t']),
        "{{" => {
            let inner = inner.split("}}").next().unwrap_or_default();
            inner.contains(['%', ':', ',', '\\'])
        }
        _ => true,
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

const HANDLEBARS: &str = "It is written for Handlebars. The language here is Tera:
  {{#each addresses}}    is  {% for node in addresses %}
  {{ host }} {{this.ip}} are {{ node.host }} {{ node.ip }}
  {{/each}}              is  {% endfor %}
  {{#if x}} {{else}} {{/if}}  are  {% if x %} {% else %} {% endif %}";

const GO: &str = "It is written for Go's text/template. The language here is Tera:
  {{range ...}}  is  {% for node in nodes %}
  {{.Name}}      is  {{ node.name }}
  {{if x}} {{else}}  are  {% if x %} {% else %}
  {{end}}        is  {% endfor %} or {% endif %}";

/// The hint for the language that a tag (what stands between the braces) belongs to.
fn language_of(tag: &str) -> Option<&'static str> {
    let word = tag
        .split(|c: char| c.is_ascii_whitespace() || c == '.' || c == '(')
        .next()
        .unwrap_or_default();
    let is_gos = tag.starts_with(['.', '$'])
        || matches!(
            word,
            "range" | "end" | "with" | "template" | "define" | "block"
        )
        || (word == "if" && tag.len() > word.len());
    let is_handlebars = tag.starts_with(['#', '/', '!', '>', '^', '&', '@', '{']) || word == "this";
    if is_handlebars {
        Some(HANDLEBARS)
    } else if is_gos {
        Some(GO)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlebars_is_known_by_what_only_it_has() {
        for tag in [
            "{{#each addresses}}",
            "{{# each addresses }}",
            "{{~#each addresses~}}",
            "{{/each}}",
            "{{this}}",
            "{{ this.host }}",
            "{{@index}}",
            "{{!-- a comment --}}",
            "{{> partial}}",
            "{{{raw}}}",
            "{{^if}}",
        ] {
            let hint = other_language(&format!("backend nodes\n  {tag}\n"));
            assert_eq!(hint, Some(HANDLEBARS), "{tag}");
        }
    }

    #[test]
    fn gos_templates_are_known_by_what_only_they_have() {
        for tag in [
            "{{range service \"web\"}}",
            "{{- range gets \"/nodes/*\" }}",
            "{{.Address}}",
            "{{ $key }}",
            "{{if .x}}",
            "{{end}}",
            "{{with secret \"a\"}}",
        ] {
            assert_eq!(other_language(tag), Some(GO), "{tag}");
        }
    }

    fn hint(line: &str, mark: &str) -> Option<String> {
        let template = format!("global\n{line}\nlast {{% if %}}\n");
        let at = template.find(mark).unwrap();
        // Tera points at the mark or behind it.
        let hints = [at, at + 2].map(|at| haproxys_braces(&template, at));
        assert_eq!(hints[0], hints[1]);
        hints[0].clone()
    }

    #[test]
    fn haproxys_own_braces_are_known_and_raw_is_named() {
        for (line, mark, shown) in [
            ("log-format '{\"t\":{%Ts}}'", "{%", "`{%Ts`"),
            ("log-format \"{%[src]}\"", "{%", "`{%[src]`"),
            ("log-format {%{+Q}o", "{%", "`{%{+Q`"),
            ("log-format {%-%ci", "{%", "`{%-%ci`"),
            ("log-format {{\"a\":\"%ci\"}}", "{{", "`{{\"a\":\"%ci\"`"),
            ("lf-string '{{ %[src] }}'", "{{", "`{{`"),
            ("acl x path_reg ^/a{{1,2}}", "{{", "`{{1,2`"),
            ("set-header X {#%[src]", "{#", "`{#%[src]`"),
            ("set-header X {%", "{%", "`{%`"),
        ] {
            let hint = hint(line, mark).unwrap();
            assert!(hint.contains(shown), "{line}: {hint}");
            assert!(hint.contains("{% raw %} before it and {% endraw %} behind it"));
        }
    }

    #[test]
    fn a_mistake_in_a_tag_of_the_template_is_not_taken_for_haproxys() {
        for (line, mark) in [
            ("{% ednif %}", "{%"),
            ("{%- fro x in y %}", "{%"),
            ("{{ node.name | }}", "{{"),
            ("{{ }}", "{{"),
        ] {
            assert_eq!(hint(line, mark), None, "{line}");
        }
        for at in [0, 5, 1000] {
            assert_eq!(haproxys_braces("€", at), None);
        }
    }

    #[test]
    fn what_is_tera_is_not_taken_for_another_language() {
        for template in [
            "{% for a in addresses %}{{ a.host }}{% endfor %}",
            "{{- nodes | length -}}",
            "{# services: web #}{{ thisone }} {{ ending }} {{ ranges }} {{ if_any }}",
            "{{ \"text\" }} {{ (1 + 2) }} {{ [1, 2] | length }}",
            "log-format {\"a\": %ci}",
        ] {
            assert_eq!(other_language(template), None, "{template}");
        }
    }
}
