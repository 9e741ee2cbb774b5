//! What an agent answers at its RPC port: a stream of values, the head of an answer, and the
//! list, which becomes JSON.

use serf_rpc::{Stats, Values, complaint, members, reply};

use crate::shown;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

fn holds(bytes: &[u8]) {
    assert_parts_are_as_the_whole(bytes);
    let _ = Stats::parse(bytes);
    if let Ok(reply) = reply(bytes) {
        let told = complaint(reply.error.0, false);
        assert!(!told.chars().any(char::is_control), "{told:?}");
    }
    let Ok(list) = members(bytes) else {
        return;
    };
    // What a decoder takes for a list is one value for who looks for its end, but for types
    // that no agent sends.
    if let Ok(value) = Values::default().next(bytes) {
        assert!(value.is_some(), "a list has no end");
    }
    let text = shown::json(&list).expect("a list can be shown");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON is shown");
    let shown = json["members"].as_array().map_or(0, Vec::len);
    assert_eq!(shown, list.len());
    for member in &list {
        assert_eq!(member.ip().map(|ip| ip.to_canonical()), member.ip());
    }
}

/// Values end at the same places, however the bytes come.
fn assert_parts_are_as_the_whole(bytes: &[u8]) {
    let mut whole = Values::default();
    let mut ends = Vec::new();
    let verdict = loop {
        match whole.next(bytes) {
            Ok(Some(value)) => ends.push(value.end),
            other => break other.err(),
        }
    };
    let (mut parts, mut buffer, mut gone) = (Values::default(), Vec::new(), 0);
    let mut found = Vec::new();
    let mut refused = None;
    'all: for part in bytes.chunks(7) {
        buffer.extend_from_slice(part);
        loop {
            match parts.next(&buffer) {
                Ok(Some(value)) => found.push(gone + value.end),
                Ok(None) => break,
                Err(why) => {
                    refused = Some(why);
                    break 'all;
                }
            }
        }
        let forgotten = parts.forget();
        gone += forgotten;
        buffer.drain(..forgotten);
    }
    assert_eq!((found, refused), (ends, verdict));
}

#[cfg(test)]
#[test]
fn every_answer_of_the_corpus_holds() {
    harness::corpus("serf-rpc", holds);
}
