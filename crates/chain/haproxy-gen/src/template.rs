//! Reading, parsing and rendering the template.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use exit::misuse;
use nodes::Node;
use tera::Tera;

use crate::PROGRAM;
use crate::context::{Kept, context, is_named};
use crate::language::other_language;
use crate::render::{self, Failure};
use crate::services::Services;
use crate::variables::{self, Variable};

/// The largest template that is read, in bytes: a person writes far less.
const MAX_TEMPLATE: u64 = 1 << 20;

/// A template that was parsed without errors.
pub(crate) struct Template {
    path: PathBuf,
    text: String,
    tera: Tera,
    services: Services,
    variables: Vec<Variable>,
}

impl Template {
    /// Reads the template at `path`, which gets these variables beside the nodes.
    pub(crate) fn read(path: &Path, variables: &[Variable]) -> anyhow::Result<Self> {
        let bytes = files::read(path, MAX_TEMPLATE)?.with_context(|| {
            let path = path.display();
            format!("read {path}: there is no such file: name the template with --template")
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| misuse(format_args!("read {}: it is not UTF-8", path.display())))?;
        Self::parse(path, &text, variables)
    }

    /// Parses `text` as the template at `path`. It drops carriage returns and a byte
    /// order mark, which some editors add: HAProxy's complaint about them would be hard
    /// to understand.
    pub(crate) fn parse(path: &Path, text: &str, variables: &[Variable]) -> anyhow::Result<Self> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let refuse =
            |why: &dyn std::fmt::Display| misuse(format_args!("parse {}: {why}", path.display()));
        let services = Services::declared_in(&text).map_err(|why| refuse(&why))?;
        let mut tera = Tera::new();
        tera.autoescape_on(Vec::<&str>::new());
        tera.add_raw_template(&path.to_string_lossy(), &text)
            .map_err(|error| refuse(&words(&error, &text)))?;
        Ok(Self {
            path: path.to_path_buf(),
            text,
            tera,
            services,
            variables: variables.to_vec(),
        })
    }

    /// Renders the template for these nodes. It adds a missing line feed at the end,
    /// without which HAProxy refuses the file.
    pub(crate) fn render(&self, nodes: &[Node], kept: &Kept) -> anyhow::Result<String> {
        let mut context = context(nodes, kept, &self.text);
        variables::insert(&self.variables, &mut context);
        let what = self.rendering();
        let late = move |why| exit::end(PROGRAM, &misuse(format_args!("{what}: {why}")));
        let rendered = render::render(&self.tera, &self.path.to_string_lossy(), &context, late);
        let mut text = rendered.map_err(|failure| match failure {
            Failure::System(error) => anyhow!(error).context(self.rendering()),
            Failure::Endless(why) => misuse(format_args!("{}: {why}", self.rendering())),
            Failure::Refused(error) => {
                let words = words(&error, &self.text);
                misuse(format_args!("{}: {words}", self.rendering()))
            }
        })?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }

    /// Whether the template can see a variable or a field of this name.
    pub(crate) fn names(&self, name: &str) -> bool {
        is_named(name, &self.text)
    }

    /// The template itself.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn rendering(&self) -> String {
        format!("render {}", self.path.display())
    }

    /// The services that the template serves.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// The path of the template.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Tera's own message, which shows file, line and column, and the source there; and the
/// way out for a template that is written in another language.
fn words(error: &tera::Error, template: &str) -> String {
    let report = error.to_string();
    let report = report.trim();
    let report = report.strip_prefix("error: ").unwrap_or(report);
    match other_language(template) {
        Some(hint) => format!("{report}\n{hint}"),
        None => report.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodes::Name;

    fn render(template: &str, lines: &[&str]) -> anyhow::Result<String> {
        let node = |line: &&str| {
            let name = Name::parse(line.split(' ').next().unwrap()).unwrap();
            Node::parse(&name, line).unwrap()
        };
        let nodes: Vec<Node> = lines.iter().map(node).collect();
        Template::parse(Path::new("haproxy.cfg.tera"), template, &[])?
            .render(&nodes, &Kept::default())
    }

    fn refusal(template: &str) -> String {
        format!("{:#}", render(template, &["s1 10.0.0.1"]).unwrap_err())
    }

    #[test]
    fn the_labs_loop_makes_one_line_a_node() {
        let template = "backend nodes\n{% for a in addresses %}    server {{ a.host }} {{ a.ip }}:3000 check\n{% endfor %}";
        assert_eq!(
            render(template, &["s1 10.0.0.1", "s2 10.0.0.2"]).unwrap(),
            "backend nodes\n    server s1 10.0.0.1:3000 check\n    server s2 10.0.0.2:3000 check\n"
        );
    }

    #[test]
    fn an_undefined_name_is_shown_with_file_line_and_column() {
        let error = refusal("global\n\n  x {{ nodez }}\n");
        assert!(error.contains("haproxy.cfg.tera:3:8"), "{error}");
        assert!(error.contains("nodez"), "{error}");
    }

    #[test]
    fn an_undefined_field_is_shown_with_those_that_there_are() {
        let error = refusal("{% for n in nodes %}{{ n.nam }}{% endfor %}");
        assert!(error.contains("haproxy.cfg.tera:1:26"), "{error}");
        assert!(
            error.contains("name") && error.contains("weight"),
            "{error}"
        );
    }

    #[test]
    fn broken_syntax_is_shown_with_file_line_and_column() {
        let error = refusal("global\n{% for n in nodes %}\n");
        assert!(error.starts_with("parse haproxy.cfg.tera: "), "{error}");
        assert!(error.contains("haproxy.cfg.tera:"), "{error}");
    }

    #[test]
    fn an_unknown_filter_is_an_error() {
        assert!(refusal("{{ nodes | shout }}").contains("shout"));
    }

    #[test]
    fn nothing_is_escaped() {
        let text = render("a <b> & \"c\" {{ \"<'&\" }}\n", &[]).unwrap();
        assert_eq!(text, "a <b> & \"c\" <'&\n");
    }

    #[test]
    fn windows_line_ends_and_a_missing_last_one_are_put_right() {
        let text = render("\u{feff}global\r\ndefaults", &[]).unwrap();
        assert_eq!(text, "global\ndefaults\n");
    }

    #[test]
    fn all_that_a_template_sees_is_shown_whole() {
        let text = render("{{ __tera_context }}", &["s1 10.0.0.1"]).unwrap();
        let addresses = r#""addresses": [{"host": "s1", "ip": "10.0.0.1"}]"#;
        assert!(text.contains(addresses), "{text}");
        assert!(text.contains(r#""name": "s1""#), "{text}");
    }

    #[test]
    fn a_template_cannot_read_files() {
        assert!(refusal("{% include \"/etc/passwd\" %}").contains("/etc/passwd"));
    }
}
