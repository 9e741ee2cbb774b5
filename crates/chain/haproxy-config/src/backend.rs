//! `backend` and `listen` sections, with what they inherit from `defaults`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crate::config::{Config, Line};
use crate::proxy::{Algorithm, Proxy};
use crate::server::{Server, is_name};
use crate::words::{has_variable, words};

/// A `backend` or `listen` section.
#[derive(Clone, Debug, Default)]
pub struct Backend {
    /// Its name; empty if it depends on HAProxy's environment.
    pub name: String,
    /// The servers of the plain form, by name.
    pub servers: BTreeMap<String, Server>,
    /// The servers of another form, with the reason for which no command can say them.
    /// They are part of the fingerprint, and no command ever changes them.
    pub odd: BTreeMap<String, String>,
    templates: Vec<Template>,
    /// Why nothing is known of which servers it has.
    hidden: Option<String>,
    /// Whether it inherits what stands before this file, if HAProxy reads another one
    /// first.
    pub inherits_from_before: bool,
    pub(crate) proxy: Proxy,
}

/// The servers of a `server-template` line.
#[derive(Clone, Debug)]
struct Template {
    prefix: String,
    numbers: RangeInclusive<usize>,
}

impl Backend {
    /// The section of this header, which inherits `proxy`.
    pub(crate) fn new(header: Line, words: &[&str], proxy: Proxy) -> Self {
        let mut backend = Self {
            proxy,
            ..Self::default()
        };
        let name = words.get(1).copied().unwrap_or_default();
        if has_variable(header.text) {
            backend.hide("its name has a variable");
        } else {
            name.clone_into(&mut backend.name);
            if !is_name(name) {
                backend.hide("its name is none that HAProxy takes");
            }
        }
        backend
    }

    /// Notes that nobody but HAProxy knows which servers it has.
    pub(crate) fn hide(&mut self, why: &str) {
        self.hidden.get_or_insert_with(|| why.to_owned());
    }

    /// Why nothing is known of which servers it has; then no command touches it.
    #[must_use]
    pub fn hidden(&self) -> Option<&str> {
        self.hidden.as_deref()
    }

    /// Adds a `server` line that is not of the plain form.
    pub(crate) fn add_odd(&mut self, line: Line, why: String) {
        let words = words(line.text, &|_| None);
        let name = words.get(1).map(ToString::to_string).unwrap_or_default();
        if name.is_empty() {
            self.hide(&format!(
                "the server of line {} has no plain name",
                line.number
            ));
        }
        self.odd.insert(name, why);
    }

    /// Adds a `server-template` line, without that word.
    pub(crate) fn add_template(&mut self, line: Line, words: &[&str]) {
        let template = (!has_variable(line.text))
            .then(|| Template::of(words))
            .flatten();
        match template {
            Some(template) => self.templates.push(template),
            None => self.hide(&format!("line {} is not understood", line.number)),
        }
    }

    /// Why no command can say the server `name`; `None` if it is of the plain form or not
    /// in the file.
    #[must_use]
    pub fn is_odd(&self, name: &str) -> Option<&str> {
        let template = || self.templates.iter().any(|template| template.has(name));
        self.odd
            .get(name)
            .map(String::as_str)
            .or_else(|| template().then_some("it is of a server-template"))
    }

    /// How it chooses a server.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.proxy.algorithm()
    }

    /// Why this server cannot be added to it by a command, if it is for one of its lines.
    #[must_use]
    pub fn obstacle(&self, server: &Server) -> Option<&str> {
        // HAProxy 2.6, 3.0 and 3.2 crash when a server with such a check is added.
        let checks = self.proxy.external_check.as_deref();
        let checks = checks.filter(|_| server.settings.is_checked);
        self.proxy.obstacle.as_deref().or(checks)
    }

    /// Whether HAProxy makes the servers' cookies of their addresses.
    #[must_use]
    pub fn has_dynamic_cookie(&self) -> bool {
        self.proxy.has_dynamic_cookie()
    }

    /// Groups of servers that clients name by the same cookie, each in the order of the
    /// file: HAProxy takes the first one that is up.
    #[must_use]
    pub fn with_equal_cookies(&self) -> Vec<Vec<&str>> {
        if !self.proxy.has_cookie {
            return Vec::new();
        }
        let is_dynamic = self.has_dynamic_cookie();
        let mut groups: HashMap<_, Vec<(&str, &Server)>> = HashMap::new();
        for (name, server) in &self.servers {
            let said = server.settings.cookie.as_deref();
            let made = (said.is_none() && is_dynamic).then_some(server.runtime.address);
            if said.is_some() || made.is_some() {
                groups.entry((said, made)).or_default().push((name, server));
            }
        }
        let shared = groups.into_values().filter(|group| group.len() > 1);
        let in_order = shared.map(|mut group| {
            group.sort_by_key(|(_, server)| server.place);
            group.into_iter().map(|(name, _)| name).collect()
        });
        in_order.collect()
    }

    /// Whether clients stay with a server that is down, as one in maintenance is.
    #[must_use]
    pub fn persists(&self) -> bool {
        self.proxy.persists
    }

    /// Whether each request has a connection of its own to its server. Before 3.0 a client
    /// whose connection is kept goes on to the address that the server had at its first
    /// request.
    #[must_use]
    pub fn never_reuses(&self) -> bool {
        self.proxy.never_reuses
    }

    /// Whether it counts which of its backup servers comes first.
    #[must_use]
    pub fn has_one_backup(&self) -> bool {
        !self.proxy.all_backups
    }

    /// Whether it counts where `servers` stand, and not all that decides about it is known.
    pub(crate) fn places_are_lines(&self, servers: &[(&str, Server)]) -> bool {
        let algorithm = self.algorithm();
        if let Algorithm::Unknown(_) = algorithm {
            return true;
        }
        let is_backup = |(_, server): &(&str, Server)| server.settings.is_backup;
        let counts = algorithm.is_ordered()
            || algorithm.goes_by_ids()
            || self.has_dynamic_cookie()
            || (self.has_one_backup() && servers.iter().any(is_backup));
        counts && !(self.odd.is_empty() && self.templates.is_empty())
    }

    /// The prefixes of its `server-template` lines.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        self.templates
            .iter()
            .map(|template| template.prefix.as_str())
    }

    /// The ids that HAProxy gives to the servers when it loads the file, by name: those
    /// that are said, and else the lowest one from the server's place on that is not
    /// taken. `None` if there are servers whose ids are not known.
    #[must_use]
    pub fn ids(&self) -> Option<BTreeMap<&str, u32>> {
        if !self.odd.is_empty() || !self.templates.is_empty() || self.hidden.is_some() {
            return None;
        }
        let said = self.servers.values().filter_map(|server| server.id);
        let mut taken: BTreeSet<u32> = said.collect();
        let mut ids = BTreeMap::new();
        let mut spare = 1..;
        for (name, server) in self.in_order() {
            let mut id = spare.next()?;
            while server.id.is_none() && !taken.insert(id) {
                id = spare.next()?;
            }
            ids.insert(name, server.id.unwrap_or(id));
        }
        Some(ids)
    }

    /// The servers of the plain form in the order of the file.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&str, &Server)> {
        let servers = self.servers.iter();
        let mut servers: Vec<_> = servers.map(|(name, it)| (name.as_str(), it)).collect();
        servers.sort_by_key(|(_, server)| server.place);
        servers
    }
}

impl Template {
    /// `PREFIX NUMBER ...` or `PREFIX FIRST-LAST ...`.
    fn of(words: &[&str]) -> Option<Self> {
        let [prefix, numbers, ..] = words else {
            return None;
        };
        let (first, last) = numbers.split_once('-').unwrap_or(("1", numbers));
        Some(Self {
            prefix: (*prefix).to_owned(),
            numbers: first.parse().ok()?..=last.parse().ok()?,
        })
    }

    fn has(&self, name: &str) -> bool {
        let number = name.strip_prefix(&self.prefix);
        let number = number.filter(|number| !number.starts_with(['0', '+']));
        number
            .and_then(|number| number.parse().ok())
            .is_some_and(|number| self.numbers.contains(&number))
    }
}

impl Config<'_> {
    /// The `backend` and `listen` sections with what they inherit from their `defaults`
    /// sections, in the order of the file. Variables are not expanded.
    #[must_use]
    pub fn into_backends(self) -> Vec<Backend> {
        let sections = self.sections.into_iter();
        let with_servers = sections.filter(|section| section.has_servers);
        let backends = with_servers.map(|section| {
            let mut backend = section.backend;
            let servers = section.servers.into_iter();
            backend.servers = servers
                .map(|(name, server)| (name.to_owned(), server))
                .collect();
            backend
        });
        backends.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backends(text: &str) -> BTreeMap<String, Backend> {
        let backends = Config::parse(text).into_backends().into_iter();
        backends
            .map(|backend| (backend.name.clone(), backend))
            .collect()
    }

    fn words(backend: &Backend, server: &str) -> String {
        backend.servers[server].settings.words.clone()
    }

    #[test]
    fn what_a_command_cannot_say_is_never_touched() {
        let backends = backends(
            "backend nodes\n server s1 127.0.0.1:3000 check # by hand\n server unix unix@/run/x check\n\
             server named example.org:80\n server quoted \"127.0.0.1:3000\"\n\
             server heavy 127.0.0.1:3000 weight 257\n\
             server odd 127.0.0.1:3000 check;shutdown\n server-template slot 1-12 127.0.0.1:1\n",
        );
        let nodes = &backends["nodes"];
        for name in ["unix", "named", "quoted", "heavy", "odd", "slot1", "slot12"] {
            assert!(nodes.is_odd(name).is_some(), "{name}");
        }
        for name in ["s1", "slot", "slotx", "slot13", "slot0", "slot01"] {
            assert_eq!(nodes.is_odd(name), None, "{name}");
        }
    }

    #[test]
    fn a_server_elsewhere_is_none_of_a_backend() {
        let backends = backends("backend a\nlisten b\npeers p\n server s 127.0.0.1:1\n");
        let names: Vec<&str> = backends.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(backends.values().all(|backend| backend.servers.is_empty()));
    }

    #[test]
    fn defaults_are_inherited_from_the_last_or_the_named_section() {
        let backends = backends(
            "defaults one\n balance source\ndefaults two from one\n default-server check\n\
             backend a\n server s 127.0.0.1:1\nbackend b from one\n balance first\n\
             server s 127.0.0.1:1\nlisten c\n server s 127.0.0.1:1\n",
        );
        let [a, b, c] = ["a", "b", "c"].map(|name| &backends[name]);
        assert_eq!(
            [a, c].map(Backend::algorithm),
            [Algorithm::Table, Algorithm::Table]
        );
        assert_eq!(b.algorithm(), Algorithm::First);
        let read = [a, b, c].map(|backend| words(backend, "s"));
        assert_eq!(read, ["check", "", "check"]);
    }

    #[test]
    fn a_defaults_section_begins_with_haproxys_own_settings() {
        let backends = backends(
            "defaults\n balance source\n default-server check\ndefaults\n timeout queue 1s\n\
             backend a\n server s 127.0.0.1:1\n",
        );
        assert_eq!(backends["a"].algorithm(), Algorithm::Any);
        assert_eq!(words(&backends["a"], "s"), "");
    }

    #[test]
    fn what_stands_in_another_file_is_not_known() {
        let backends = backends(
            "backend a\n server s 127.0.0.1:1\nbackend b from elsewhere\n server s 127.0.0.1:1\n\
             defaults\nbackend c\n",
        );
        assert!(backends["a"].inherits_from_before && !backends["c"].inherits_from_before);
        assert!(backends["b"].is_odd("s").is_some());
    }

    #[test]
    fn a_default_server_counts_from_its_place_on() {
        let backends = backends(
            "backend a\n server s1 127.0.0.1:1\n default-server backup\n server s2 127.0.0.2:1\n\
             default-server no-backup check\n server s3 127.0.0.3:1\n",
        );
        let read = ["s1", "s2", "s3"].map(|name| words(&backends["a"], name));
        assert_eq!(read, ["", "backup", "no-backup check"]);
    }

    #[test]
    fn from_an_if_on_the_servers_are_not_known() {
        let backends = backends(
            "backend a\n server s1 127.0.0.1:1\n.if defined(X)\n server s2 127.0.0.2:1\n balance first\n\
             .endif\n server s3 127.0.0.3:1\nbackend b\n server s4 127.0.0.4:1\n",
        );
        let a = &backends["a"];
        assert_eq!(a.is_odd("s1"), None);
        for name in ["s2", "s3"] {
            assert!(
                a.is_odd(name).is_some_and(|why| why.contains("line 3")),
                "{name}"
            );
        }
        assert!(a.obstacle(&a.servers["s1"]).is_some());
        assert_eq!(backends["b"].is_odd("s4"), None);
    }

    #[test]
    fn a_section_that_begins_in_an_if_hides_all_until_the_next() {
        let backends = backends(
            "backend a\n server s1 127.0.0.1:1\n.if defined(X)\nbackend b\n.endif\n\
             server s2 127.0.0.2:1\nbackend c\n server s3 127.0.0.3:1\n",
        );
        let hidden = ["a", "b", "c"].map(|name| backends[name].hidden().is_some());
        assert_eq!(hidden, [true, true, false]);
    }

    #[test]
    fn what_is_inherited_from_a_section_in_an_if_is_not_known() {
        for text in [
            ".if defined(X)\ndefaults\n default-server disabled\n.endif\n",
            "defaults\n.if defined(X)\n default-server disabled\n.endif\n",
            "defaults\n.if defined(X)\nfrontend f\n.endif\n default-server disabled\n",
        ] {
            let a = &backends(&format!(
                "defaults\n{text}backend a\n server s 127.0.0.1:1\n"
            ))["a"];
            assert!(a.is_odd("s").is_some() && a.hidden().is_none(), "{text}");
        }
    }

    #[test]
    fn a_line_that_depends_on_a_variable_is_not_guessed() {
        for line in [
            "balance \"${B-roundrobin}\"",
            "option \"${O-httpchk}\"",
            "mode \"$M\"",
        ] {
            let a = &backends(&format!("backend a\n {line}\n server s 127.0.0.1:1\n"))["a"];
            assert!(a.obstacle(&a.servers["s"]).is_some(), "{line}");
            assert!(a.algorithm().obstacle().is_some(), "{line}");
        }
        let a = &backends("backend a\n \"${X-balance}\" first\n server s 127.0.0.1:1\n")["a"];
        assert!(a.hidden().is_some());
        let text = "backend a\n http-request set-header X \"$X\"\n server s 127.0.0.1:1\n";
        assert_eq!(
            backends(text)["a"].obstacle(&backends(text)["a"].servers["s"]),
            None
        );
    }

    #[test]
    fn a_server_whose_keyword_is_quoted_is_never_touched() {
        let backends = backends("backend a\n \"server\" s 127.0.0.1:1\n server t 127.0.0.2:1\n");
        assert!(backends["a"].is_odd("s").is_some());
        assert_eq!(backends["a"].servers["t"].place, 1);
    }

    #[test]
    fn a_name_with_a_variable_is_haproxys_alone() {
        let text =
            "backend \"${NAME}\"\n server s 127.0.0.1:1\nbackend b\n server \"$S\" 127.0.0.1:1\n";
        let backends = backends(text);
        assert!(backends[""].hidden().is_some() && backends["b"].hidden().is_some());
    }

    #[test]
    fn no_command_touches_a_section_whose_name_could_be_another_command() {
        for (header, name) in [
            ("backend a;help", "a;help"),
            ("backend 'a b'", "a b"),
            (r"backend a\nb", "a\nb"),
            ("listen a\u{1b}[2J", "a\u{1b}[2J"),
        ] {
            let backends = backends(&format!("{header}\n server s 127.0.0.1:1\n"));
            assert!(backends[name].hidden().is_some(), "{header:?}");
        }
    }

    #[test]
    fn the_last_cookie_line_says_whether_cookies_are_dynamic() {
        let has = |lines: &str| backends(&format!("backend a\n{lines}"))["a"].has_dynamic_cookie();
        let (dynamic, fixed) = (" cookie S insert dynamic\n", " cookie S insert\n");
        let key = " dynamic-cookie-key k\n";
        assert!(has(&format!("{key}{dynamic}")) && has(&format!("{fixed}{dynamic}{key}")));
        assert!(!has(dynamic) && !has(key) && !has(&format!("{key}{dynamic}{fixed}")));
    }

    #[test]
    fn ids_are_those_that_haproxy_gives_when_it_loads_the_file() {
        let text = "backend a\n server x 127.0.0.1:1\n server c 127.0.0.1:2 id 3\n\
                    server b 127.0.0.1:3\n server a 127.0.0.1:4\n";
        let backends = backends(text);
        let expected = [("a", 5), ("b", 4), ("c", 3), ("x", 1)];
        assert_eq!(backends["a"].ids(), Some(BTreeMap::from(expected)));
    }
}
