//! What differs between two states of the page.

use std::collections::HashMap;

use serde::Serialize;

use crate::render::Fragments;

/// What somebody who has one state needs for the next.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change<'a> {
    set: Vec<(&'a str, &'a str)>,
    lists: HashMap<&'a str, &'a [String]>,
}

impl<'a> Change<'a> {
    /// What differs; `None` if nothing does.
    pub(crate) fn between(old: &Fragments, new: &'a Fragments) -> Option<Self> {
        let parts: HashMap<_, _> = old.parts.iter().map(|(id, html)| (id, html)).collect();
        let lists: HashMap<_, _> = old.lists.iter().map(|(id, list)| (id, list)).collect();
        let is_new_part = |(id, html): &&(String, String)| parts.get(id) != Some(&html);
        let is_new_list = |(id, list): &&(String, Vec<String>)| lists.get(id) != Some(&list);
        let change = Self {
            set: pairs(new.parts.iter().filter(is_new_part)),
            lists: orders(new.lists.iter().filter(is_new_list)),
        };
        (!change.set.is_empty() || !change.lists.is_empty()).then_some(change)
    }

    /// Everything, for somebody of whom it is not known what he has.
    pub(crate) fn whole(new: &'a Fragments) -> Self {
        Self {
            set: pairs(new.parts.iter()),
            lists: orders(new.lists.iter()),
        }
    }

    /// As an event of a stream. JSON spells out line feeds and carriage returns, so that
    /// nothing that it holds can end the line.
    pub(crate) fn event(&self, version: &str) -> String {
        // These are strings and lists of strings, which are always JSON.
        let data = serde_json::to_string(self).unwrap_or_default();
        format!("event: change\nid: {version}\ndata: {data}\n\n")
    }
}

fn pairs<'a>(parts: impl Iterator<Item = &'a (String, String)>) -> Vec<(&'a str, &'a str)> {
    parts
        .map(|(id, html)| (id.as_str(), html.as_str()))
        .collect()
}

fn orders<'a>(
    lists: impl Iterator<Item = &'a (String, Vec<String>)>,
) -> HashMap<&'a str, &'a [String]> {
    lists
        .map(|(id, list)| (id.as_str(), list.as_slice()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragments(parts: &[(&str, &str)], nodes: &[&str]) -> Fragments {
        let own = |text: &&str| (*text).to_owned();
        let parts = parts.iter().map(|(id, html)| (own(id), own(html)));
        Fragments {
            parts: parts.collect(),
            lists: vec![("nodes".to_owned(), nodes.iter().map(own).collect())],
        }
    }

    fn json(change: &Change) -> String {
        serde_json::to_string(change).unwrap()
    }

    #[test]
    fn only_what_differs_is_told() {
        let old = fragments(&[("node-s1", "<li>1"), ("node-s2", "<li>2")], &["node-s1"]);
        assert_eq!(Change::between(&old, &old), None);
        let new = fragments(&[("node-s1", "<li>1"), ("node-s2", "<li>3")], &["node-s1"]);
        let change = Change::between(&old, &new).unwrap();
        assert_eq!(json(&change), r#"{"set":[["node-s2","<li>3"]],"lists":{}}"#);
    }

    #[test]
    fn one_that_is_gone_is_missing_in_the_list_alone() {
        let old = fragments(
            &[("node-s1", "a"), ("node-s2", "b")],
            &["node-s1", "node-s2"],
        );
        let new = fragments(&[("node-s2", "b")], &["node-s2"]);
        let change = Change::between(&old, &new).unwrap();
        assert_eq!(json(&change), r#"{"set":[],"lists":{"nodes":["node-s2"]}}"#);
    }

    #[test]
    fn a_new_order_is_a_change() {
        let old = fragments(&[], &["node-s1", "node-s2"]);
        let new = fragments(&[], &["node-s2", "node-s1"]);
        assert!(Change::between(&old, &new).is_some());
    }

    #[test]
    fn no_part_can_end_the_line_of_the_event() {
        let evil = "a\n\ndata: x\r\revent: y\r\n\u{0}\u{2028}";
        let new = fragments(&[("node-s1", evil)], &["node-s1"]);
        let event = Change::whole(&new).event("v1");
        let lines: Vec<&str> = event.split('\n').collect();
        assert_eq!(lines[..2], ["event: change", "id: v1"]);
        assert_eq!(lines[3..], ["", ""]);
        assert!(!event.contains('\r') && !event.contains('\0'));
        let data = lines[2].strip_prefix("data: ").unwrap();
        let value: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(value["set"][0][1], evil);
    }
}
