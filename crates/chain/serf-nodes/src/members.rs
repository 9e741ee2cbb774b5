//! The member list, as `serf members -format=json` prints it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use files::{Links, open_regular};
use serde::{Deserialize, Deserializer};

/// How much is read at most, in bytes: Serf itself exchanges at most 20 MB of state.
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// How long its writer may take. The lock is held meanwhile, so that an older list never
/// overwrites a newer one.
const LONGEST: Duration = Duration::from_secs(30);
/// The names of streams that the caller has opened, as a shell names its pipes. To open
/// such a name again does not wait.
const STREAMS: [&str; 3] = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];

/// One member. A name that was not UTF-8 has U+FFFD in it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Member<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) addr: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) status: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "tags_or_null")]
    pub(crate) tags: Tags<'a>,
}

/// The tags that this program uses. An empty tag means the same as an absent one.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Tags<'a> {
    #[serde(borrow, default)]
    pub(crate) role: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) port: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) weight: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) service: Cow<'a, str>,
}

impl Member<'_> {
    pub(crate) fn role(&self) -> &str {
        &self.tags.role
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.status == "alive"
    }
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, deserialize_with = "list_or_null")]
    members: Option<Vec<Member<'a>>>,
}

fn tags_or_null<'de, D: Deserializer<'de>>(input: D) -> Result<Tags<'de>, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// Accepts `null`, which Serf writes if there are no members. Unlike a plain `Option`
/// this still requires the field, without which the text is not Serf's list.
fn list_or_null<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Vec<Member<'de>>>, D::Error> {
    Option::deserialize(input)
}

/// Reads the text of the list from a file, or from stdin if it is `-`.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = if path == Path::new("-") {
        limit::read_to_end(io::stdin(), MAX_LIST + 1, LONGEST)
    } else if STREAMS.iter().any(|folder| path.starts_with(folder)) {
        File::open(path).and_then(|file| limit::read_to_end(file, MAX_LIST + 1, LONGEST))
    } else {
        open_regular(path, Links::Follow).and_then(|(file, _)| {
            let mut bytes = Vec::new();
            file.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    };
    let bytes = bytes.with_context(|| format!("read the member list {}", path.display()))?;
    if bytes.len() as u64 > MAX_LIST {
        bail!("read the member list: it is larger than {MAX_LIST} bytes");
    }
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Parses the list.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Member<'_>>> {
    if text.trim_ascii().is_empty() {
        bail!("read the member list: it is empty, so `serf members` has failed");
    }
    let list: List<'_> = serde_json::from_str(text)
        .context("read the member list, which is not what `serf members -format=json` prints")?;
    Ok(list.members.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_of_serf_is_read_with_its_tags() {
        let list = parse(include_str!("../tests/fixtures/members.json")).unwrap();
        let s1 = list.iter().find(|member| member.name == "s1").unwrap();
        assert_eq!(
            (s1.addr.as_ref(), s1.role()),
            ("127.0.47.2:7946", "backend")
        );
        assert_eq!(s1.tags.port, "8080");
        assert!(s1.is_alive());
        let s2 = list.iter().find(|member| member.name == "s2").unwrap();
        assert_eq!((s2.status.as_ref(), s2.role()), ("left", ""));
    }

    #[test]
    fn no_members_are_an_empty_list() {
        for text in [r#"{"members": null}"#, r#"{"members": []}"#] {
            assert!(parse(text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn fields_that_are_missing_or_null_cost_only_their_member() {
        let list = parse(r#"{"members":[{"name":"s1","tags":null},{"x":1}]}"#).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!((list[0].role(), list[1].name.as_ref()), ("", ""));
    }

    #[test]
    fn what_is_no_list_is_told() {
        for (text, why) in [
            ("", "`serf members` has failed"),
            ("\n", "`serf members` has failed"),
            ("{}", "missing field `members`"),
            ("[]", "invalid"),
            (r#"{"members": [{"na"#, "EOF"),
            ("Error connecting to Serf agent", "expected value"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}|\\{\"members\":\\PC{0,60}\\}") {
            let _ = parse(&text);
        }
    }
}
