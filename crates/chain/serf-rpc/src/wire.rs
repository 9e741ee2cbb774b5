//! The messages of the agent's RPC, which have no frame: each is a `MessagePack` value.

use std::fmt;

use anyhow::Context as _;
use exit::escape;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The number of the first request of a connection.
pub const HANDSHAKE: u64 = 0;
/// The number of the request that shows the key.
pub const AUTH: u64 = 1;
/// The first number that is free for questions.
pub const FIRST_QUESTION: u64 = 2;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    command: &'a str,
    seq: u64,
}

/// What comes before each answer, and is the whole of some.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply<'a> {
    /// The number of the question.
    pub seq: u64,
    /// Why the agent refuses; empty when it does not.
    #[serde(borrow, default)]
    pub error: Bytes<'a>,
}

/// A string from the agent, which need not be UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
        Ok(Bytes(bytes))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Bytes<'de>, E> {
        Ok(Bytes(text.as_bytes()))
    }
}

/// The first requests on a connection. They are sent without waiting for answers, since an agent
/// that refuses one says which.
pub fn greeting(key: Option<&str>) -> anyhow::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Handshake {
        version: u8,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Auth<'a> {
        auth_key: &'a str,
    }
    let mut bytes = request("handshake", HANDSHAKE, Some(&Handshake { version: 1 }))?;
    if let Some(auth_key) = key {
        bytes.extend(request("auth", AUTH, Some(&Auth { auth_key }))?);
    }
    Ok(bytes)
}

/// A question with its number, and what some commands want to know besides.
pub fn request<T: Serialize>(command: &str, seq: u64, body: Option<&T>) -> anyhow::Result<Vec<u8>> {
    let mut bytes = encode(&Request { command, seq })?;
    if let Some(body) = body {
        bytes.extend(encode(body)?);
    }
    Ok(bytes)
}

fn encode(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).context("write a question to the agent")
}

/// Reads the head of an answer.
pub fn reply(bytes: &[u8]) -> anyhow::Result<Reply<'_>> {
    rmp_serde::from_slice(bytes).context("understand the agent's answer")
}

/// What to tell of an agent that refuses, with what can be done.
#[must_use]
pub fn complaint(error: &[u8], has_key: bool) -> String {
    let advice = match error {
        b"Invalid authentication token" => "the agent refuses the key in --rpc-key-file: ",
        b"Authentication required" if !has_key => {
            "the agent asks for a key, which --rpc-key-file can give: "
        }
        _ => "the agent refuses: ",
    };
    format!("{advice}{}", escape(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_strings_are_understood() {
        let head = [
            &[0x82, 0xa3][..],
            b"Seq",
            &[7, 0xa5],
            b"Error",
            &[0xc4, 2, b'n', b'o'],
        ];
        let bytes = head.concat();
        let reply = reply(&bytes).unwrap();
        assert_eq!((reply.seq, reply.error.0), (7, &b"no"[..]));
    }

    #[test]
    fn a_key_that_is_wrong_or_missing_is_told_with_what_to_do() {
        assert_eq!(
            complaint(b"Invalid authentication token", true),
            "the agent refuses the key in --rpc-key-file: Invalid authentication token"
        );
        assert_eq!(
            complaint(b"Authentication required", false),
            "the agent asks for a key, which --rpc-key-file can give: Authentication required"
        );
        assert_eq!(
            complaint(b"no\nall is well", false),
            "the agent refuses: no\\nall is well"
        );
    }
}
