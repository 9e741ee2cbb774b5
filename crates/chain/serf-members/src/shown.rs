//! The list as `serf members -format=json` shows it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serf_rpc::{Bytes, Member};

/// The whole of the output. Like Serf's, it has null for a list of nobody.
pub(crate) fn json(list: &[Member]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct List<'a> {
        members: Option<Vec<Shown<'a>>>,
    }
    let shown = list.iter().map(Shown);
    let members = Some(shown.collect()).filter(|_| !list.is_empty());
    serde_json::to_string_pretty(&List { members }).map(|text| exit::json(&text) + "\n")
}

struct Shown<'a>(&'a Member<'a>);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Protocol {
            max: u8,
            min: u8,
            version: u8,
        }
        let member = self.0;
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("name", &text(member.name))?;
        map.serialize_entry("addr", &address(member))?;
        map.serialize_entry("port", &member.port)?;
        map.serialize_entry("tags", &member.tags.as_ref().map(|_| Tags(member)))?;
        map.serialize_entry("status", &text(member.status))?;
        map.serialize_entry(
            "protocol",
            &Protocol {
                max: member.delegate_max,
                min: member.delegate_min,
                version: member.delegate_cur,
            },
        )?;
        map.end()
    }
}

struct Tags<'a>(&'a Member<'a>);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tags = self.0.tags.iter().flatten();
        serializer.collect_map(tags.map(|(key, value)| (text(*key), text(*value))))
    }
}

/// The text with U+FFFD for each byte that is not UTF-8, as Go has it.
fn text(bytes: Bytes) -> String {
    let mut text = String::with_capacity(bytes.0.len());
    for chunk in bytes.0.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text
}

/// The address as Go shows it, also one that is none.
fn address(member: &Member) -> String {
    let bytes = member.addr.map_or(&[][..], |addr| addr.0);
    match member.ip() {
        Some(ip) => SocketAddr::new(ip, member.port).to_string(),
        None if bytes.is_empty() => format!(":{}", member.port),
        None => {
            let mut text = String::from("?");
            for byte in bytes {
                let _ = write!(text, "{byte:02x}");
            }
            let _ = write!(text, ":{}", member.port);
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(name: &'a [u8], addr: &'a [u8]) -> Member<'a> {
        Member {
            name: Bytes(name),
            addr: Some(Bytes(addr)),
            port: 7946,
            tags: Some([(Bytes(b"role"), Bytes(b"backend"))].into()),
            status: Bytes(b"alive"),
            delegate_min: 2,
            delegate_max: 5,
            delegate_cur: 4,
        }
    }

    #[test]
    fn a_member_has_the_fields_of_serf_in_its_layout() {
        let expected = r#"{
  "members": [
    {
      "name": "s1",
      "addr": "127.0.48.2:7946",
      "port": 7946,
      "tags": {
        "role": "backend"
      },
      "status": "alive",
      "protocol": {
        "max": 5,
        "min": 2,
        "version": 4
      }
    }
  ]
}
"#;
        assert_eq!(json(&[member(b"s1", &[127, 0, 48, 2])]).unwrap(), expected);
    }

    #[test]
    fn nobody_is_null() {
        assert_eq!(json(&[]).unwrap(), "{\n  \"members\": null\n}\n");
    }

    #[test]
    fn each_byte_that_is_not_utf8_is_a_replacement() {
        assert_eq!(text(Bytes(b"a\xe2\x98b\xff")), "a\u{fffd}\u{fffd}b\u{fffd}");
    }

    #[test]
    fn addresses_are_shown_as_go_shows_them() {
        let show = |addr: &[u8]| address(&member(b"s1", addr));
        assert_eq!(
            show(&[0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            "[fd77::1]:7946"
        );
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert_eq!(show(&mapped), "10.0.0.1:7946");
        assert_eq!(show(&[]), ":7946");
        assert_eq!(show(&[1, 2, 3]), "?010203:7946");
    }
}
