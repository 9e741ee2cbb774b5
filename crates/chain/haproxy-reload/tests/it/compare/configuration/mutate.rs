//! Changes of a template, as a person makes them.

use super::{Range, line, servers};
use crate::compare::case::{Item, Template};
use crate::compare::chance::Chance;

/// Makes one change, which HAProxy may refuse.
pub(crate) fn mutate(chance: &mut Chance, range: Range, template: &mut Template) {
    let most = if range == Range::All { 9 } else { 1 };
    match chance.number(0, most) {
        0 => mark(chance, template),
        1 => timeout(chance, template),
        2 => add_default(chance, template),
        3 => drop_default(chance, template),
        4 | 5 => words(chance, template),
        6 => swap(chance, template),
        7 => {
            let text = chance.pick(&["# another comment", ""]);
            insert(chance, template, line(text));
        }
        8 => drop_line(chance, template),
        _ => {
            if template.sections.len() > 2 {
                let at = chance.number(1, template.sections.len() - 2);
                template.sections.swap(at, at + 1);
            }
        }
    }
}

fn mark(chance: &mut Chance, template: &mut Template) {
    let number = chance.number(1, 10_000);
    replace(
        chance,
        template,
        "http-response set-header X-Mark",
        &number.to_string(),
    );
}

fn timeout(chance: &mut Chance, template: &mut Template) {
    let number = chance.number(1000, 2000);
    replace(chance, template, "timeout check", &format!("{number}ms"));
}

/// Gives a line that begins with these words another end.
fn replace(chance: &mut Chance, template: &mut Template, words: &str, end: &str) {
    let items = template
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.items);
    let mut found: Vec<&mut Item> = items
        .filter(|item| matches!(item, Item::Line(text) if text.starts_with(words)))
        .collect();
    if !found.is_empty() {
        let at = chance.number(0, found.len() - 1);
        *found[at] = line(&format!("{words} {end}"));
    }
}

/// A section that has servers, or one that they inherit from.
fn backend<'a>(chance: &mut Chance, template: &'a mut Template) -> &'a mut Vec<Item> {
    let keywords = ["backend b", "listen", "defaults"];
    let mut found: Vec<&mut Vec<Item>> = template
        .sections
        .iter_mut()
        .filter(|section| keywords.iter().any(|word| section.header.starts_with(word)))
        .map(|section| &mut section.items)
        .collect();
    let at = chance.number(0, found.len() - 1);
    found.swap_remove(at)
}

fn insert(chance: &mut Chance, template: &mut Template, item: Item) {
    let items = backend(chance, template);
    let at = chance.number(0, items.len());
    items.insert(at, item);
}

fn add_default(chance: &mut Chance, template: &mut Template) {
    let words = servers::words(chance, true);
    insert(chance, template, Item::Default(words));
}

fn drop_default(chance: &mut Chance, template: &mut Template) {
    let items = backend(chance, template);
    if let Some(at) = items
        .iter()
        .position(|item| matches!(item, Item::Default(_)))
    {
        items.remove(at);
    }
}

/// Adds or removes a word of a server or a `default-server`.
fn words(chance: &mut Chance, template: &mut Template) {
    let items = backend(chance, template);
    let mut found: Vec<&mut Vec<String>> = items
        .iter_mut()
        .filter_map(|item| match item {
            Item::Default(words) | Item::Server(_, words) => Some(words),
            Item::Loop(servers) => Some(&mut servers.words),
            Item::Line(_) => None,
        })
        .collect();
    if found.is_empty() {
        return;
    }
    let at = chance.number(0, found.len() - 1);
    let words = found.swap_remove(at);
    if words.len() > 1 && chance.one_in(2) {
        words.remove(chance.number(0, words.len() - 1));
    } else {
        let all = servers::words(chance, true);
        words.push(chance.pick(&all));
    }
}

fn swap(chance: &mut Chance, template: &mut Template) {
    let items = backend(chance, template);
    let (one, other) = (
        chance.number(0, items.len() - 1),
        chance.number(0, items.len() - 1),
    );
    items.swap(one, other);
}

fn drop_line(chance: &mut Chance, template: &mut Template) {
    let items = backend(chance, template);
    let at = chance.number(0, items.len() - 1);
    let is_kept = match &items[at] {
        Item::Line(text) => text.starts_with("bind") || text.starts_with("mode"),
        _ => true,
    };
    if !is_kept {
        items.remove(at);
    }
}
