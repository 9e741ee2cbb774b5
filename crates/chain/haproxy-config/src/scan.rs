//! A configuration as its servers and the rest.

use crate::server::Server;

/// The variable that carries the fingerprint into the running process.
const VARIABLE: &str = "CONFIG_FINGERPRINT";
/// The keyword that sets it.
const SET: &str = "setenv";
/// Its line is that long at most.
const ROOM_FOR_FINGERPRINT: usize = 64;
/// The sections that have servers which are nodes; `peers` has some that are not.
const WITH_SERVERS: [&str; 2] = ["backend", "listen"];
/// What begins a section without such servers.
const WITHOUT_SERVERS: [&str; 19] = [
    "acme",
    "cache",
    "crt-store",
    "defaults",
    "dynamic-update",
    "fcgi-app",
    "frontend",
    "global",
    "healthcheck",
    "http-errors",
    "log-forward",
    "log-profile",
    "mailers",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "userlist",
];

/// A section that can have servers.
pub(crate) struct Section<'a> {
    /// The line that begins it.
    pub(crate) header: &'a str,
    /// Its servers of the plain form.
    pub(crate) servers: Vec<Server<'a>>,
}

/// A configuration, split.
pub struct Scan<'a> {
    /// All lines but a fingerprint.
    text: String,
    /// Where in the text the first line `global` ends.
    after_global: Option<usize>,
    /// The lines that are neither a server nor the fingerprint.
    pub(crate) lines: Vec<&'a str>,
    /// The sections that can have servers.
    pub(crate) sections: Vec<Section<'a>>,
}

impl<'a> Scan<'a> {
    /// Splits a configuration.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let mut scan = Self {
            text: String::with_capacity(text.len() + ROOM_FOR_FINGERPRINT),
            after_global: None,
            lines: Vec::new(),
            sections: Vec::new(),
        };
        let mut has_servers = false;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap_or_default();
            if first == SET && words.next() == Some(VARIABLE) {
                continue;
            }
            scan.text.push_str(line);
            scan.text.push('\n');
            if first == "server" {
                scan.add_server(line, has_servers);
            } else {
                has_servers = scan.add_line(line, first, has_servers);
            }
        }
        scan
    }

    /// Takes a line that begins with `server`.
    fn add_server(&mut self, line: &'a str, is_node: bool) {
        let section = self.sections.last_mut().filter(|_| is_node);
        match section.zip(Server::parse(line)) {
            Some((section, server)) => section.servers.push(server),
            None => self.lines.push(line),
        }
    }

    /// Takes another line, and says whether servers after it can be nodes.
    fn add_line(&mut self, line: &'a str, first: &str, has_servers: bool) -> bool {
        self.lines.push(line);
        if WITH_SERVERS.contains(&first) {
            self.sections.push(Section {
                header: line,
                servers: Vec::new(),
            });
            return true;
        }
        if first == "global" {
            self.after_global.get_or_insert(self.text.len());
        }
        has_servers && !WITHOUT_SERVERS.contains(&first)
    }

    /// The configuration with this fingerprint after its first line `global`; one
    /// without that section gets none, and is always reloaded whole.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: &str) -> String {
        if let Some(place) = self.after_global {
            let line = format!("    {SET} {VARIABLE} {fingerprint}\n");
            self.text.insert_str(place, &line);
        }
        self.text
    }

    /// Whether a section has no server.
    #[must_use]
    pub fn has_empty_section(&self) -> bool {
        self.sections
            .iter()
            .any(|section| section.servers.is_empty())
    }

    /// Whether no two servers of a section share a name or an id.
    pub(crate) fn is_unambiguous(&self) -> bool {
        self.sections.iter().all(Section::is_unambiguous)
    }
}

impl Section<'_> {
    fn is_unambiguous(&self) -> bool {
        let servers = self.servers.iter();
        all_differ(servers.clone().map(|server| server.name))
            && all_differ(servers.filter_map(|server| server.id))
    }
}

/// Sorting is quick here, since the servers come in the order of their names.
fn all_differ<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scan: &Scan) -> Vec<Vec<String>> {
        let names = |section: &Section| {
            let names = section.servers.iter();
            names.map(|server| server.name.to_string()).collect()
        };
        scan.sections.iter().map(names).collect()
    }

    #[test]
    fn servers_belong_to_their_section_and_the_rest_is_lines() {
        let text = "global\nbackend a\n  balance roundrobin\n  server s1 10.0.0.1:80\n  server s2 10.0.0.2:80\nlisten b\n  server s1 10.0.0.1:81\n";
        let scan = Scan::new(text);
        assert_eq!(names(&scan), [vec!["s1", "s2"], vec!["s1"]]);
        assert_eq!(
            scan.lines,
            ["global", "backend a", "  balance roundrobin", "listen b"]
        );
        assert!(!scan.has_empty_section());
        assert!(scan.is_unambiguous());
    }

    #[test]
    fn the_servers_of_peers_and_of_other_sections_are_lines() {
        let text = "backend a\npeers p\n  server s1 10.0.0.1:80\nfrontend f\n  server s2 10.0.0.1:80\nring r\n  server s3 10.0.0.1:80\n";
        let scan = Scan::new(text);
        assert_eq!(names(&scan), [Vec::<String>::new()]);
        assert_eq!(scan.lines.len(), 7);
        assert!(scan.has_empty_section());
    }

    #[test]
    fn a_line_of_another_form_is_not_split_off() {
        let scan = Scan::new("backend a\n  server s1 localhost:80\n");
        assert_eq!(scan.lines.len(), 2);
    }

    #[test]
    fn the_fingerprint_is_no_part_of_it() {
        let scan = Scan::new("global\n    setenv CONFIG_FINGERPRINT 0123\n setenv OTHER x\n");
        assert_eq!(scan.lines, ["global", " setenv OTHER x"]);
    }

    #[test]
    fn the_fingerprint_stands_after_global_and_an_old_one_goes() {
        let insert = |text| Scan::new(text).with_fingerprint("0123");
        let text = "# head\nglobal # all\n    setenv CONFIG_FINGERPRINT old\n    daemon\nglobal\n";
        assert_eq!(
            insert(text),
            "# head\nglobal # all\n    setenv CONFIG_FINGERPRINT 0123\n    daemon\nglobal\n"
        );
        assert_eq!(insert("defaults\n"), "defaults\n");
    }

    #[test]
    fn a_name_or_an_id_that_is_given_twice_is_noticed() {
        for second in ["s1 10.0.0.2:80 id 2", "s2 10.0.0.2:80 id 1"] {
            let text = format!("backend a\nserver s1 10.0.0.1:80 id 1\nserver {second}\n");
            assert!(!Scan::new(&text).is_unambiguous(), "{second}");
        }
    }
}
