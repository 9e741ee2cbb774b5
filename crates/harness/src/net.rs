//! Addresses that no two runs of tests share.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::OnceLock;

/// The net of this process, and what keeps others from it: an abstract socket. The kernel
/// gives its name to one process at a time and takes it back however the process ends, and
/// the name belongs to the same network namespace as the addresses.
static NET: OnceLock<(u8, UnixListener)> = OnceLock::new();

/// The N of 127.N.x.y, which are addresses of this process alone, so that tests that run at
/// the same time on this machine never meet. Within a process each test takes an x of its
/// own. 127.0 is left to people.
///
/// # Panics
/// When all nets are taken.
pub fn net() -> u8 {
    let (net, _kept) = NET.get_or_init(|| {
        // Each process begins with another number, so that they do not all ask for the same nets.
        let first = std::process::id() % 254;
        let numbers = (0..254).filter_map(|n| u8::try_from(1 + (first + n) % 254).ok());
        let mut free = numbers.filter(|net| !is_used(*net));
        free.find_map(|net| Some((net, take(net)?)))
            .expect("take one of the loopback nets 127.1 to 127.254")
    });
    *net
}

/// An address of this process alone: `harness::address("60.1")` is 127.N.60.1.
pub fn address(rest: &str) -> String {
    format!("127.{}.{rest}", net())
}

fn take(net: u8) -> Option<UnixListener> {
    let name = format!("muster tests at 127.{net}");
    let address = SocketAddr::from_abstract_name(name).ok()?;
    UnixListener::bind_addr(&address).ok()
}

/// Whether anybody has a socket in a net: somebody else, or what a run of tests has left
/// that was killed.
fn is_used(net: u8) -> bool {
    ["tcp", "udp"].iter().any(|table| {
        let table = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        table.lines().any(|line| has_local(line, net))
    })
}

/// Whether the socket of a line of `/proc/net/tcp` or `udp` is in a net. The second word of
/// the line is `ADDRESS:PORT` in hexadecimal, the address as the machine has it in memory.
fn has_local(line: &str, net: u8) -> bool {
    let local = line.split_whitespace().nth(1);
    let address = local.and_then(|local| local.split(':').next());
    address
        .and_then(|address| u32::from_str_radix(address, 16).ok())
        .is_some_and(|address| address.to_ne_bytes()[..2] == [127, net])
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_process_has_one_that_nobody_else_gets() {
        assert_eq!(net(), net());
        assert!(net() > 0);
        assert!(take(net()).is_none());
    }

    #[test]
    fn one_on_which_somebody_listens_is_used() {
        let listener = TcpListener::bind((address("250.1"), 0)).unwrap();
        assert!(is_used(net()), "{listener:?}");
    }
}
