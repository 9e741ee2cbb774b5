//! Who gets which requests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use super::client::{FAILED, Request};
use super::judge::{Row, Seen, backends};

/// How many requests show the shares.
const REQUESTS: u8 = 200;
/// Where requests wait for servers that do not answer, there are as many as fit into this
/// time, at least [`FEWEST`].
const TIME: Duration = Duration::from_secs(10);
const FEWEST: usize = 10;
/// How much a share may differ by the turn that each of two round robins is at.
const TURN: f64 = 5.0;
const SIGMAS: f64 = 5.0;
/// How many places a server has at least on the ring from which `random` draws. They come from
/// its id, which the two may give differently.
const PLACES: f64 = 16.0;

/// A backend that clients reach.
pub(crate) struct Service {
    pub(crate) backend: String,
    pub(crate) port: u16,
    pub(crate) algorithm: String,
    /// The values of its servers' cookies.
    pub(crate) cookies: Vec<String>,
    /// Whether errors of requests count for the state of servers.
    pub(crate) observes: bool,
    /// Whether a client's next request goes where the last one did.
    pub(crate) sticks: bool,
}

impl Service {
    /// Those of a configuration, as a HAProxy with it runs them.
    pub(crate) fn all(seen: &Seen, config: &str) -> Vec<Self> {
        let lines = backends(config);
        let summaries = seen.rows.iter().filter(|(key, _)| key.1 == "BACKEND");
        let service = |((backend, _), row): (&(String, String), &Row)| {
            let number = backend.strip_prefix(['b', 'l'])?.parse::<u16>().ok()?;
            Some(Self {
                backend: backend.clone(),
                port: 8100 + number,
                algorithm: algorithm(row, config),
                cookies: cookies(seen, backend, row),
                observes: config.contains("observe"),
                sticks: lines[backend.as_str()]
                    .iter()
                    .any(|words| words.contains(&"stick")),
            })
        };
        summaries.filter_map(service).collect()
    }

    /// Compares the shares of requests that the two give. `round` makes the clients'
    /// addresses, which no round shares with another.
    pub(crate) fn compare(&self, ours: Ipv4Addr, theirs: Ipv4Addr, round: u8) -> Vec<String> {
        let to = |ip| SocketAddrV4::new(ip, self.port);
        let mut old = self.answers(to(ours), round, usize::from(REQUESTS));
        let mut new = self.answers(to(theirs), round, old.plain.len());
        let both = old.plain.len().min(new.plain.len());
        old.plain.truncate(both);
        new.plain.truncate(both);
        let mut found = Vec::new();
        if self.observes && [&old, &new].iter().any(|answers| answers.has_errors()) {
            // Which server an error takes out of use, and for how long, is chance.
            return found;
        }
        let is_exact = !matches!(
            self.algorithm.as_str(),
            "roundrobin" | "static-rr" | "random" | "leastconn"
        );
        if is_exact {
            if let Some(at) = only_failure(&old.plain, &new.plain) {
                let number = u8::try_from(at + 1).unwrap_or(REQUESTS);
                old.plain[at].1 = plain(number, round).send(to(ours));
                new.plain[at].1 = plain(number, round).send(to(theirs));
            }
            found.extend(first_difference(&old.plain, &new.plain));
        } else {
            found.extend(self.uneven(&counts(&old.plain), &counts(&new.plain)));
        }
        found.extend(first_difference(&old.with_cookie, &new.with_cookie));
        found.extend(old.astray.iter().filter(|_| new.astray.is_none()).cloned());
        let name = |line| format!("{} ({}): {line}", self.backend, self.algorithm);
        found.into_iter().map(name).collect()
    }

    fn answers(&self, to: SocketAddrV4, round: u8, most: usize) -> Answers {
        let until = Instant::now() + TIME;
        let ask = |number: u8| (format!("{number}"), plain(number, round).send(to));
        let in_time = |number: &u8| usize::from(*number) <= FEWEST || Instant::now() < until;
        let plain: Vec<_> = (1..=REQUESTS)
            .take(most)
            .take_while(in_time)
            .map(ask)
            .collect();
        let cookie = |cookie: &String| {
            let sent = request(230, round, format!("Cookie: SRV={cookie}\r\n"));
            (format!("cookie {cookie}"), sent.send(to))
        };
        let with_cookie = self.cookies.iter().map(cookie).collect();
        let stuck = (1..=20).filter(|_| self.sticks).find_map(|number| {
            let (_, before) = plain.get(usize::from(number) - 1)?;
            let answer = request(number, round, String::new()).send(to);
            let is_answered = answer != FAILED && before != FAILED;
            let is_astray = is_answered && site(&answer) != site(before);
            is_astray.then(|| format!("the client {number} got {before}, then {answer}"))
        });
        Answers {
            plain,
            with_cookie,
            astray: stuck,
        }
    }

    /// Whose counts differ by more than chance or turns explain.
    fn uneven(&self, old: &BTreeMap<String, u32>, new: &BTreeMap<String, u32>) -> Option<String> {
        let total = f64::from(old.values().sum::<u32>());
        let count = |counts: &BTreeMap<String, u32>, key: &str| {
            f64::from(counts.get(key).copied().unwrap_or(0))
        };
        let is_off = |key: &&String| {
            let (old, new) = (count(old, key), count(new, key));
            let share = f64::midpoint(old, new) / total;
            let chance = 2.0 * total * share * (1.0 - share);
            let places = 2.0 * (total * share).powi(2) / PLACES;
            let sigma = (chance + places).sqrt();
            let allowed = match self.algorithm.as_str() {
                "random" => SIGMAS * sigma + 1.0,
                "leastconn" => total,
                _ => TURN,
            };
            (old - new).abs() > allowed
        };
        let mut keys = old.keys().chain(new.keys());
        keys.find(is_off)
            .map(|key| format!("{key} got another share: {old:?} runs, {new:?} is new"))
    }
}

/// The cookies by which a client says to which server it goes, of those that are up: where
/// the clients of the others go is chance.
fn cookies(seen: &Seen, backend: &str, summary: &Row) -> Vec<String> {
    let is_up = |row: &Row| ["UP", "no check"].contains(&row["status"].as_str());
    let servers = seen.rows.iter().filter(|(key, row)| {
        let is_read = summary["mode"] == "http" && !summary["cookie"].is_empty();
        let is_named = is_read && !row["cookie"].is_empty();
        key.0 == backend && key.1 != "BACKEND" && is_named && is_up(row)
    });
    servers.map(|(_, row)| row["cookie"].clone()).collect()
}

/// HAProxy 2.6 has no name for `random` and some hashes. A hash of what only HTTP has takes
/// any server where HAProxy reads no HTTP.
fn algorithm(row: &Row, config: &str) -> String {
    let told = row["algo"].as_str();
    let is_random = told == "unknown" && config.contains("balance random");
    let algorithm = if is_random {
        "random"
    } else if row["mode"] == "tcp" && ["unknown", "hash", "uri", "hdr", "url_param"].contains(&told)
    {
        "leastconn"
    } else {
        told
    };
    algorithm.to_owned()
}

/// What the clients got.
struct Answers {
    plain: Vec<(String, String)>,
    with_cookie: Vec<(String, String)>,
    /// A client that did not stay with its server.
    astray: Option<String>,
}

impl Answers {
    fn has_errors(&self) -> bool {
        let all = self.plain.iter().chain(&self.with_cookie);
        all.into_iter()
            .any(|(_, answer)| !answer.starts_with("200"))
    }
}

/// The site of an answer. The rest of it tells of cookies that are set only once.
fn site(answer: &str) -> Option<&str> {
    answer.split_once("site ")?.1.split(' ').next()
}

fn counts(answers: &[(String, String)]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for (_, answer) in answers {
        *counts.entry(answer.clone()).or_default() += 1;
    }
    counts
}

/// A request without a cookie.
fn plain(number: u8, round: u8) -> Request {
    request(number, round, format!("X-Key: key{number}\r\n"))
}

/// A request of the client of this number.
fn request(number: u8, round: u8, headers: String) -> Request {
    Request {
        from: Ipv4Addr::new(127, harness::net(), round, number),
        path: format!("/page{number}?k={number}"),
        headers,
    }
}

/// Where the only difference is that one of the two got no answer. A machine that tracks
/// connections drops new ones while its table is full, and checks fill it.
fn only_failure(old: &[(String, String)], new: &[(String, String)]) -> Option<usize> {
    let pairs = old.iter().zip(new).enumerate();
    let mut differing = pairs.filter(|(_, (old, new))| old != new);
    let (at, ((_, old), (_, new))) = differing.next()?;
    let is_only = differing.next().is_none();
    (is_only && [old, new].iter().any(|answer| *answer == FAILED)).then_some(at)
}

fn first_difference(old: &[(String, String)], new: &[(String, String)]) -> Option<String> {
    let mut pairs = old.iter().zip(new).filter(|(old, new)| old != new);
    let ((key, old), (_, new)) = pairs.next()?;
    let more = pairs.count();
    Some(format!(
        "request {key}: {old:?} runs, {new:?} is new ({more} more differ)"
    ))
}
