//! How many lines of a service go into the log, so that those which anybody can make it
//! write do not push out all others.
//!
//! Lines are of one kind when they begin alike, their digits aside. Each kind has some
//! lines ahead, and more with every second. What is beyond is left out and counted.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::time::{Duration, Instant};

/// So many bytes without digits are the beginning of a line: the time and the program's own
/// words, which are the same whatever a stranger has sent.
const BEGINNING: usize = 40;
/// So many kinds are told apart. More at a time share the last one.
const KINDS: usize = 16;
/// So many seconds of lines a kind has ahead.
const AHEAD: u32 = 100;
/// A longer line, in bytes, counts as several.
const LINE: usize = 256;
/// So much, in bytes, is kept of a line that was left out, to show which it was.
const SHOWN: usize = 120;
/// How often it is told what was left out.
const TOLD: Duration = Duration::from_secs(1);

/// What one stream of a service may still write.
#[derive(Debug)]
pub(super) struct Limit {
    /// Lines a second of each kind.
    rate: u32,
    kinds: Vec<Kind>,
    /// That of the last line, of which more pieces may come.
    last: usize,
}

#[derive(Debug)]
struct Kind {
    id: u64,
    /// How many lines it has ahead.
    ahead: u32,
    /// Until when `ahead` has been reckoned.
    since: Instant,
    left_out: Option<LeftOut>,
}

#[derive(Debug)]
struct LeftOut {
    count: u64,
    first: Vec<u8>,
    tell_at: Instant,
}

impl Limit {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate,
            kinds: Vec::new(),
            last: 0,
        }
    }

    /// Whether this line is written; if not, it is counted. `goes_on` for a piece of the
    /// line before.
    pub(super) fn admits(&mut self, line: &[u8], goes_on: bool, now: Instant) -> bool {
        if !goes_on || self.kinds.is_empty() {
            self.last = self.place(id(line), now);
        }
        let most = self.rate.saturating_mul(AHEAD);
        let kind = &mut self.kinds[self.last];
        kind.reckon(self.rate, now);
        let cost = u32::try_from(1 + line.len() / LINE).unwrap_or(u32::MAX);
        if kind.ahead >= cost.min(most) {
            kind.ahead -= cost.min(most);
            return true;
        }
        let left_out = kind.left_out.get_or_insert_with(|| LeftOut {
            count: 0,
            first: line[..line.len().min(SHOWN)].to_vec(),
            tell_at: now + TOLD,
        });
        left_out.count += 1;
        false
    }

    /// Where the kind is, which takes the place of one that has all of its lines ahead.
    fn place(&mut self, id: u64, now: Instant) -> usize {
        if let Some(at) = self.kinds.iter().position(|kind| kind.id == id) {
            return at;
        }
        let most = self.rate.saturating_mul(AHEAD);
        let kind = Kind {
            id,
            ahead: most,
            since: now,
            left_out: None,
        };
        if self.kinds.len() < KINDS {
            self.kinds.push(kind);
            return self.kinds.len() - 1;
        }
        for (at, other) in self.kinds.iter_mut().enumerate() {
            other.reckon(self.rate, now);
            if other.ahead == most && other.left_out.is_none() {
                *other = kind;
                return at;
            }
        }
        KINDS - 1
    }

    /// When there is something to tell.
    pub(super) fn tells_at(&self) -> Option<Instant> {
        let left_out = self.kinds.iter().filter_map(|kind| kind.left_out.as_ref());
        left_out.map(|it| it.tell_at).min()
    }

    /// What was left out, to be told now.
    pub(super) fn tell(&mut self, now: Instant) -> Vec<String> {
        let due = |it: &mut LeftOut| it.tell_at <= now;
        let kinds = self.kinds.iter_mut();
        let left_out = kinds.filter_map(|kind| kind.left_out.take_if(due));
        left_out.map(|it| it.told()).collect()
    }

    /// Tells all of it, since no more follows.
    pub(super) fn tell_all(&mut self) -> Vec<String> {
        let kinds = self.kinds.iter_mut();
        let left_out = kinds.filter_map(|kind| kind.left_out.take());
        left_out.map(|it| it.told()).collect()
    }
}

impl Kind {
    /// Adds what the seconds have brought that have passed.
    fn reckon(&mut self, rate: u32, now: Instant) {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.since += Duration::from_secs(seconds.into());
        let more = self.ahead.saturating_add(rate.saturating_mul(seconds));
        self.ahead = more.min(rate.saturating_mul(AHEAD));
    }
}

impl LeftOut {
    fn told(&self) -> String {
        let lines = if self.count == 1 { "line" } else { "lines" };
        let first = exit::escape(&self.first);
        format!("left out {} {lines} like {first}", self.count)
    }
}

fn id(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let beginning = line.iter().filter(|byte| !byte.is_ascii_digit());
    for byte in beginning.take(BEGINNING) {
        hasher.write_u8(*byte);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 10;

    fn garbage(number: u32) -> String {
        format!(
            "2026/11/29 22:24:{number:02} [ERR] memberlist: Decrypt packet failed: from={number}"
        )
    }

    fn admitted(limit: &mut Limit, lines: impl Iterator<Item = String>, now: Instant) -> usize {
        lines
            .filter(|line| limit.admits(line.as_bytes(), false, now))
            .count()
    }

    #[test]
    fn a_flood_is_cut_to_the_lines_ahead_and_those_of_each_second() {
        let mut limit = Limit::new(RATE);
        let start = Instant::now();
        let mut passed = Vec::new();
        for second in 0..5 {
            let now = start + Duration::from_secs(second);
            let told = limit.tell(now);
            assert_eq!(told.len(), usize::from(second > 0), "{told:?}");
            passed.push(admitted(&mut limit, (0..10_000).map(garbage), now));
        }
        assert_eq!(passed, [1000, 10, 10, 10, 10]);
        let told = limit.tell_all();
        assert_eq!(told.len(), 1);
        let first = "left out 9990 lines like 2026/11/29 22:24:10 [ERR] memberlist";
        assert!(told[0].starts_with(first), "{told:?}");
        assert!(limit.tells_at().is_none() && limit.tell_all().is_empty());
    }

    #[test]
    fn other_lines_of_the_service_get_through_a_flood() {
        let mut limit = Limit::new(RATE);
        let now = Instant::now();
        admitted(&mut limit, (0..10_000).map(garbage), now);
        assert!(limit.admits(b"serf-nodes: added s1 10.0.0.1", false, now));
        assert!(limit.admits(b"2026/11/29 [INFO] serf: EventMemberJoin: s1", false, now));
    }

    #[test]
    fn any_number_of_kinds_has_an_end_too() {
        let mut limit = Limit::new(RATE);
        let now = Instant::now();
        let letters = |mut number: u32| {
            let mut text = String::new();
            for _ in 0..6 {
                text.push(char::from(b'a' + (number % 26) as u8));
                number /= 26;
            }
            text
        };
        let passed = admitted(&mut limit, (0..100_000).map(letters), now);
        let most = RATE as usize * AHEAD as usize * KINDS;
        assert!(passed <= most, "{passed}");
        assert!(limit.kinds.len() == KINDS);
        // Once a kind has all of its lines ahead, another one can have its place.
        let later = now + Duration::from_secs(u64::from(AHEAD));
        limit.tell_all();
        let line = b"serf-nodes: added s1";
        assert!(limit.admits(line, false, later));
        assert!(limit.kinds.iter().any(|kind| kind.id == id(line)));
        assert_eq!(limit.kinds.len(), KINDS);
    }

    #[test]
    fn a_line_without_end_is_many_lines_of_one_kind() {
        let mut limit = Limit::new(RATE);
        let now = Instant::now();
        let mut bytes = 0;
        for piece in 0..1000_u32 {
            let text = char::from(b'a' + (piece % 26) as u8)
                .to_string()
                .repeat(8192);
            if limit.admits(text.as_bytes(), piece > 0, now) {
                bytes += text.len();
            }
        }
        assert!(bytes <= (RATE * AHEAD) as usize * LINE, "{bytes}");
        assert_eq!(limit.kinds.len(), 1);
    }
}
