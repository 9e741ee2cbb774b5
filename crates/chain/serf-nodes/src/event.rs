//! One Serf event, in the form in which an event handler gets it.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use exit::escape;

/// The longest line that is accepted, in bytes, with its line feed.
const MAX_LINE: usize = 4096;
/// How much is read of one event, in bytes.
const MAX_EVENT: usize = 1024 * 1024;
/// How long its sender may take; Serf has written it at once.
const LONGEST: Duration = Duration::from_secs(30);
/// How much of a refused line is shown, in bytes.
const SHOWN: usize = 40;

/// The event of a member that has said that it leaves.
pub(crate) const LEAVE: &str = "member-leave";

/// What happened, according to `SERF_EVENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `member-join`
    Join,
    /// `member-update`
    Update,
    /// `member-leave`, `member-failed` or `member-reap`
    Gone(&'static str),
    /// `user` or `query`, which say nothing about members
    Other,
}

impl Kind {
    pub(crate) fn parse(event: &str) -> Option<Self> {
        match event {
            "member-join" => Some(Self::Join),
            "member-update" => Some(Self::Update),
            LEAVE => Some(Self::Gone(LEAVE)),
            "member-failed" => Some(Self::Gone("member-failed")),
            "member-reap" => Some(Self::Gone("member-reap")),
            "user" | "query" => Some(Self::Other),
            _ => None,
        }
    }

    /// The lab's log line for the event as a whole; `None` if the event is not about
    /// members.
    pub(crate) fn triggered(self) -> Option<&'static str> {
        match self {
            Self::Join => Some("Member join script triggered"),
            Self::Update | Self::Gone(_) => Some("Member leave/join script triggered"),
            Self::Other => None,
        }
    }

    /// The lab's log line for one member.
    pub(crate) fn received(self, member: &EventMember<'_>) -> String {
        let event = match self {
            Self::Join => "join",
            Self::Update => "member-update",
            Self::Gone(event) => event,
            Self::Other => "other",
        };
        let (host, role) = (escape(member.name), escape(member.role));
        format!("Member {event} event received from: {host} with role {role}")
    }
}

/// One line of an event. The fourth column, the tags, is left out: Serf escapes
/// neither `,` nor `=` in it, so the tags cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventMember<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) address: &'a [u8],
    pub(crate) role: &'a [u8],
}

/// The content of stdin.
#[derive(Debug, Default)]
pub(crate) struct Event {
    bytes: Vec<u8>,
    cut: bool,
}

/// The members of an event, and the reasons for which other lines are refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines<'a> {
    pub(crate) members: Vec<EventMember<'a>>,
    pub(crate) refused: Vec<String>,
}

impl Event {
    /// Reads at most a megabyte, since Serf never sends a larger event.
    pub(crate) fn read(input: impl AsFd) -> io::Result<Self> {
        let bytes = limit::read_to_end(input, MAX_EVENT as u64 + 1, LONGEST)?;
        Ok(Self::of(bytes))
    }

    pub(crate) fn of(mut bytes: Vec<u8>) -> Self {
        let cut = bytes.len() > MAX_EVENT;
        bytes.truncate(MAX_EVENT);
        Self { bytes, cut }
    }

    /// Parses the lines. A bad line does not affect the good ones.
    pub(crate) fn lines(&self) -> Lines<'_> {
        let mut lines = Lines::default();
        for line in self.bytes.split_inclusive(|byte| *byte == b'\n') {
            // An event that is too large was cut off, so its last line is incomplete.
            if self.cut && !line.ends_with(b"\n") {
                break;
            }
            match parse(line) {
                Ok(member) => lines.members.push(member),
                Err(why) => lines.refused.push(why),
            }
        }
        if self.cut {
            let why = format!("refused the event's rest: it is longer than {MAX_EVENT} bytes");
            lines.refused.push(why);
        }
        lines
    }
}

fn parse(line: &[u8]) -> Result<EventMember<'_>, String> {
    let start = escape(&line[..line.len().min(SHOWN)]);
    if line.len() > MAX_LINE {
        let length = line.len();
        return Err(format!(
            "refused a line of {length} bytes, above {MAX_LINE}: '{start}'"
        ));
    }
    let ended = line.strip_suffix(b"\n");
    let mut fields = ended.unwrap_or(line).split(|byte| *byte == b'\t');
    let member = (fields.next(), fields.next(), fields.next());
    // A role at the end of a line without a line feed may be incomplete.
    let whole = ended.is_some() || fields.next().is_some();
    match member {
        (Some(name), Some(address), Some(role)) if whole => Ok(EventMember {
            name,
            address,
            role,
        }),
        _ => Err(format!(
            "refused a line that is not name, address and role, separated by TAB: '{start}'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(bytes: &[u8]) -> Event {
        Event::of(bytes.to_vec())
    }

    fn member<'a>(name: &'a str, address: &'a str, role: &'a str) -> EventMember<'a> {
        EventMember {
            name: name.as_bytes(),
            address: address.as_bytes(),
            role: role.as_bytes(),
        }
    }

    #[test]
    fn every_event_of_serf_is_known_and_no_other() {
        for known in [
            "member-join",
            "member-update",
            "member-leave",
            "member-failed",
            "member-reap",
            "user",
            "query",
        ] {
            assert!(Kind::parse(known).is_some(), "{known}");
        }
        for unknown in ["", "join", "member-joined", "MEMBER-JOIN"] {
            assert_eq!(Kind::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_labs_lines_are_word_for_word() {
        let s1 = member("s1", "10.0.0.1", "backend");
        let join = Kind::parse("member-join").unwrap();
        assert_eq!(join.triggered(), Some("Member join script triggered"));
        assert_eq!(
            join.received(&s1),
            "Member join event received from: s1 with role backend"
        );
        let leave = Kind::parse("member-leave").unwrap();
        assert_eq!(
            leave.triggered(),
            Some("Member leave/join script triggered")
        );
        assert_eq!(
            leave.received(&s1),
            "Member member-leave event received from: s1 with role backend"
        );
        assert_eq!(Kind::Other.triggered(), None);
    }

    #[test]
    fn a_hostile_name_shows_in_escaped_form() {
        let hostile = Kind::Join.received(&member("a\r\x1b", "", "b\u{7f}"));
        assert_eq!(
            hostile,
            r"Member join event received from: a\r\x1b with role b\x7f"
        );
    }

    #[test]
    fn several_members_come_in_one_event_and_a_role_may_be_missing() {
        let event = event(b"a\t10.0.0.1\tbackend\trole=backend\ns2\t127.0.1.3\t\t\n");
        assert_eq!(
            event.lines().members,
            [
                member("a", "10.0.0.1", "backend"),
                member("s2", "127.0.1.3", "")
            ]
        );
    }

    #[test]
    fn a_line_by_hand_needs_no_tags() {
        let by_hand = event(b"s1\t10.0.0.1\tbackend\n");
        assert_eq!(
            by_hand.lines().members,
            [member("s1", "10.0.0.1", "backend")]
        );
    }

    #[test]
    fn a_role_that_may_be_cut_short_is_refused() {
        assert!(event(b"s1\t10.0.0.1\tbackend").lines().members.is_empty());
        assert_eq!(
            event(b"s1\t10.0.0.1\tbackend\trole=b")
                .lines()
                .members
                .len(),
            1
        );
    }

    #[test]
    fn lines_that_are_too_long_or_no_member_leave_the_good_ones() {
        let long = format!("{}\t10.0.0.1\tbackend\t\n", "x".repeat(5000));
        let text = format!("{long}\nno tabs\ns1\t10.0.0.1\tbackend\t\n");
        let event = event(text.as_bytes());
        let lines = event.lines();
        assert_eq!(lines.members, [member("s1", "10.0.0.1", "backend")]);
        assert_eq!(lines.refused.len(), 3, "{:?}", lines.refused);
        assert!(lines.refused[0].starts_with("refused a line of 5019 bytes"));
    }

    #[test]
    fn what_comes_after_a_megabyte_is_refused_and_told() {
        let line = format!("s1\t10.0.0.1\tbackend\t{}\n", "t".repeat(4000));
        let event = event(line.repeat(300).as_bytes());
        let lines = event.lines();
        assert_eq!(lines.members.len(), MAX_EVENT / line.len());
        assert_eq!(lines.refused.len(), 1);
        assert!(lines.refused[0].contains("longer than 1048576 bytes"));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_taken_or_told_in_printable_form(bytes: Vec<u8>) {
            let event = event(&bytes);
            let lines = event.lines();
            let ends = bytes.split_inclusive(|byte| *byte == b'\n').count();
            prop_assert_eq!(lines.members.len() + lines.refused.len(), ends);
            for told in lines.refused {
                prop_assert!(told.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            }
        }
    }
}
