//! Templates, made by chance.

mod mutate;
mod sections;
mod servers;

use std::collections::BTreeSet;

use super::case::{Item, Section, Template};
use super::chance::Chance;

pub(crate) use mutate::mutate;

/// Which configurations are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// Those like our own template.
    Ours,
    /// Those that have what most configurations have besides; `cookies` is whether a server
    /// that is added can have one.
    Popular { cookies: bool },
    /// Whatever HAProxy accepts.
    All,
}

/// A template that HAProxy may refuse.
pub(crate) fn template(chance: &mut Chance, range: Range) -> Template {
    let mut sections = vec![global(chance, range)];
    sections.extend(sections::defaults(chance, range));
    let mut rest = Vec::new();
    for number in 1..=chance.number(1, 2) {
        rest.extend(sections::service(chance, range, number));
    }
    if range == Range::All {
        rest.extend(sections::unrelated(chance));
        chance.shuffle(&mut rest);
        if chance.one_in(4) {
            let at = chance.number(0, rest.len());
            rest.insert(at, sections::plain_defaults(chance));
        }
    }
    sections.extend(rest);
    if range == Range::All && chance.one_in(6) {
        let mut global = sections.remove(0);
        // What it sets counts above it only for a HAProxy that is reloaded.
        let sets = |item: &Item| matches!(item, Item::Line(text) if text.starts_with("setenv"));
        global.items.retain(|item| !sets(item));
        sections.push(global);
    }
    let crlf = range == Range::All && chance.one_in(12);
    Template { sections, crlf }
}

fn global(chance: &mut Chance, range: Range) -> Section {
    let mut items = vec![
        line("stats socket \"${HAPROXY_SOCKET}\" mode 600 level admin"),
        line("hard-stop-after 2s"),
        line("mworker-max-reloads 50"),
        // Else each start reads all certificates of the system.
        line("httpclient.ssl.verify none"),
    ];
    if range == Range::All {
        items.push(line("external-check"));
        items.push(line("localpeer me"));
        items.push(line("insecure-fork-wanted"));
        let more = [
            "spread-checks 20",
            "maxconn 500",
            "tune.maxrewrite 1024",
            "# a comment, with server words",
            "",
            "setenv COLOUR green",
            "ssl-server-verify none",
        ];
        items.extend((0..chance.number(0, 2)).map(|_| line(chance.pick(&more))));
    }
    Section {
        header: "global".to_owned(),
        items,
    }
}

pub(crate) fn line(text: &str) -> Item {
    Item::Line(text.to_owned())
}

/// What makes a template another than our own.
pub(crate) fn labels(template: &Template) -> BTreeSet<&'static str> {
    let text = template.text();
    let all = [
        ("default-server", "default-server"),
        ("dynamic-cookie", "dynamic cookie"),
        ("cookie ", "cookie"),
        (" id {{", "id"),
        ("agent-check", "agent"),
        (" ssl", "tls/proxy checks"),
        ("send-proxy", "tls/proxy checks"),
        ("track ", "track"),
        ("external-check command", "external check"),
        ("hash-type consistent", "consistent hash"),
        ("balance source", "hash"),
        ("balance uri", "hash"),
        ("balance hdr", "hash"),
    ];
    let mut labels: BTreeSet<_> = all
        .into_iter()
        .filter_map(|(word, label)| text.contains(word).then_some(label))
        .collect();
    if labels.is_empty() {
        labels.insert("other");
    }
    labels
}
