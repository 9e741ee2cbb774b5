//! A configuration as a list of sections, each with its servers and its other lines.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::backend::Backend;
use crate::proxy::{self, Proxy};
use crate::section::{begins_section, has_servers};
use crate::server::{self, NOT_PLAIN, Server, Servers};
use crate::words::{begins_with_variable, has_variable, words};

/// The environment variable by which the running process knows its fingerprint.
pub const FINGERPRINT: &str = "CONFIG_FINGERPRINT";
/// HAProxy's keyword that sets an environment variable.
const SET: &str = "setenv";
/// An upper limit for the length of the line that sets the fingerprint, in bytes.
const ROOM_FOR_FINGERPRINT: usize = 80;

/// A parsed configuration, which borrows from its text.
#[derive(Debug)]
pub struct Config<'a> {
    /// The sections in the order of the file. The first one has no header and holds the
    /// lines before all others.
    pub sections: Vec<Section<'a>>,
    /// The fingerprint that the file sets, if it sets one.
    pub fingerprint: Option<String>,
    text: &'a str,
    /// The places in `text` of the lines that set a fingerprint.
    own_lines: Vec<Range<usize>>,
    /// The place in `text` after the first `global` line.
    after_global: Option<usize>,
}

/// A section of a configuration.
#[derive(Debug, Default)]
pub struct Section<'a> {
    /// The line that begins it; `None` for the lines before all sections.
    pub header: Option<Line<'a>>,
    /// Whether its `server` lines name servers that get requests.
    pub has_servers: bool,
    /// Its servers of the plain form with their names, in the order of the file.
    pub servers: Vec<(&'a str, Server)>,
    /// All its other lines, except for those that set a fingerprint.
    pub lines: Vec<Line<'a>>,
    /// What is known of it beside its servers of the plain form, with what it inherits.
    pub(crate) backend: Backend,
}

/// What is inherited from a `defaults` section that is not in the file.
fn elsewhere(name: &str) -> Inherited {
    let mut inherited = Inherited::default();
    inherited.spoil(&format!("the section `defaults {name}` is not in the file"));
    inherited
}

fn depends_on_variable(line: usize) -> String {
    format!("line {line} depends on a variable")
}

/// A line with its number in the file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The number.
    pub number: usize,
    /// The line, without its end.
    pub text: &'a str,
}

/// What parsing has to remember from one line to the next.
#[derive(Default)]
struct Parser<'a> {
    section: Section<'a>,
    servers: Servers<'a>,
    /// The last `defaults` section, which those after it inherit from.
    last: Option<Inherited>,
    named: BTreeMap<String, Inherited>,
    /// Whether the current section is a `defaults` one.
    is_defaults: bool,
    /// How many `.if` blocks are open.
    conditions: usize,
    /// The line of an `.if` block that has the beginning of a section in it: nobody but
    /// HAProxy knows to which section the lines from there on belong.
    unknown_section: Option<usize>,
}

/// What a section passes on to those that inherit from it.
#[derive(Clone, Debug, Default)]
struct Inherited {
    proxy: Proxy,
    servers: server::Defaults,
}

impl Inherited {
    /// Notes that it is not known.
    fn spoil(&mut self, why: &str) {
        self.proxy.is_unknown(why);
        self.servers.spoil(why);
    }
}

impl<'a> Config<'a> {
    /// Parses `text`, whose last line must end in a line feed too. Nothing in it is an
    /// error: a line that is not understood is kept as it is.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let mut config = Self {
            sections: Vec::new(),
            fingerprint: None,
            text,
            own_lines: Vec::new(),
            after_global: None,
        };
        let mut parser = Parser::default();
        let mut end = 0;
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let place = end..end + line.len();
            end = place.end;
            let line = Line {
                number: at + 1,
                text: line.lines().next().unwrap_or_default(),
            };
            if !parser.take_server(line) {
                config.take(line, place, &mut parser);
            }
        }
        config.sections.push(parser.finish());
        config
    }

    /// Adds a line that is no server.
    fn take(&mut self, line: Line<'a>, place: Range<usize>, parser: &mut Parser<'a>) {
        let words = words(line.text, &|_| None);
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        match words.as_slice() {
            [word, ..] if begins_section(word) => {
                if *word == "global" && parser.conditions == 0 {
                    self.after_global.get_or_insert(place.end);
                }
                self.sections.push(parser.finish());
                parser.begin(line, &words);
            }
            [word, name, rest @ ..] if *word == SET && *name == FINGERPRINT => {
                self.fingerprint = rest.first().map(ToString::to_string);
                self.own_lines.push(place);
            }
            _ => {
                parser.section.lines.push(line);
                parser.understand(line, &words);
            }
        }
    }

    /// The text with a line that sets this fingerprint after its first `global` line,
    /// in place of any that were there. Without a `global` section it gets none, and
    /// every change of such a file needs a reload.
    #[must_use]
    pub fn with_fingerprint(&self, fingerprint: &str) -> String {
        let line = format!("    {SET} {FINGERPRINT} {fingerprint}\n");
        let removed = self.own_lines.iter().map(|place| (place.clone(), ""));
        let added = self.after_global.map(|end| (end..end, line.as_str()));
        let mut changes: Vec<(Range<usize>, &str)> = removed.chain(added).collect();
        changes.sort_by_key(|(place, _)| (place.start, place.end));
        let mut text = String::with_capacity(self.text.len() + ROOM_FOR_FINGERPRINT);
        let mut rest = 0;
        for (place, new) in changes {
            text.push_str(&self.text[rest..place.start]);
            text.push_str(new);
            rest = place.end;
        }
        text.push_str(&self.text[rest..]);
        text
    }

    /// Whether a server stands before all sections. Of a text that is read after another one,
    /// it would be taken for a server of the last section there, which HAProxy refuses.
    #[must_use]
    pub fn begins_with_servers(&self) -> bool {
        let mut sections = self.sections.iter();
        let before = sections.next().filter(|first| first.header.is_none());
        before.is_some_and(|before| {
            let mut lines = before.lines.iter();
            lines.any(|line| {
                let words = words(line.text, &|_| None);
                words.first().is_some_and(|word| word.as_ref() == "server")
            })
        })
    }

    /// The least of the limits for HAProxy's variables that the file sets, in bytes
    /// (`tune.vars.global-max-size` and `tune.vars.proc-max-size`; 0 is no limit).
    #[must_use]
    pub fn room_for_variables(&self) -> Option<u64> {
        let lines = self.sections.iter().flat_map(|section| &section.lines);
        let limits = lines.filter_map(|line| {
            let limit = line.text.trim_start().strip_prefix("tune.vars.")?;
            let (scope, limit) = limit.split_once("-max-size")?;
            let limit = limit.split_ascii_whitespace().next()?.parse().ok()?;
            (matches!(scope, "global" | "proc") && limit > 0).then_some(limit)
        });
        limits.min()
    }

    /// The size of HAProxy's buffers, in bytes, if the file sets it (`tune.bufsize`): no command
    /// can be longer. The last line decides.
    #[must_use]
    pub fn buffer_size(&self) -> Option<u64> {
        let lines = self.sections.iter().flat_map(|section| &section.lines);
        let mut sizes = lines.filter_map(|line| {
            let size = line.text.trim_start().strip_prefix("tune.bufsize")?;
            size.split_ascii_whitespace().next()?.parse().ok()
        });
        sizes.next_back()
    }

    /// Whether there is a section that can have servers but has no plain one.
    #[must_use]
    pub fn has_empty_section(&self) -> bool {
        let mut sections = self.sections.iter();
        sections.any(|section| section.has_servers && section.servers.is_empty())
    }
}

impl<'a> Parser<'a> {
    /// Takes a `server` line of a section that can have some; `false` for any other line.
    fn take_server(&mut self, line: Line<'a>) -> bool {
        if !self.section.has_servers {
            return false;
        }
        match self.servers.read(line.text) {
            server::Parsed::Plain(name, server) => self.section.servers.push((name, server)),
            server::Parsed::Odd(why) => {
                self.section.lines.push(line);
                self.section.backend.add_odd(line, why);
            }
            server::Parsed::Other => return false,
        }
        true
    }

    /// Ends the current section, and keeps what others may inherit from it.
    fn finish(&mut self) -> Section<'a> {
        let servers = std::mem::take(&mut self.servers);
        let mut section = std::mem::take(&mut self.section);
        let unknown = if self.conditions > 0 {
            Some("an .if is open at its end".to_owned())
        } else {
            let line = self.unknown_section;
            line.map(|line| format!("line {line} stands in an .if"))
        };
        if let Some(why) = &unknown {
            section.backend.hide(why);
        }
        if let Some(line) = section.backend.proxy.disabled {
            section.backend.hide(&format!("line {line} disables it"));
        }
        if std::mem::take(&mut self.is_defaults) {
            let mut passed_on = Inherited {
                proxy: section.backend.proxy.clone(),
                servers: servers.into_defaults(),
            };
            if let Some(why) = unknown {
                passed_on.spoil(&why);
            }
            let name = section.backend.name.clone();
            self.named.insert(name, passed_on.clone());
            self.last = Some(passed_on);
        }
        section
    }

    /// Begins the section of this header.
    fn begin(&mut self, header: Line<'a>, words: &[&str]) {
        if self.conditions == 0 {
            self.unknown_section = None;
        } else {
            self.unknown_section.get_or_insert(header.number);
        }
        let keyword = words.first().copied().unwrap_or_default();
        self.is_defaults = keyword == "defaults";
        let from = words.iter().position(|word| *word == "from");
        let from = from.map(|at| words.get(at + 1).copied().unwrap_or_default());
        let inherited = match from {
            Some(name) => self
                .named
                .get(name)
                .cloned()
                .unwrap_or_else(|| elsewhere(name)),
            // Without `from`, a `defaults` section begins with HAProxy's own settings.
            None if self.is_defaults => Inherited::default(),
            None => self.last.clone().unwrap_or_default(),
        };
        self.servers = Servers::new(inherited.servers);
        self.section = Section {
            header: Some(header),
            has_servers: has_servers(keyword),
            backend: Backend::new(header, words, inherited.proxy),
            ..Section::default()
        };
        self.section.backend.inherits_from_before = from.is_none() && self.last.is_none();
    }

    /// Looks whether a line says something of the section's servers.
    fn understand(&mut self, line: Line<'a>, words: &[&str]) {
        let number = line.number;
        match words {
            [word, ..] if word.starts_with('.') => self.condition(number, word),
            _ if !self.section.has_servers && !self.is_defaults => {}
            _ if begins_with_variable(line.text) => self.spoil(&depends_on_variable(number)),
            ["default-server", ..] => self.servers.add_defaults(line),
            // Its keyword has quotes.
            ["server", ..] => {
                self.servers.pass_over();
                self.section.backend.add_odd(line, NOT_PLAIN.to_owned());
            }
            ["server-template", rest @ ..] => {
                self.servers.pass_over();
                self.section.backend.add_template(line, rest);
            }
            _ if self.conditions > 0 => {
                let why = format!("line {number} stands in an .if");
                self.section.backend.proxy.is_unknown(&why);
            }
            [word, ..] if has_variable(line.text) && proxy::decides(word) => {
                let why = depends_on_variable(number);
                self.section.backend.proxy.is_unknown(&why);
            }
            _ => self.section.backend.proxy.understand(line, words),
        }
    }

    /// Notes that nothing is known of the section from here on.
    fn spoil(&mut self, why: &str) {
        self.section.backend.hide(why);
        self.section.backend.proxy.is_unknown(why);
        self.servers.spoil(why);
    }

    /// From an `.if` on, nothing is known of the section's servers.
    fn condition(&mut self, number: usize, word: &str) {
        match word {
            ".if" => self.conditions += 1,
            ".endif" => self.conditions = self.conditions.saturating_sub(1),
            _ => {}
        }
        if self.conditions > 0 {
            self.servers.spoil(&format!("line {number} is {word}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(config: &Config) -> Vec<Vec<String>> {
        let with_servers = config.sections.iter().filter(|section| section.has_servers);
        let names = |section: &Section| {
            let servers = section.servers.iter();
            servers.map(|(name, _)| (*name).to_string()).collect()
        };
        with_servers.map(names).collect()
    }

    fn lines<'a>(config: &Config<'a>) -> Vec<&'a str> {
        let sections = config.sections.iter();
        sections
            .flat_map(|section| section.header.iter().chain(&section.lines))
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn servers_before_all_sections_are_seen() {
        for (text, expected) in [
            ("# x\n\n  server s 127.0.0.1:1\nbackend b\n", true),
            (".if streq(a,a)\nserver s 127.0.0.1:1\n.endif\n", true),
            (
                "# server s 127.0.0.1:1\nbackend b\n server s 127.0.0.1:1\n",
                false,
            ),
            ("backend b\n server s 127.0.0.1:1\n", false),
            ("", false),
        ] {
            assert_eq!(
                Config::parse(text).begins_with_servers(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn servers_belong_to_their_section_and_the_rest_is_lines() {
        let text = "global\nbackend a\n  balance roundrobin\n  server s1 10.0.0.1:80\n  server s2 10.0.0.2:80\nlisten b\n  server s1 10.0.0.1:81\n";
        let config = Config::parse(text);
        assert_eq!(names(&config), [vec!["s1", "s2"], vec!["s1"]]);
        assert_eq!(
            lines(&config),
            ["global", "backend a", "  balance roundrobin", "listen b"]
        );
        assert!(!config.has_empty_section());
    }

    #[test]
    fn the_servers_of_peers_and_of_other_sections_are_lines() {
        let text = "backend a\npeers p\n  server s1 10.0.0.1:80\nfrontend f\n  server s2 10.0.0.1:80\nring r\n  server s3 10.0.0.1:80\n";
        let config = Config::parse(text);
        assert_eq!(names(&config), [Vec::<String>::new()]);
        assert_eq!(lines(&config).len(), 7);
        assert!(config.has_empty_section());
    }

    #[test]
    fn a_line_of_another_form_is_not_split_off() {
        let config = Config::parse("backend a\n  server s1 localhost:80\n");
        assert_eq!(lines(&config).len(), 2);
    }

    #[test]
    fn the_last_size_of_the_buffers_counts() {
        let size = |text| Config::parse(text).buffer_size();
        assert_eq!(
            size("global\n  tune.bufsize 8192 # small\nglobal\n tune.bufsize 4096\n"),
            Some(4096)
        );
        assert_eq!(
            size("global\n  # tune.bufsize 1\n  tune.bufsize.small 1024\n"),
            None
        );
    }

    #[test]
    fn the_fingerprint_is_no_part_of_it() {
        let config = Config::parse("global\n    setenv CONFIG_FINGERPRINT 0123\n setenv OTHER x\n");
        assert_eq!(lines(&config), ["global", " setenv OTHER x"]);
        assert_eq!(config.fingerprint.as_deref(), Some("0123"));
    }

    #[test]
    fn the_fingerprint_stands_after_global_and_an_old_one_goes() {
        let insert = |text| Config::parse(text).with_fingerprint("0123");
        let text = "# head\nglobal # all\n    setenv CONFIG_FINGERPRINT old\n    daemon\nglobal\n";
        assert_eq!(
            insert(text),
            "# head\nglobal # all\n    setenv CONFIG_FINGERPRINT 0123\n    daemon\nglobal\n"
        );
        assert_eq!(insert("defaults\n"), "defaults\n");
        let early = "setenv CONFIG_FINGERPRINT a\nglobal\nsetenv CONFIG_FINGERPRINT b\n";
        assert_eq!(
            insert(early),
            "global\n    setenv CONFIG_FINGERPRINT 0123\n"
        );
    }

    #[test]
    fn the_least_limit_for_variables_of_the_process_counts() {
        let room = |lines: &str| Config::parse(&format!("global\n{lines}")).room_for_variables();
        let limits = " tune.vars.global-max-size 900\n tune.vars.proc-max-size 800\n \
                      tune.vars.txn-max-size 7\n";
        assert_eq!(room(limits), Some(800));
        assert_eq!(room(" tune.vars.proc-max-size 0\n"), None);
    }

    #[test]
    fn a_quoted_keyword_begins_a_section_as_well() {
        let config = Config::parse("'backend' a\n  server s1 10.0.0.1:80\n");
        assert_eq!(names(&config), [["s1"]]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_stands_in_it_its_text_stays(
            lines in proptest::collection::vec(
                "(global|backend b|peers p|server s 10.0.0.1:80 check|[\n\"' ;${}\\\\#-])", 0..20)
        ) {
            let text = lines.join("\n") + "\n";
            let config = Config::parse(&text);
            let with = config.with_fingerprint("0123");
            let again = Config::parse(&with);
            proptest::prop_assert_eq!(again.fingerprint.is_some(), config.after_global.is_some());
            proptest::prop_assert_eq!(with.replace("    setenv CONFIG_FINGERPRINT 0123\n", ""), text);
        }
    }
}
