use super::*;

type Entry<'a> = (&'a [u8], &'a [u8], u8, &'a [(&'a str, &'a str)], &'a str);

/// The members as the agent sends them, in the old `MessagePack` format, which has one type for
/// strings and bytes.
fn list(members: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    raw(&mut bytes, b"Members");
    bytes.push(0x90 | u8::try_from(members.len()).unwrap());
    for (name, addr, port, tags, status) in members {
        bytes.push(0x86);
        raw(&mut bytes, b"Name");
        raw(&mut bytes, name);
        raw(&mut bytes, b"Addr");
        raw(&mut bytes, addr);
        raw(&mut bytes, b"Port");
        bytes.extend([0xcc, *port]);
        raw(&mut bytes, b"Tags");
        bytes.push(0x80 | u8::try_from(tags.len()).unwrap());
        for (key, value) in *tags {
            raw(&mut bytes, key.as_bytes());
            raw(&mut bytes, value.as_bytes());
        }
        raw(&mut bytes, b"Status");
        raw(&mut bytes, status.as_bytes());
        raw(&mut bytes, b"ProtocolMax");
        bytes.push(5);
    }
    bytes
}

fn raw(bytes: &mut Vec<u8>, text: &[u8]) {
    assert!(text.len() < 32);
    bytes.push(0xa0 | u8::try_from(text.len()).unwrap());
    bytes.extend(text);
}

const IP: &[u8] = &[127, 0, 0, 1];

#[test]
fn the_order_of_members_and_tags_makes_no_difference() {
    let keys = RandomState::new();
    let (a, b) = (("role", "backend"), ("port", "80"));
    let one = list(&[
        (b"s1", IP, 1, &[a, b], "alive"),
        (b"s2", IP, 2, &[], "left"),
    ]);
    let other = list(&[
        (b"s2", IP, 2, &[], "left"),
        (b"s1", IP, 1, &[b, a], "alive"),
    ]);
    assert_eq!(
        hash_of_list(&one, &keys).unwrap(),
        hash_of_list(&other, &keys).unwrap()
    );
}

#[test]
fn every_field_makes_a_difference() {
    let keys = RandomState::new();
    let weight = |value| [("weight", value)];
    let lists = [
        list(&[]),
        list(&[(b"s1", IP, 1, &weight("1"), "alive")]),
        list(&[(b"s1", IP, 1, &weight("1"), "left")]),
        list(&[(b"s1", IP, 1, &weight("2"), "alive")]),
        list(&[(b"s1", IP, 2, &weight("1"), "alive")]),
        list(&[(b"s1", &[127, 0, 0, 2], 1, &weight("1"), "alive")]),
        list(&[(b"s2", IP, 1, &weight("1"), "alive")]),
        list(&[
            (b"s1", IP, 1, &weight("1"), "alive"),
            (b"s1", IP, 1, &weight("1"), "alive"),
        ]),
    ];
    let prints: Vec<_> = lists
        .iter()
        .map(|list| hash_of_list(list, &keys).unwrap())
        .collect();
    for (index, print) in prints.iter().enumerate() {
        assert!(!prints[..index].contains(print), "{index}");
    }
}

#[test]
fn names_that_are_not_utf8_are_told_apart() {
    let keys = RandomState::new();
    let one = list(&[(b"s\xff", b"", 1, &[], "alive")]);
    let other = list(&[(b"s\xfe", b"", 1, &[], "alive")]);
    assert_ne!(
        hash_of_list(&one, &keys).unwrap(),
        hash_of_list(&other, &keys).unwrap()
    );
}

#[test]
fn a_list_of_nobody_is_a_list() {
    let keys = RandomState::new();
    let mut nil = vec![0x81];
    raw(&mut nil, b"Members");
    nil.push(0xc0);
    assert_eq!(
        hash_of_list(&nil, &keys).unwrap(),
        hash_of_list(&list(&[]), &keys).unwrap()
    );
}

#[test]
fn what_is_not_a_list_is_no_empty_list() {
    let keys = RandomState::new();
    for bytes in [
        &[0x80][..],
        &[0x01],
        &[0x81, 0xa7, b'M', b'e', b'm', b'b', b'e', b'r', b's', 0x05],
    ] {
        assert!(hash_of_list(bytes, &keys).is_err(), "{bytes:?}");
    }
}

fn record(line: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    raw(&mut bytes, b"Log");
    bytes.extend([0xda, 0, u8::try_from(line.len()).unwrap()]);
    bytes.extend(line);
    bytes
}

#[test]
fn only_lines_about_changes_of_members_are_signs() {
    for line in [
        &b"2026/01/01 [INFO] serf: EventMemberJoin: s1 127.0.0.2"[..],
        b"2026/01/01 [DEBUG] serf: messageLeaveType: s\xff",
    ] {
        assert!(is_hint(&record(line), false).unwrap());
    }
    for line in [
        &b"2026/01/01 [INFO] agent.ipc: Accepted client: 127.0.0.1:55"[..],
        b"2026/01/01 [DEBUG] memberlist: Initiating push/pull sync with: s1",
        b"",
    ] {
        assert!(!is_hint(&record(line), true).unwrap());
    }
}

#[test]
fn a_member_that_stays_is_a_sign_only_where_one_is_leaving() {
    let stays = record(b"2026/01/01 [DEBUG] serf: messageJoinType: s1");
    let leaving = |status| {
        let list = list(&[(b"s1", IP, 1, &[], status), (b"s2", IP, 2, &[], "alive")]);
        hash_of_list(&list, &RandomState::new()).unwrap().leaving
    };
    assert!(is_hint(&stays, leaving("leaving")).unwrap());
    for status in ["alive", "left", "failed"] {
        assert!(!is_hint(&stays, leaving(status)).unwrap(), "{status}");
    }
}
