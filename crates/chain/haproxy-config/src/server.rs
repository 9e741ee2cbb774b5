//! The `server` lines whose changes can be made in a running HAProxy by commands.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use crate::config::Line;
use crate::settings::{Origin, Settings, Words};

/// The highest weight that HAProxy accepts (configuration.txt, 5.2, `weight`).
pub const MAX_WEIGHT: u16 = 256;
/// The weight that HAProxy gives to a server whose line names none.
const DEFAULT_WEIGHT: u16 = 1;
/// The highest id that HAProxy accepts (configuration.txt, 5.2, `id`).
const MAX_ID: u32 = i32::MAX as u32;
/// How many words a plain server can have behind its address. HAProxy takes 63
/// (`MAX_LINE_ARGS`): `server`, name and address, these, and the four of `weight N id N`,
/// which may be there in one file and not in another with the same hash.
const MAX_WORDS: usize = 60;

/// Why a line of another form is not understood.
pub(crate) const NOT_PLAIN: &str = "it has quotes, variables, escapes or a semicolon";

/// A server of the plain form: `server NAME IP:PORT OPTION...`.
///
/// Every word means exactly what is written there (no quotes, no variables) and is known,
/// HAProxy is certain to accept name, address, weight and id, and no character of the line
/// is in the way of a command.
#[derive(Clone, Debug)]
pub struct Server {
    /// The settings that a running HAProxy reports.
    pub runtime: Runtime,
    /// From 1 on, if the line names one.
    pub id: Option<u32>,
    /// Whether it starts in maintenance (`disabled`).
    pub disabled: bool,
    /// All its other settings.
    pub settings: Arc<Settings>,
    /// Its place among all `server` and `server-template` lines of the section, counted from
    /// 0.
    pub place: usize,
}

/// The settings of a server that `show servers state` reports as well. They are not
/// part of the fingerprint, since the running process itself shows whether they
/// differ from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Where the server listens; the port is never 0.
    pub address: SocketAddr,
    /// 0 to 256; 1 if neither the line nor a `default-server` names one.
    pub weight: u16,
}

/// A line of a section that can have servers, as far as its servers are concerned.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// A server of the plain form, with its name.
    Plain(&'a str, Server),
    /// Another `server` line, and why no command can say it.
    Odd(String),
    /// No `server` line.
    Other,
}

/// What the `default-server` lines of a section have said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defaults {
    words: Words,
    /// Why that is not known.
    spoiled: Option<String>,
}

impl Defaults {
    /// Notes that they are not known.
    pub(crate) fn spoil(&mut self, why: &str) {
        self.spoiled.get_or_insert_with(|| why.to_owned());
    }
}

/// Reads the `server` lines of one section, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Servers<'a> {
    defaults: Defaults,
    /// The words of the last plain line: the next one mostly has the same.
    last: Option<Shape<'a>>,
    /// How many `server` lines there were.
    lines: usize,
}

/// The words of a line behind the address, and what they mean together.
#[derive(Debug)]
struct Shape<'a> {
    words: Vec<Word<'a>>,
    settings: Arc<Settings>,
    disabled: bool,
}

#[derive(Debug, PartialEq)]
enum Word<'a> {
    Fixed(&'a str),
    /// The value of `weight`.
    Weight,
    /// The value of `id`.
    Id,
}

/// The numbers of a line that do not count for its [`Shape`].
#[derive(Default)]
struct Numbers {
    weight: Option<u16>,
    id: Option<u32>,
}

impl<'a> Servers<'a> {
    /// The servers of a section that inherits these defaults.
    pub(crate) fn new(defaults: Defaults) -> Self {
        Self {
            defaults,
            last: None,
            lines: 0,
        }
    }

    /// Adds a `default-server` line.
    pub(crate) fn add_defaults(&mut self, line: Line) {
        self.last = None;
        let number = line.number;
        let (text, _comment) = line.text.split_once('#').unwrap_or((line.text, ""));
        if !is_plain(text) {
            self.spoil(&format!("line {number}: {NOT_PLAIN}"));
            return;
        }
        let mut words = text.split_ascii_whitespace().skip(1).peekable();
        while words.peek().is_some() {
            let taken = self
                .defaults
                .words
                .take(&mut words, Origin::Default(number));
            if let Err(why) = taken {
                self.spoil(&format!("line {number}: {why}"));
                return;
            }
        }
    }

    /// Counts a line whose servers are none of ours, for the places of those that follow.
    pub(crate) fn pass_over(&mut self) {
        self.lines += 1;
    }

    /// Notes that from here on the servers may have settings that are not known.
    pub(crate) fn spoil(&mut self, why: &str) {
        self.defaults.spoil(why);
    }

    /// What the `default-server` lines have said so far.
    pub(crate) fn into_defaults(self) -> Defaults {
        self.defaults
    }

    /// Reads a line. A comment at its end is ignored.
    pub(crate) fn read(&mut self, line: &'a str) -> Parsed<'a> {
        let (line, _comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("server") {
            return Parsed::Other;
        }
        self.lines += 1;
        match self.plain(line, words) {
            Ok((name, server)) => Parsed::Plain(name, server),
            Err(why) => Parsed::Odd(why),
        }
    }

    fn plain(
        &mut self,
        line: &str,
        mut words: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(&'a str, Server), String> {
        if !is_plain(line) {
            return Err(NOT_PLAIN.to_owned());
        }
        if let Some(why) = &self.defaults.spoiled {
            return Err(format!("what it inherits is not known: {why}"));
        }
        let name = words.next().filter(|name| is_name(name));
        let name = name.ok_or("its name is none that HAProxy takes")?;
        let address = words.next().and_then(address);
        let address = address.ok_or("its address is no IP address with a port")?;
        let numbers = match self.last.as_ref().and_then(|last| last.meet(words.clone())) {
            Some(numbers) => numbers,
            None => self.learn(words)?,
        };
        let shape = self.last.as_ref().ok_or("it has no words")?;
        let weight = numbers.weight.or(self.defaults.words.weight);
        let server = Server {
            runtime: Runtime {
                address,
                weight: weight.unwrap_or(DEFAULT_WEIGHT),
            },
            id: numbers.id,
            disabled: shape.disabled,
            settings: Arc::clone(&shape.settings),
            place: self.lines - 1,
        };
        Ok((name, server))
    }

    /// Reads the words of a line that has others than the last one.
    fn learn(&mut self, words: impl Iterator<Item = &'a str>) -> Result<Numbers, String> {
        let words: Vec<&str> = words.collect();
        if words.len() > MAX_WORDS {
            return Err(format!("it has more than {MAX_WORDS} words"));
        }
        let mut numbers = Numbers::default();
        let mut shape = Vec::new();
        let mut all = self.defaults.words.clone();
        let mut rest = words.as_slice();
        while let [word, after @ ..] = rest {
            let numbered = numbers.take(word, after.first().copied())?;
            if let Some(kind) = numbered {
                shape.extend([Word::Fixed(word), kind]);
                rest = &after[1..];
                continue;
            }
            let mut behind = rest.iter().copied();
            all.take(&mut behind, Origin::Own)?;
            let taken = rest.len() - behind.len();
            shape.extend(rest[..taken].iter().map(|word| Word::Fixed(word)));
            rest = &rest[taken..];
        }
        self.last = Some(Shape {
            words: shape,
            settings: all.settings(),
            disabled: all.disabled,
        });
        Ok(numbers)
    }
}

impl Shape<'_> {
    /// The numbers of a line, if all its words are those of this one.
    fn meet<'w>(&self, mut words: impl Iterator<Item = &'w str>) -> Option<Numbers> {
        let mut numbers = Numbers::default();
        for expected in &self.words {
            let word = words.next()?;
            match expected {
                Word::Fixed(text) if *text == word => {}
                Word::Fixed(_) => return None,
                Word::Weight => numbers.weight = Some(number(word, 0..=MAX_WEIGHT)?),
                Word::Id => numbers.id = Some(number(word, 1..=MAX_ID)?),
            }
        }
        words.next().is_none().then_some(numbers)
    }
}

impl Numbers {
    /// Takes `word` and its value, if it is one of those that have a number here.
    fn take(&mut self, word: &str, value: Option<&str>) -> Result<Option<Word<'static>>, String> {
        let wrong = || format!("HAProxy has no {word} {}", value.unwrap_or_default());
        match word {
            "weight" if self.weight.is_none() => {
                let weight = value.and_then(|value| number(value, 0..=MAX_WEIGHT));
                self.weight = Some(weight.ok_or_else(wrong)?);
                Ok(Some(Word::Weight))
            }
            "id" if self.id.is_none() => {
                let id = value.and_then(|value| number(value, 1..=MAX_ID));
                self.id = Some(id.ok_or_else(wrong)?);
                Ok(Some(Word::Id))
            }
            "weight" | "id" => Err(format!("{word} is there twice")),
            _ => Ok(None),
        }
    }
}

fn number<N: FromStr + PartialOrd>(word: &str, allowed: RangeInclusive<N>) -> Option<N> {
    let number = word.parse().ok()?;
    allowed.contains(&number).then_some(number)
}

/// An IP address with a port. Anything else is a name that HAProxy resolves, and so
/// is an IPv6 address with a zone (`%eth0`).
fn address(word: &str) -> Option<SocketAddr> {
    let address: SocketAddr = word.parse().ok()?;
    (address.port() != 0 && !word.contains('%')).then_some(address)
}

/// The characters that HAProxy allows in the name of a server, and of a section that has some.
pub(crate) fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

/// Whether the line is only the words that are written there: no quotes, escapes or
/// variables, no control character that HAProxy might take for a blank while Rust
/// does not, and no semicolon, which would end a command.
///
/// The fold looks at every byte without stopping early, since the compiler can then
/// compare sixteen at once, which is faster.
fn is_plain(line: &str) -> bool {
    !line.bytes().fold(false, |found, byte| {
        let is_control = matches!(byte, 0..=8 | 10..=31 | 0x7f);
        found | is_control | matches!(byte, b'"' | b'\'' | b'\\' | b'$' | b';')
    })
}

#[cfg(test)]
mod tests;
