//! The lines of a configuration that open sockets.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::{Config, Line};
use crate::words::words;

/// A range of more ports than this is not expanded into single addresses.
const MOST_PORTS: u16 = 256;
/// Options that change what binding means: with one of them, HAProxy may be able to
/// bind what another process cannot, and the other way round.
const ELSEWHERE: [&str; 3] = ["transparent", "interface", "namespace"];

/// What stands for the value of a variable, which only HAProxy knows. No line has it.
const UNKNOWN: &str = "\n";

/// A `bind` line of a `frontend` or `listen` section, or a `stats socket` line of
/// `global`. The address may contain variables, which are those of HAProxy's own
/// environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener(String);

impl Listener {
    /// Whether it is for clients, rather than for those who send commands.
    #[must_use]
    pub fn is_for_clients(&self) -> bool {
        let words = words(&self.0, &|_| None);
        Socket::of(&words).is_some_and(|socket| !socket.is_for_commands)
    }

    /// Whether it takes every command (`level admin`).
    #[must_use]
    pub fn is_for_all_commands(&self) -> bool {
        let words = words(&self.0, &|_| None);
        Socket::of(&words).is_some_and(|socket| socket.takes_all_commands())
    }

    /// The paths of the sockets that take every command; empty for any other line.
    #[must_use]
    pub fn command_paths(&self, environment: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
        let words = words(&self.0, environment);
        let socket = Socket::of(&words).filter(Socket::takes_all_commands);
        let addresses = socket.iter().flat_map(Socket::addresses);
        addresses.map(path).collect()
    }

    /// The TCP addresses that another process can try to bind. They are empty if the
    /// line has an option that changes what binding means, and leave out ranges of more
    /// than 256 ports and what is not an IP address.
    #[must_use]
    pub fn tcp_addresses(&self, environment: &dyn Fn(&str) -> Option<String>) -> Vec<SocketAddr> {
        let words = words(&self.0, environment);
        let socket = Socket::of(&words).filter(|socket| !socket.has_one_of(&ELSEWHERE));
        let addresses = socket.iter().flat_map(Socket::addresses);
        addresses.filter_map(tcp).flatten().collect()
    }

    /// What it names as its certificates (`crt`), files and folders alike. `base` is the
    /// folder of those that are relative. One with a variable is left out.
    #[must_use]
    pub fn certificates(&self, base: Option<&str>) -> Vec<String> {
        let words = words(&self.0, &|_| Some(UNKNOWN.to_owned()));
        let options = Socket::of(&words).map_or(&[][..], |socket| socket.options);
        let named = options.windows(2).filter(|pair| pair[0] == "crt");
        let known = named.filter(|pair| !pair[1].contains(UNKNOWN));
        let place = |name: &str| match base {
            Some(base) if !name.starts_with('/') => format!("{base}/{name}"),
            _ => name.to_owned(),
        };
        known.map(|pair| place(&pair[1])).collect()
    }
}

/// The parts of a listener's line.
struct Socket<'a> {
    is_for_commands: bool,
    /// One or more addresses, separated by commas.
    addresses: &'a str,
    options: &'a [Cow<'a, str>],
}

impl<'a> Socket<'a> {
    fn of(words: &'a [Cow<'a, str>]) -> Option<Self> {
        let (is_for_commands, addresses, options) = match words {
            [bind, addresses, options @ ..] if bind == "bind" => (false, addresses, options),
            [stats, socket, addresses, options @ ..] if stats == "stats" && socket == "socket" => {
                (true, addresses, options)
            }
            _ => return None,
        };
        Some(Self {
            is_for_commands,
            addresses,
            options,
        })
    }

    fn addresses(&self) -> impl Iterator<Item = &'a str> {
        self.addresses.split(',')
    }

    fn has_one_of(&self, options: &[&str]) -> bool {
        self.options
            .iter()
            .any(|option| options.contains(&option.as_ref()))
    }

    /// If there are several `level` options, HAProxy obeys the last one.
    fn takes_all_commands(&self) -> bool {
        let level = self.options.windows(2).rfind(|pair| pair[0] == "level");
        self.is_for_commands && level.is_some_and(|pair| pair[1] == "admin")
    }
}

fn path(address: &str) -> PathBuf {
    PathBuf::from(address.strip_prefix("unix@").unwrap_or(address))
}

fn tcp(text: &str) -> Option<Vec<SocketAddr>> {
    let six = text.strip_prefix("ipv6@");
    let text = six.or_else(|| text.strip_prefix("ipv4@")).unwrap_or(text);
    if text.contains(['@', '/']) {
        return None;
    }
    let (host, ports) = text.rsplit_once(':')?;
    let ip: IpAddr = match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "*" if six.is_some() => Ipv6Addr::UNSPECIFIED.into(),
        "" | "*" => Ipv4Addr::UNSPECIFIED.into(),
        host => host.parse().ok()?,
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    let few = first != 0 && last.checked_sub(first)? < MOST_PORTS;
    few.then(|| {
        (first..=last)
            .map(|port| SocketAddr::new(ip, port))
            .collect()
    })
}

impl Config<'_> {
    /// The folder of certificates with a relative name (`crt-base`), if the file says one
    /// without a variable.
    #[must_use]
    pub fn certificate_base(&self) -> Option<String> {
        let lines = self.global_lines();
        let bases = lines.filter_map(|words| {
            let is_base = words.first().is_some_and(|word| word == "crt-base");
            words.get(1).filter(|_| is_base).map(ToString::to_string)
        });
        bases.last().filter(|base| !base.contains(UNKNOWN))
    }

    /// The words of the lines of `global`. What stands for a variable is [`UNKNOWN`].
    pub(crate) fn global_lines(&self) -> impl Iterator<Item = Vec<Cow<'_, str>>> {
        let is_global = |line: Line| {
            words(line.text, &|_| None)
                .first()
                .is_some_and(|it| it == "global")
        };
        let sections = self.sections.iter();
        let global = sections.filter(move |section| section.header.is_some_and(is_global));
        let lines = global.flat_map(|section| &section.lines);
        lines.map(|line| words(line.text, &|_| Some(UNKNOWN.to_owned())))
    }

    /// The lines that open sockets, in the order of the file.
    #[must_use]
    pub fn listeners(&self) -> Vec<Listener> {
        let mut listeners = Vec::new();
        for section in &self.sections {
            let header = words(section.header.map_or("", |line| line.text), &|_| None);
            let for_commands = match header.first().map(AsRef::as_ref) {
                Some("global") => true,
                Some("frontend" | "listen") => false,
                _ => continue,
            };
            let opens = |line: &&Line| {
                let words = words(line.text, &|_| None);
                Socket::of(&words).is_some_and(|socket| socket.is_for_commands == for_commands)
            };
            let lines = section.lines.iter().filter(opens);
            listeners.extend(lines.map(|line| Listener(line.text.trim().to_owned())));
        }
        listeners
    }
}

#[cfg(test)]
mod tests;
