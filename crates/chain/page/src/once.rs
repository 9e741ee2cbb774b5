//! The page as text, for a terminal.

use std::fmt::Write;

use crate::view::{Level, Stage, View};

/// How many of the events are shown.
const EVENTS: usize = 10;
/// How many of the nodes that do not simply serve are shown.
const NODES: usize = 20;

/// The sentence, the chain, the nodes and services that are not as they should be, and what
/// happened last, newest last as in a log.
pub(crate) fn text(view: &View) -> String {
    let mut text = format!("{} {}\n", sign(view.sentence.level), view.sentence.text);
    if let Some(command) = &view.sentence.command {
        line(&mut text, &["  if they are gone for good: ", command]);
    }
    text.push('\n');
    text += &table(view.chain.iter().map(stage));
    let nodes: Vec<_> = view
        .nodes
        .iter()
        .filter(|it| it.level != Level::Well)
        .collect();
    let shown = nodes.iter().take(NODES).map(|node| {
        let address = node.address.clone().unwrap_or_default();
        let why = node.why.clone().unwrap_or_default();
        [
            sign(node.level).to_owned(),
            node.name.clone(),
            node.words.clone(),
            address,
            why,
        ]
    });
    text += &part(&table(shown));
    if nodes.len() > NODES {
        line(
            &mut text,
            &["     and ", &(nodes.len() - NODES).to_string(), " more"],
        );
    }
    let services = view.services.iter();
    let services = services.filter(|it| matches!(it.level, Level::Warn | Level::Bad));
    let services = services.map(|service| {
        let (name, words) = (service.name.clone(), service.words.clone());
        [sign(service.level).to_owned(), name, words]
    });
    text += &part(&table(services));
    let last = view.events.iter().take(EVENTS).rev();
    let events = last.map(|event| [event.time.clone(), event.text.clone()]);
    text + &part(&table(events))
}

fn stage(stage: &Stage) -> [String; 4] {
    let count = stage
        .count
        .map_or("?".to_owned(), |count| count.to_string());
    let count = format!("{count} {}", stage.unit);
    [
        sign(stage.level).to_owned(),
        stage.title.clone(),
        count,
        stage.note.clone(),
    ]
}

/// What a level is without a colour.
fn sign(level: Level) -> &'static str {
    match level {
        Level::Well => "[ok]",
        Level::Warn => "[!!]",
        Level::Bad => "[XX]",
        Level::Quiet => "[--]",
    }
}

/// A part with an empty line before it, if it has anything.
fn part(table: &str) -> String {
    if table.is_empty() {
        String::new()
    } else {
        format!("\n{table}")
    }
}

fn line(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied().chain(["\n"]));
}

/// Rows whose columns stand below each other; the last one is as long as it likes.
fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let mut shown = String::new();
        for (field, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{field:width$}  ");
        }
        line(&mut text, &[shown.trim_end()]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Event, NodeState, NodeView, Sentence};

    fn node(name: &str, state: NodeState, level: Level, words: &str) -> NodeView {
        NodeView {
            name: name.to_owned(),
            state,
            level,
            words: words.to_owned(),
            why: (level == Level::Bad).then(|| "it has failed".to_owned()),
            address: Some("10.0.0.4:3000".to_owned()),
            weight: None,
            service: None,
            rate: None,
            check: None,
            rates: Vec::new(),
            checks: Vec::new(),
        }
    }

    #[test]
    fn the_page_is_a_screenful_of_text() {
        let box_of = |title: &str, level, count, unit, note: &str| Stage {
            title: title.to_owned(),
            level,
            count,
            unit,
            note: note.to_owned(),
            ..Stage::default()
        };
        let event = |time: &str, text: &str| Event {
            key: time.to_owned(),
            time: time.to_owned(),
            day: None,
            kind: "joined",
            level: Level::Well,
            text: text.to_owned(),
        };
        let view = View {
            sentence: Sentence {
                level: Level::Bad,
                text: "1 of 2 nodes serves; 1 is lost and stays".to_owned(),
                command: Some("NODES_MAX_LOST=100% member-event sync".to_owned()),
            },
            chain: vec![
                box_of("Serf", Level::Warn, Some(3), "members alive", "1 failed"),
                box_of("HAProxy 3.0.11", Level::Bad, None, "serve", ""),
            ],
            nodes: vec![
                node("s1", NodeState::Serves, Level::Well, "serves"),
                node("s4", NodeState::Lost, Level::Bad, "lost, goes in 27 s"),
            ],
            events: vec![
                event("14:04:50.000", "s4 is lost"),
                event("14:04:48.358", "s7 joined"),
            ],
            ..View::default()
        };
        let want = "\
[XX] 1 of 2 nodes serves; 1 is lost and stays
  if they are gone for good: NODES_MAX_LOST=100% member-event sync

[!!]  Serf            3 members alive  1 failed
[XX]  HAProxy 3.0.11  ? serve

[XX]  s4  lost, goes in 27 s  10.0.0.4:3000  it has failed

14:04:48.358  s7 joined
14:04:50.000  s4 is lost
";
        assert_eq!(text(&view), want);
    }
}
