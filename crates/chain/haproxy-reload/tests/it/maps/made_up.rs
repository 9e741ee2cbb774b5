//! Files of maps and ACLs that a seed makes, with all that their syntax knows.

use crate::compare::chance::Chance;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Text,
    Number,
    Address,
    Expression,
}

/// Bytes that mean something to a file or to a command, and some that are no text.
const BYTES: [&[u8]; 24] = [
    b"a",
    b"b",
    b"ab",
    b"#",
    b"\\",
    b"\"",
    b"'",
    b";",
    b"<",
    b"<<",
    b"@",
    b"@1",
    b"=",
    b",",
    b"(",
    b")",
    b"%[src]",
    b"$A",
    b"\x7f",
    b"\x01",
    b"\xff",
    b"\xc3\xa4",
    b"!",
    b"|",
];
const NUMBERS: [&[u8]; 5] = [b"0", b"1", b"17", b"5:9", b"1000:"];
const ADDRESSES: [&[u8]; 7] = [
    b"127.0.0.1",
    b"10.0.0.0/8",
    b"10.1.0.0/16",
    b"::1",
    b"2001:db8::/32",
    b"0.0.0.0/0",
    b"192.168.0.0/255.255.0.0",
];
const EXPRESSIONS: [&[u8]; 8] = [
    b"^a",
    b"b$",
    b"[a-z]+",
    b"(a|b)\\.c",
    b"\\d{2,3}",
    b"a;b",
    b"#a",
    b"\"'",
];
const ENDS: [&[u8]; 5] = [b"\n", b"\n", b"\n", b"\r\n", b"\r x\n"];
const BLANKS: [&[u8]; 5] = [b" ", b"\t", b"  ", b" \t ", b"\t\t"];

pub(super) fn file(chance: &mut Chance, what: Use) -> Vec<u8> {
    let mut content = Vec::new();
    for _ in 0..chance.number(0, 12) {
        content.extend(line(chance, what));
        content.extend(chance.pick(&ENDS));
    }
    // The last line may have no end.
    if chance.one_in(3) {
        content.extend(line(chance, what));
    }
    content
}

fn line(chance: &mut Chance, what: Use) -> Vec<u8> {
    match chance.number(0, 9) {
        0 => Vec::new(),
        1 => chance.pick(&BLANKS).to_vec(),
        2 => [b"#".to_vec(), text(chance)].concat(),
        _ => {
            let before = if chance.one_in(4) {
                chance.pick(&BLANKS)
            } else {
                b""
            };
            [before.to_vec(), entry(chance, what)].concat()
        }
    }
}

fn entry(chance: &mut Chance, what: Use) -> Vec<u8> {
    let mut entry = key(chance, what);
    // Behind an address or a number nothing may stand in an ACL, and in an expression only
    // what is one.
    let more: fn(&mut Chance) -> Vec<u8> = match what {
        Use::Text => text,
        Use::Expression => |chance| chance.pick(&EXPRESSIONS).to_vec(),
        Use::Number | Use::Address => return entry,
    };
    for _ in 0..chance.number(0, 3) {
        entry.extend(chance.pick(&BLANKS));
        entry.extend(more(chance));
    }
    if chance.one_in(4) {
        entry.extend(chance.pick(&BLANKS));
    }
    entry
}

fn key(chance: &mut Chance, what: Use) -> Vec<u8> {
    match what {
        Use::Text => [b"k".to_vec(), text(chance)].concat(),
        Use::Number => chance.pick(&NUMBERS).to_vec(),
        Use::Address => chance.pick(&ADDRESSES).to_vec(),
        Use::Expression => chance.pick(&EXPRESSIONS).to_vec(),
    }
}

fn text(chance: &mut Chance) -> Vec<u8> {
    let parts = (0..chance.number(0, 4)).map(|_| chance.pick(&BYTES));
    parts.collect::<Vec<_>>().concat()
}
