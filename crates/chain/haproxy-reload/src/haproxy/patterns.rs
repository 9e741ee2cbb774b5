//! HAProxy's maps and ACLs: which it has loaded from files, their entries, and the commands
//! that replace all entries of one at once.

use anyhow::{Context, bail, ensure};

use super::commands::{LONGEST_LINE, told, word};
use haproxy_socket::Socket;

/// What stands behind the name of a map or ACL that comes from a file.
const FROM_FILE: &str = ") pattern loaded from file ";
/// The longest line of a file of which the entries are compared, in bytes: with an escape
/// for each it still fits into a command.
pub(crate) const LONGEST_ENTRY: usize = (LONGEST_LINE - 64) / 2;

/// HAProxy has the same commands for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Map,
    Acl,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Acl => "acl",
        }
    }
}

/// An entry. Those of ACLs have no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
}

impl Entry<'_> {
    /// The entry as HAProxy lists it.
    pub(crate) fn listed(&self) -> Vec<u8> {
        let mut listed = self.key.to_vec();
        if let Some(value) = self.value {
            listed.push(b' ');
            listed.extend_from_slice(value);
        }
        listed
    }

    /// Whether HAProxy lists it so.
    pub(crate) fn is(&self, listed: &[u8]) -> bool {
        let rest = listed.strip_prefix(self.key);
        match self.value {
            None => rest == Some(b""),
            Some(value) => rest.and_then(|rest| rest.strip_prefix(b" ")) == Some(value),
        }
    }
}

/// A map or an ACL that HAProxy has loaded from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) kind: Kind,
    id: u32,
    /// The file as the configuration names it.
    pub(crate) name: String,
}

/// What HAProxy says to new entries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    /// It objects to some, in these words, and all stay as they are.
    Refused(String),
}

/// The maps and ACLs of the worker `pid`; `None` if another one answers.
pub(crate) fn loaded(socket: &Socket, pid: u32) -> anyhow::Result<Option<Vec<Loaded>>> {
    let answer = socket.ask("show map;show acl;show info")?;
    Ok(is_of(&answer, pid)?.then(|| parse(&answer)))
}

pub(crate) fn parse(answer: &str) -> Vec<Loaded> {
    let mut all: Vec<Loaded> = Vec::new();
    let mut kind = None;
    for line in answer.lines() {
        if line.starts_with("# id ") {
            kind = Some(kind.map_or(Kind::Map, |_| Kind::Acl));
        } else if let Some(loaded) = kind.and_then(|kind| one(kind, line))
            // What is used as both counts as a map, since only its commands take it then.
            && all.iter().all(|other| other.id != loaded.id)
        {
            all.push(loaded);
        }
    }
    all
}

/// Parses a line such as `0 (/x/hosts.map) pattern loaded from file '/x/hosts.map' used ...`.
fn one(kind: Kind, line: &str) -> Option<Loaded> {
    let (id, rest) = line.split_once(" (")?;
    let (name, _) = rest.split_once(FROM_FILE)?;
    Some(Loaded {
        kind,
        id: id.parse().ok()?,
        name: name.to_owned(),
    })
}

/// Whether the process that gave an answer with `show info` in it is this one.
fn is_of(answer: &str, pid: u32) -> anyhow::Result<bool> {
    let mut pids = answer.lines().filter_map(|line| line.strip_prefix("Pid: "));
    let told = pids.next().context("HAProxy's answer is not whole")?;
    Ok(told == pid.to_string())
}

/// The entries of a map or an ACL.
pub(crate) struct Listing(Vec<u8>);

impl Listing {
    /// Asks for the entries; `None` if another worker than `pid` answers.
    pub(crate) fn ask(socket: &Socket, pid: u32, of: &Loaded) -> anyhow::Result<Option<Self>> {
        let (listing, info) = Self::question(socket, of, "")?;
        Ok(is_of(&info, pid)?.then_some(listing))
    }

    /// Asks for the entries of a version, or of the present one, and for who answers.
    fn question(socket: &Socket, of: &Loaded, version: &str) -> anyhow::Result<(Self, String)> {
        let question = format!("show {} {version}#{};show info", of.kind.name(), of.id);
        let mut answer = socket.ask_bytes(question.as_bytes())?;
        // An empty line ends the list.
        let mut pairs = answer.windows(2);
        let end = pairs
            .position(|pair| pair == b"\n\n")
            .map_or(0, |at| at + 1);
        let end = if answer.starts_with(b"\n") { 0 } else { end };
        let info = String::from_utf8_lossy(&answer[end..]).into_owned();
        answer.truncate(end);
        Ok((Self(answer), info))
    }

    fn has(&self, entries: &[Entry]) -> bool {
        let listed = self.entries();
        let mut pairs = entries.iter().zip(&listed);
        listed.len() == entries.len() && pairs.all(|(entry, listed)| entry.is(listed))
    }

    /// The entries in HAProxy's order, without the word that HAProxy puts before each.
    pub(crate) fn entries(&self) -> Vec<&[u8]> {
        let lines = self.0.split(|byte| *byte == b'\n');
        let entry = |line: &'_ [u8]| line.iter().position(|byte| *byte == b' ');
        lines
            .filter_map(|line| line.get(entry(line)? + 1..))
            .collect()
    }
}

/// Replaces all entries at once: no request sees a part of the new ones. It is an error if
/// HAProxy cannot do that.
pub(crate) fn replace(socket: &Socket, of: &Loaded, entries: &[Entry]) -> anyhow::Result<Verdict> {
    let (kind, id) = (of.kind.name(), of.id);
    let version = prepare(socket, of)?;
    let added = add(socket, of, version, entries).and_then(|verdict| {
        // Where the command is longer than its buffer, HAProxy 2.6 takes a part of it or none,
        // and mostly says nothing.
        let (listing, _) = Listing::question(socket, of, &format!("@{version} "))?;
        let is_whole = verdict != Verdict::Taken || listing.has(entries);
        ensure!(is_whole, "HAProxy has not taken all entries");
        Ok(verdict)
    });
    if !matches!(added, Ok(Verdict::Taken)) {
        // HAProxy would keep what it has taken until the next version. Where it does not answer
        // any more, the first error is the one to be told.
        let _ = socket.ask(&format!("clear {kind} @{version} #{id}"));
        return added;
    }
    let answer = socket.ask(&format!("commit {kind} @{version} #{id}"))?;
    ensure!(
        answer.trim().is_empty(),
        "HAProxy answers `{}`",
        told(&answer)
    );
    Ok(Verdict::Taken)
}

/// Begins a new version, and returns its number. A worker that has been replaced since has
/// other ids, but then the name behind the id is another one, or the number is not known.
fn prepare(socket: &Socket, of: &Loaded) -> anyhow::Result<u32> {
    let (kind, id) = (of.kind.name(), of.id);
    let answer = socket.ask(&format!("prepare {kind} #{id};show map;show acl"))?;
    let mut lines = answer.lines();
    let number = lines.find_map(|line| line.strip_prefix("New version created: "));
    let Some(number) = number else {
        let words = answer.lines().next().unwrap_or_default();
        bail!("HAProxy answers `{}` to `prepare {kind}`", told(words));
    };
    ensure!(
        parse(&answer).contains(of),
        "HAProxy has other maps than before"
    );
    number
        .trim()
        .parse()
        .context("read the number of the new version")
}

fn add(socket: &Socket, of: &Loaded, version: u32, entries: &[Entry]) -> anyhow::Result<Verdict> {
    for piece in pieces(of, version, entries) {
        let answer = socket.ask_bytes(&piece)?;
        let words = String::from_utf8_lossy(&answer);
        if words.trim().is_empty() {
            continue;
        }
        let words = told(&words);
        ensure!(!is_about_the_command(&words), "HAProxy answers `{words}`");
        return Ok(Verdict::Refused(words));
    }
    Ok(Verdict::Taken)
}

/// Whether HAProxy objects to the command, or to an entry that was cut off, and not to an
/// entry as it is.
fn is_about_the_command(words: &str) -> bool {
    let general = [
        "Missing value",
        "expects",
        "Version number",
        "identifier",
        "too long",
        "too big",
        "nknown command",
        "Permission",
    ];
    general.iter().any(|it| words.contains(it))
}

/// The commands that add the entries, in as few lines as possible. A map takes many in the
/// payload of one command, an ACL only one.
fn pieces(of: &Loaded, version: u32, entries: &[Entry]) -> Vec<Vec<u8>> {
    let command = format!("add {} @{version} #{}", of.kind.name(), of.id);
    let (begin, between) = match of.kind {
        Kind::Map => (format!("{command} <<\n"), ""),
        Kind::Acl => (String::new(), ";"),
    };
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for entry in entries {
        let line = match of.kind {
            Kind::Map => [&entry.listed(), &b"\n"[..]].concat(),
            Kind::Acl => [command.as_bytes(), b" ", &word(entry.key)].concat(),
        };
        match pieces.last_mut() {
            Some(piece) if piece.len() + line.len() < LONGEST_LINE => {
                piece.extend_from_slice(between.as_bytes());
                piece.extend(line);
            }
            _ => pieces.push([begin.as_bytes(), &line].concat()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: &str = "# id (file) description\n\
        0 (/x/a (b).map) pattern loaded from file '/x/a (b).map' used by map at file 'h' line 1. \
        curr_ver=0 next_ver=0 entry_cnt=2\n\
        5 (m.map) pattern loaded from file 'm.map' used by map at file 'h' line 2.\n\n\
        # id (file) description\n\
        3 (/x/i.acl) pattern loaded from file '/x/i.acl' used by acl at file 'h' line 3.\n\
        4 () acl 'req.hdr' file 'h' line 4. curr_ver=0 next_ver=0 entry_cnt=0\n\
        5 (m.map) pattern loaded from file 'm.map' used by map at file 'h' line 2.\n\n";

    fn acl() -> Loaded {
        Loaded {
            kind: Kind::Acl,
            id: 3,
            name: "/x/i.acl".to_owned(),
        }
    }

    #[test]
    fn both_lists_are_read_and_what_is_in_both_is_a_map() {
        let all = parse(LISTS);
        let told: Vec<_> = all.iter().map(|it| (it.kind, it.id, &*it.name)).collect();
        let expected = [
            (Kind::Map, 0, "/x/a (b).map"),
            (Kind::Map, 5, "m.map"),
            (Kind::Acl, 3, "/x/i.acl"),
        ];
        assert_eq!(told, expected);
        assert_eq!(all[2], acl());
    }

    #[test]
    fn another_worker_and_half_an_answer_are_known() {
        assert!(is_of("Name: HAProxy\nPid: 12\n", 12).unwrap());
        assert!(!is_of("Name: HAProxy\nPid: 123\n", 12).unwrap());
        assert!(is_of("Name: HAProxy\n", 12).is_err());
    }

    #[test]
    fn an_objection_to_the_length_of_a_command_is_none_to_an_entry() {
        // What 3.0 says if it has read more than its buffer holds before it looks for the end.
        let words = "The command is too big for the buffer size. Please change tune.bufsize";
        assert!(is_about_the_command(words));
        assert!(!is_about_the_command("unable to parse '300.1.1.1'"));
    }

    #[test]
    fn a_map_goes_in_payloads_and_an_acl_in_commands_and_none_is_too_long() {
        let (key, long) = (b"a;b c".as_slice(), vec![b'x'; 5_000]);
        let entry = |key, value| Entry { key, value };
        let pieces_of = |kind, entries: &[Entry]| pieces(&Loaded { kind, ..acl() }, 7, entries);
        let map = pieces_of(
            Kind::Map,
            &[entry(b"k", Some(b"v w")), entry(b"e", Some(b""))],
        );
        assert_eq!(map, [b"add map @7 #3 <<\nk v w\ne \n"]);
        let acl = pieces_of(Kind::Acl, &[entry(key, None), entry(b"d", None)]);
        assert_eq!(acl, [b"add acl @7 #3 a\\;b\\ c;add acl @7 #3 d"]);
        for (kind, value) in [(Kind::Map, Some(key)), (Kind::Acl, None)] {
            let pieces = pieces_of(kind, &[entry(&long, value); 5]);
            let lengths: Vec<bool> = pieces.iter().map(|it| it.len() < LONGEST_LINE).collect();
            assert_eq!(lengths, [true; 3]);
        }
        assert!(pieces_of(Kind::Map, &[]).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "(?s).*", length in 0..LISTS.len()) {
            let _ = parse(&text);
            let _ = parse(&LISTS[..length]);
            let _ = Listing(text.into_bytes()).entries();
        }
    }
}
