//! The services that a template serves.

use exit::escape;
use nodes::{Name, Node};

/// The word that begins a declaration inside a comment of the template.
const DECLARATION: &str = "services:";
/// The word in a declaration for the nodes that name no service. It is not a valid
/// name, so no service can be called that.
const NONE: &str = "-";

/// The services that a template serves; `None` stands for the nodes that name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Services(Vec<Option<Name>>);

impl Services {
    /// What a template serves that knows nothing of services: the nodes that name none.
    pub(crate) fn none() -> Self {
        Self(vec![None])
    }

    /// Reads the comment `{# services: NAME... #}` of a template; `None` if it has none.
    pub(crate) fn declared_in(template: &str) -> Result<Option<Self>, String> {
        if !template.contains(DECLARATION) {
            return Ok(None);
        }
        let declaration = template
            .split("{#")
            .skip(1)
            .filter_map(|rest| rest.split_once("#}"))
            .find_map(|(comment, _)| declared(comment));
        let Some(names) = declaration else {
            return Ok(None);
        };
        let mut services = names
            .split_ascii_whitespace()
            .map(|word| (word != NONE).then(|| Name::parse(word)).transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| format!("its comment 'services:': {why}"))?;
        if services.is_empty() {
            return Err(format!(
                "its comment '{}' names no service",
                escape(DECLARATION.as_bytes())
            ));
        }
        services.sort();
        services.dedup();
        Ok(Some(Self(services)))
    }

    /// Those that one of several templates serves.
    pub(crate) fn of_all<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut services: Vec<_> = all.flat_map(|Self(services)| services).cloned().collect();
        services.sort();
        services.dedup();
        Self(services)
    }

    /// Splits the nodes into those of these services and those of others.
    pub(crate) fn select(&self, mut nodes: Vec<Node>) -> (Vec<Node>, Vec<Node>) {
        let is_other = |node: &mut Node| !self.0.contains(&node.service);
        let others = nodes.extract_if(.., is_other).collect();
        (nodes, others)
    }

    /// The services to which none of the nodes belongs.
    pub(crate) fn without_node(&self, nodes: &[Node]) -> Vec<Option<Name>> {
        let has_none =
            |service: &&Option<Name>| !nodes.iter().any(|node| node.service == **service);
        self.0.iter().filter(has_none).cloned().collect()
    }

    /// The name of a node's service, as messages show it.
    pub(crate) fn name_of(node: &Node) -> &str {
        node.service.as_ref().map_or("none", Name::as_str)
    }
}

/// The names that a comment declares. The dashes of Tera's whitespace control
/// (`{#-`, `-#}`) are not a part of them.
fn declared(comment: &str) -> Option<&str> {
    let comment = comment.strip_prefix('-').unwrap_or(comment);
    let comment = comment.strip_suffix('-').unwrap_or(comment);
    comment.trim().strip_prefix(DECLARATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(names: &[&str]) -> Services {
        let name = |name: &&str| (!name.is_empty()).then(|| Name::parse(name).unwrap());
        Services(names.iter().map(name).collect())
    }

    fn node(line: &str) -> Node {
        let name = Name::parse(line.split(' ').next().unwrap()).unwrap();
        Node::parse(&name, line).unwrap()
    }

    #[test]
    fn a_template_without_a_declaration_serves_the_nodes_that_name_no_service() {
        for template in [
            "",
            "global\n",
            "{# a comment #}{# unclosed",
            "services: web",
        ] {
            assert_eq!(Services::declared_in(template).unwrap(), None);
        }
    }

    #[test]
    fn a_comment_names_the_services_in_any_order_and_with_whitespace_control() {
        for template in [
            "{# services: web api #}\nglobal\n",
            "{#-services: api web-#}",
            "{# first #}\n{#-\n  services: web\n  api web\n-#}\n",
        ] {
            let declared = Services::declared_in(template).unwrap();
            assert_eq!(declared, Some(services(&["api", "web"])), "{template}");
        }
    }

    #[test]
    fn a_dash_stands_for_the_nodes_that_name_none() {
        for template in ["{# services: - web #}", "{#- services: web - -#}"] {
            let declared = Services::declared_in(template).unwrap();
            assert_eq!(declared, Some(services(&["", "web"])), "{template}");
        }
    }

    #[test]
    fn a_declaration_that_cannot_be_meant_is_refused() {
        let error = Services::declared_in("{# services: #}").unwrap_err();
        assert_eq!(error, "its comment 'services:' names no service");
        let error = Services::declared_in("{# services: a/b #}").unwrap_err();
        assert!(error.contains("the name 'a/b' has characters"), "{error}");
    }

    #[test]
    fn nodes_of_other_services_are_set_apart() {
        let nodes = vec![
            node("a 10.0.0.1 service=web"),
            node("b 10.0.0.2"),
            node("c 10.0.0.3 service=mail"),
        ];
        let (served, others) = services(&["web", "api"]).select(nodes);
        assert_eq!(served, [node("a 10.0.0.1 service=web")]);
        let names: Vec<_> = others.iter().map(Services::name_of).collect();
        assert_eq!(names, ["none", "mail"]);
    }

    #[test]
    fn a_service_without_a_node_is_found() {
        let web = [node("a 10.0.0.1 service=web")];
        let missing = services(&["", "api", "web"]).without_node(&web);
        assert_eq!(Services(missing), services(&["", "api"]));
    }
}
