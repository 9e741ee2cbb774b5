//! A line of the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest line in bytes, with its line feed: one `write` of so much is appended whole.
pub(crate) const LONGEST: usize = 4096;
/// How much of a step's words is kept, in the bytes that it takes in a line. One text of each
/// kind fits into a line together.
const MAX_ERROR: usize = 1024;
/// How much of a value is kept: a name has 63 bytes, and a path or a reason can be longer.
const MAX_VALUE: usize = 500;
/// How much of an address is kept.
const MAX_ADDRESS: usize = 100;

/// What one step of a run changed, or how it failed.
///
/// In the lists are names of nodes; from `haproxy-reload`, `BACKEND/SERVER`. If they are longer
/// than a line can be, there are several lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// When the step ended, in Unix seconds.
    pub t: f64,
    /// The id of the run; `None` if it was run by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The program.
    pub step: String,
    /// Its exit code.
    pub code: u8,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// Its words, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// If it succeeds for the first time after failures: seconds since the first of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// Nodes that are new; servers that HAProxy got.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Nodes whose address or tags are others now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Nodes that said that they leave, and are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Nodes that are gone without that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub died: Vec<String>,
    /// Nodes that are lost now, and still have their files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// Nodes that were lost, and live.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<String>,
    /// Lost nodes that stay, since too many are lost at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
    /// Members that want to be nodes and cannot be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// The files that were replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrote: Vec<String>,
    /// Servers that get no new request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
    /// Servers that have another address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<String>,
    /// Servers that have another weight.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weighted: Vec<String>,
    /// What else HAProxy was told, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// Why HAProxy was reloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload: Option<String>,
    /// The kind of that reason: `changed`, `asked`, `again` or `silent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The addresses of nodes that are named above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<String, String>,
    /// The reasons for what is said of nodes above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub why: BTreeMap<String, String>,
}

impl Line {
    /// Reads a line; `None` if it is none of the journal's.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line: Self = serde_json::from_slice(line).ok()?;
        line.is_sound().then_some(line)
    }

    /// Whether it can be one of ours.
    pub(crate) fn is_sound(&self) -> bool {
        self.t.is_finite() && self.t > 0.0 && self.ms >= 0.0 && !self.step.is_empty()
    }

    /// Whether it says that anything was changed.
    #[must_use]
    pub fn says_something(&self) -> bool {
        self.reload.is_some() || self.lists().iter().any(|list| !list.is_empty())
    }

    /// The names in it by what was done with them, as [`crate::Totals::changes`] counts them.
    #[must_use]
    pub fn changes(&self) -> [(&'static str, &[String]); 8] {
        [
            ("added", &self.added),
            ("changed", &self.changed),
            ("left", &self.left),
            ("died", &self.died),
            ("lost", &self.lost),
            ("back", &self.back),
            ("held", &self.held),
            ("refused", &self.refused),
        ]
    }

    fn lists(&self) -> [&Vec<String>; 13] {
        let Self {
            added,
            changed,
            left,
            died,
            lost,
            back,
            held,
            refused,
            ..
        } = self;
        let Self {
            wrote,
            retired,
            moved,
            weighted,
            set,
            ..
        } = self;
        [
            added, changed, left, died, lost, back, held, refused, wrote, retired, moved, weighted,
            set,
        ]
    }

    fn lists_mut(&mut self) -> [&mut Vec<String>; 13] {
        let Self {
            added,
            changed,
            left,
            died,
            lost,
            back,
            held,
            refused,
            wrote,
            ..
        } = self;
        let Self {
            retired,
            moved,
            weighted,
            set,
            ..
        } = self;
        [
            added, changed, left, died, lost, back, held, refused, wrote, retired, moved, weighted,
            set,
        ]
    }

    /// The bytes of it: as many lines as it takes, each with its line feed.
    pub(crate) fn encode(&self) -> Vec<Vec<u8>> {
        let mut line = self.clone();
        for text in line.lists_mut().into_iter().flatten() {
            shorten(text, MAX_VALUE);
        }
        line.at = shortened(line.at, MAX_ADDRESS);
        line.why = shortened(line.why, MAX_VALUE);
        for (text, most) in [(&mut line.reload, MAX_VALUE), (&mut line.error, MAX_ERROR)] {
            if let Some(text) = text {
                shorten(text, most);
            }
        }
        line.parts()
    }

    fn parts(&self) -> Vec<Vec<u8>> {
        let all = self.bytes();
        let names: usize = self.lists().iter().map(|list| list.len()).sum();
        if all.len() <= LONGEST {
            return vec![all];
        }
        if names <= 1 {
            let mut alone = self.clone();
            alone.keep_named();
            return vec![alone.bytes()];
        }
        let (mut first, mut second) = (self.clone(), self.clone());
        let mut left = names / 2;
        for (list, other) in first.lists_mut().into_iter().zip(second.lists_mut()) {
            let here = left.min(list.len());
            list.truncate(here);
            other.drain(..here);
            left -= here;
        }
        // What is said once stands in the first.
        (second.error, second.reload, second.after) = (None, None, None);
        first.keep_named();
        second.keep_named();
        [first.parts(), second.parts()].concat()
    }

    /// Drops addresses and reasons of nodes that are not in it.
    fn keep_named(&mut self) {
        let lists = self.lists().into_iter().flatten();
        let named: std::collections::BTreeSet<String> = lists.cloned().collect();
        self.at.retain(|name, _| named.contains(name));
        self.why.retain(|name, _| named.contains(name));
    }

    fn bytes(&self) -> Vec<u8> {
        // Numbers that are no numbers are null in JSON, and all else can be told.
        let text = serde_json::to_string(self).unwrap_or_default();
        (exit::json(&text) + "\n").into_bytes()
    }
}

fn shorten(text: &mut String, most: usize) {
    let mut length = 0;
    let end = text.char_indices().find(|(_, character)| {
        length += length_in_json(*character);
        length > most
    });
    if let Some((end, _)) = end {
        text.truncate(end);
        text.push_str("...");
    }
}

/// The same for values, and for the names that they belong to.
fn shortened(values: BTreeMap<String, String>, most: usize) -> BTreeMap<String, String> {
    let values = values.into_iter().map(|(mut name, mut value)| {
        shorten(&mut name, MAX_VALUE);
        shorten(&mut value, most);
        (name, value)
    });
    values.collect()
}

/// How many bytes it takes in a string of JSON, as [`exit::json`] has it.
fn length_in_json(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> Line {
        Line {
            t: 1_700_000_000.125,
            run: Some("0a-1".to_owned()),
            step: "serf-nodes".to_owned(),
            ms: 1.2,
            ..Line::default()
        }
    }

    #[test]
    fn a_line_has_what_happened_and_nothing_else() {
        let line = Line {
            left: vec!["s7".to_owned()],
            ..line()
        };
        let text = String::from_utf8(line.encode().concat()).unwrap();
        assert_eq!(
            text,
            "{\"t\":1700000000.125,\"run\":\"0a-1\",\"step\":\"serf-nodes\",\"code\":0,\
             \"ms\":1.2,\"left\":[\"s7\"]}\n"
        );
        assert_eq!(Line::parse(text.trim_end().as_bytes()), Some(line));
    }

    #[test]
    fn what_is_too_long_for_a_line_is_in_several_without_loss() {
        let names: Vec<String> = (0..1000)
            .map(|number| format!("node-{number:04}"))
            .collect();
        let at = names
            .iter()
            .map(|name| (name.clone(), "10.0.0.1".to_owned()));
        let line = Line {
            at: at.collect(),
            added: names.clone(),
            left: vec!["s1".to_owned()],
            error: Some("e".repeat(5000)),
            ..line()
        };
        let parts = line.encode();
        assert!(
            parts
                .iter()
                .all(|part| part.len() <= LONGEST && part.ends_with(b"\n"))
        );
        let lines: Vec<Line> = parts
            .iter()
            .map(|part| Line::parse(part).unwrap())
            .collect();
        let added: Vec<String> = lines.iter().flat_map(|line| line.added.clone()).collect();
        assert_eq!(added, names);
        assert_eq!(lines.iter().flat_map(|line| &line.left).count(), 1);
        assert_eq!(lines.iter().filter(|line| line.error.is_some()).count(), 1);
        let addresses: usize = lines.iter().map(|line| line.at.len()).sum();
        assert_eq!(addresses, names.len());
    }

    #[test]
    fn a_name_can_neither_end_a_line_nor_steer_a_terminal() {
        let hostile = "a\n{\"t\":1}\u{1b}[2J\u{9b}\u{7f}";
        let line = Line {
            refused: vec![hostile.to_owned()],
            ..line()
        };
        let bytes = line.encode().concat();
        assert_eq!(bytes.split(|byte| *byte == b'\n').count(), 2);
        assert!(
            bytes
                .iter()
                .all(|byte| *byte == b'\n' || (0x20..0x7f).contains(byte))
        );
        assert_eq!(Line::parse(&bytes).unwrap().refused, [hostile]);
    }

    #[test]
    fn what_is_no_line_of_a_journal_is_none() {
        for text in [
            "",
            "{",
            "null",
            "[]",
            "{}",
            "{\"t\":1}",
            "{\"t\":-1,\"step\":\"x\"}",
        ] {
            assert_eq!(Line::parse(text.as_bytes()), None, "{text}");
        }
    }

    /// A text of up to so many characters, also of those that take six bytes in JSON.
    fn any_text(most: usize) -> impl Strategy<Value = String> {
        let text = proptest::collection::vec(any::<char>(), 0..40);
        let long = (
            0..most,
            proptest::sample::select(vec!['a', '"', '\u{1}', '\u{9b}', '\u{1f980}']),
        );
        let long = long.prop_map(|(length, it)| String::from(it).repeat(length));
        let text = text.prop_map(|text| text.into_iter().collect());
        prop_oneof![2 => text, 1 => long]
    }

    prop_compose! {
        fn any_line()(
            names in proptest::collection::vec((0usize..13, any_text(700)), 0..60),
            error in proptest::option::of(any_text(3000)),
            reload in proptest::option::of(any_text(3000)),
            told in proptest::collection::vec(any_text(1500), 60),
        ) -> Line {
            let mut line = Line { error, reload, ..line() };
            for ((list, name), told) in names.into_iter().zip(told) {
                line.at.insert(name.clone(), told.clone());
                line.why.insert(name.clone(), told);
                line.lists_mut()[list].push(name);
            }
            line
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_all_names_are_told_in_lines_of_bounded_length(line in any_line()) {
            let parts = line.encode();
            let mut lists = vec![Vec::new(); line.lists().len()];
            for part in &parts {
                prop_assert!(part.len() <= LONGEST && part.ends_with(b"\n"), "{}", part.len());
                let plain = |byte: &u8| !matches!(byte, 0..0x20 | 0x7f);
                prop_assert!(part[..part.len() - 1].iter().all(plain));
                let read = Line::parse(part).unwrap();
                for (list, names) in lists.iter_mut().zip(read.lists()) {
                    list.extend(names.clone());
                }
            }
            for (told, list) in lists.iter_mut().zip(line.lists()) {
                let whole = |name: &&String| name.chars().map(length_in_json).sum::<usize>() <= MAX_VALUE;
                prop_assert_eq!(told.len(), list.len());
                prop_assert!(list.iter().filter(whole).all(|name| told.contains(name)));
            }
            let errors = parts.iter().map(|part| Line::parse(part).unwrap());
            let errors = errors.filter(|part| part.error.is_some()).count();
            prop_assert_eq!(errors, usize::from(line.error.is_some()));
        }
    }
}
