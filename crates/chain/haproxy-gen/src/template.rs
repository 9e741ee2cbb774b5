//! Parsing and rendering the template.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use exit::misuse;
use nodes::Node;
use tera::{ErrorKind, Tera};

use crate::PROGRAM;
use crate::context::{Kept, context, is_named};
use crate::functions::{self, Made, Trouble};
use crate::hints::hint;
use crate::language::other_language;
use crate::render::{self, Failure};
use crate::services::Services;
use crate::sources::Sources;
use crate::variables::{self, Variable};

/// A template that was parsed without errors.
pub(crate) struct Template {
    sources: Sources,
    /// The text of all its files.
    text: String,
    tera: Tera,
    trouble: Trouble,
    services: Services,
    declares_services: bool,
}

/// What is given to each template.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The variables beside the nodes.
    pub(crate) variables: Vec<Variable>,
    /// How much processor time a rendering may take.
    pub(crate) limit: Duration,
    /// The files that were made before it.
    pub(crate) made: Made,
}

impl Template {
    /// Parses a template of these files.
    pub(crate) fn parse(sources: Sources, made: &Made) -> anyhow::Result<Self> {
        let text: Vec<&str> = sources.all().map(|source| source.text.as_str()).collect();
        let text = text.join("\n");
        let path = &sources.main.path;
        let refuse = |why: &dyn Display| misuse(format_args!("parse {}: {why}", path.display()));
        let services = Services::declared_in(&text).map_err(|why| refuse(&why))?;
        let trouble = Trouble::default();
        let mut tera = engine(&sources.folder, made, &trouble);
        let files = sources.all();
        let files = files.map(|source| (source.path.to_string_lossy(), &source.text));
        tera.add_raw_templates(files)
            .map_err(|error| refuse(&words(&error, &sources)))?;
        Ok(Self {
            sources,
            text,
            tera,
            trouble,
            declares_services: services.is_some(),
            services: services.unwrap_or_else(Services::none),
        })
    }

    /// Renders the template for these nodes. It adds a missing line feed at the end,
    /// without which HAProxy refuses the file.
    pub(crate) fn render(
        &self,
        nodes: &[Node],
        kept: &Kept,
        given: &Given,
    ) -> anyhow::Result<String> {
        let mut context = context(nodes, kept, &self.text);
        variables::insert(&given.variables, &mut context);
        let what = self.rendering();
        let late = move |why: String| exit::end(PROGRAM, &misuse(format_args!("{what}: {why}")));
        let name = self.path().to_string_lossy();
        let rendered = render::render(&self.tera, &name, &context, given.limit, late);
        let mut text = rendered.map_err(|failure| match (failure, self.trouble.take()) {
            (_, Some(trouble)) => trouble.context(self.rendering()),
            (Failure::System(error), None) => anyhow!(error).context(self.rendering()),
            (Failure::Endless(why), None) => misuse(format_args!("{}: {why}", self.rendering())),
            (Failure::Refused(error), None) => {
                let words = words(&error, &self.sources);
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

    /// The template itself, with all that it includes.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn rendering(&self) -> String {
        format!("render {}", self.path().display())
    }

    /// The services that the template serves.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Whether the template itself says which services it serves.
    pub(crate) fn declares_services(&self) -> bool {
        self.declares_services
    }

    /// Lets a template that says nothing of services serve these.
    pub(crate) fn serve(&mut self, services: &Services) {
        if !self.declares_services {
            self.services = services.clone();
        }
    }

    /// Whether the template has a use for nodes.
    pub(crate) fn uses_nodes(&self) -> bool {
        self.names("nodes") || self.names("addresses")
    }

    /// The path of the template.
    pub(crate) fn path(&self) -> &Path {
        &self.sources.main.path
    }
}

/// Tera with all that our templates have, for those of this folder.
pub(crate) fn engine(folder: &Path, made: &Made, trouble: &Trouble) -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&str>::new());
    functions::register(&mut tera, folder, made, trouble);
    // The files have the names that messages show, and tags name them without the folder.
    let mut prefix = folder.join("").to_string_lossy().into_owned();
    if !prefix.is_empty() && !prefix.ends_with('/') {
        prefix.push('/');
    }
    if !prefix.is_empty() {
        let set = tera.set_fallback_prefixes([prefix]);
        debug_assert!(set.is_ok(), "no template was added before");
    }
    tera
}

/// What Tera says of a file that is not there.
const UNKNOWN: &str = "Unknown template";

/// Tera's own message, which shows file, line and column, and the source there; and the
/// way out for what is written in another language.
fn words(error: &tera::Error, sources: &Sources) -> String {
    let report = error.to_string();
    let report = report.trim();
    let report = report.strip_prefix("error: ").unwrap_or(report);
    let mut all = sources.all();
    let hint = match error.kind() {
        ErrorKind::SyntaxError(at) => all
            .find(|source| source.path.to_string_lossy() == at.filename())
            .and_then(|source| hint(&source.text, at.message(), at.span().range.start)),
        _ if report.contains(UNKNOWN) => Some(format!(
            "Files are looked up in the folder of the template, {}.",
            sources.folder().display()
        )),
        _ => all.find_map(|source| other_language(&source.text).map(str::to_owned)),
    };
    match hint {
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
        let sources = Sources::alone(Path::new("haproxy.cfg.tera"), template);
        let given = Given {
            limit: Duration::from_secs(60),
            ..Given::default()
        };
        Template::parse(sources, &given.made)?.render(&nodes, &Kept::default(), &given)
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
