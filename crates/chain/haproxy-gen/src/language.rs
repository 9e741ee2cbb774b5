//! Templates in another language: what their authors have to write instead.

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
        || (word == "if" && tag.len() > word.len())
        || is_call_without_parentheses(word, tag);
    let is_handlebars = tag.starts_with(['#', '/', '!', '>', '^', '&', '@', '{']) || word == "this";
    if is_handlebars {
        Some(HANDLEBARS)
    } else if is_gos {
        Some(GO)
    } else {
        None
    }
}

/// Whether an argument follows a name as in `{{ key "service/web" }}`.
fn is_call_without_parentheses(word: &str, tag: &str) -> bool {
    let is_name = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let rest = tag[word.len()..].trim_start();
    is_name && word != "not" && rest.len() < tag.len() - word.len() && rest.starts_with(['"', '`'])
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
            "{{ key \"service/web\" }}",
            "{{getenv \"HOME\"}}",
        ] {
            assert_eq!(other_language(tag), Some(GO), "{tag}");
        }
    }

    #[test]
    fn what_is_tera_is_not_taken_for_another_language() {
        for template in [
            "{% for a in addresses %}{{ a.host }}{% endfor %}",
            "{{- nodes | length -}}",
            "{# services: web #}{{ thisone }} {{ ending }} {{ ranges }} {{ if_any }}",
            "{{ not \"a\" }} {{ env(name=\"a\") }} {{ a ~ \"b\" }} {{ a == \"b\" }}",
            "{{ \"text\" }} {{ (1 + 2) }} {{ [1, 2] | length }}",
            "log-format {\"a\": %ci}",
        ] {
            assert_eq!(other_language(template), None, "{template}");
        }
    }
}
