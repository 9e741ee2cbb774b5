//! A configuration as a list of sections, each with its servers and its other lines.

use std::ops::Range;

use crate::Server;
use crate::section::{begins_section, has_servers};
use crate::words::words;

/// The environment variable by which the running process knows its fingerprint.
pub const FINGERPRINT: &str = "CONFIG_FINGERPRINT";
/// HAProxy's keyword that sets an environment variable.
const SET: &str = "setenv";
/// An upper limit for the length of the line that sets the fingerprint, in bytes.
const ROOM_FOR_FINGERPRINT: usize = 64;

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
    pub header: Option<&'a str>,
    /// Whether its `server` lines name servers that get requests.
    pub has_servers: bool,
    /// Its servers of the plain form with their names, in the order of the file.
    pub servers: Vec<(&'a str, Server)>,
    /// All its other lines, except for those that set a fingerprint.
    pub lines: Vec<&'a str>,
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
        let mut section = Section::default();
        let mut end = 0;
        for line in text.split_inclusive('\n') {
            let place = end..end + line.len();
            end = place.end;
            let line = line.lines().next().unwrap_or_default();
            if !section.take_server(line)
                && let Some(next) = config.take(line, place, &mut section)
            {
                config.sections.push(std::mem::replace(&mut section, next));
            }
        }
        config.sections.push(section);
        config
    }

    /// Adds a line that is not a plain server to `section`, or returns the new section
    /// if the line begins one.
    fn take(
        &mut self,
        line: &'a str,
        place: Range<usize>,
        section: &mut Section<'a>,
    ) -> Option<Section<'a>> {
        let words = words(line, &|_| None);
        match words.first() {
            Some(word) if begins_section(word) => {
                if word == "global" {
                    self.after_global.get_or_insert(place.end);
                }
                return Some(Section {
                    header: Some(line),
                    has_servers: has_servers(word),
                    ..Section::default()
                });
            }
            Some(word) if word == SET && words.get(1).is_some_and(|name| name == FINGERPRINT) => {
                self.fingerprint = words.get(2).map(ToString::to_string);
                self.own_lines.push(place);
            }
            _ => section.lines.push(line),
        }
        None
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

    /// Whether there is a section that can have servers but has no plain one.
    #[must_use]
    pub fn has_empty_section(&self) -> bool {
        let mut sections = self.sections.iter();
        sections.any(|section| section.has_servers && section.servers.is_empty())
    }
}

impl<'a> Section<'a> {
    fn take_server(&mut self, line: &'a str) -> bool {
        let server = self.has_servers.then(|| Server::parse(line)).flatten();
        let is_one = server.is_some();
        self.servers.extend(server);
        is_one
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
            .flat_map(|section| section.header.iter().chain(&section.lines).copied())
            .collect()
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
