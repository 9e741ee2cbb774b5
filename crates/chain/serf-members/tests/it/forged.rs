//! Members that come and leave by packets alone, as many as a test wants.

use std::net::UdpSocket;

/// Tells the agent at `ip` that a member called `name` has joined, and that it has left. Packets
/// can be lost, and it makes no difference how often they come.
///
/// The formats are those of memberlist and Serf: the type of the message, then a map of
/// `MessagePack`.
pub(crate) fn leave(ip: &str, name: &str) {
    let node = [raw("Node"), raw(name)].concat();
    let addr = [&raw("Addr")[..], &[0xa4], &own(ip)].concat();
    let meta = [
        &raw("Meta")[..],
        &[0xaf, 0xff, 0x81],
        &raw("role"),
        &raw("backend"),
    ]
    .concat();
    // The lowest, highest and current versions of memberlist's protocol, then those of Serf's.
    let versions = [&raw("Vsn")[..], &[0xa6, 1, 5, 2, 2, 5, 4]].concat();
    let port = [&raw("Port")[..], &[0xcd, 0x1f, 0x0a]].concat();
    let incarnation = [&raw("Incarnation")[..], &[1]].concat();
    let time = [&raw("LTime")[..], &[0xcd, 0x03, 0xe8]].concat();
    let from = [raw("From"), raw(name)].concat();
    let alive = [
        &[4, 0x86],
        &incarnation[..],
        &node,
        &addr,
        &port,
        &meta,
        &versions,
    ]
    .concat();
    let leaves = [&[8, 0, 0x82], &time[..], &node].concat();
    let dead = [&[5, 0x83], &incarnation[..], &node, &from].concat();
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    for packet in [alive, leaves, dead] {
        socket.send_to(&packet, (ip, 7946)).unwrap();
    }
}

fn own(ip: &str) -> [u8; 4] {
    ip.parse::<std::net::Ipv4Addr>().unwrap().octets()
}

/// A short string in the old format that Serf speaks.
fn raw(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 32, "{text}");
    [&[0xa0 | length], text.as_bytes()].concat()
}
