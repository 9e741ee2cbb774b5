//! Tries the bind addresses of a file before a reload. A new HAProxy that finds one
//! of them taken would stop the old one's listeners for 2 s before it gives up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::bail;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use haproxy_config::Listener;

/// Fails if `listeners` have an address on which the process `pid` does not listen
/// yet and which cannot be bound. `environment` is HAProxy's own.
pub(crate) fn probe(
    listeners: &[Listener],
    environment: &BTreeMap<String, String>,
    pid: u32,
) -> anyhow::Result<()> {
    let listening = listening();
    let mut own = own_sockets(pid);
    own.retain(|inode| listening.iter().any(|socket| socket.inode == *inode));
    let value = |name: &str| environment.get(name).cloned();
    let addresses = listeners
        .iter()
        .flat_map(|listener| listener.tcp_addresses(&value));
    for address in addresses {
        probe_one(address, &listening, &own)?;
    }
    Ok(())
}

fn probe_one(
    address: SocketAddr,
    listening: &[Listening],
    own: &BTreeSet<u64>,
) -> anyhow::Result<()> {
    // HAProxy always listens somewhere, so an empty set means that we may not see its
    // sockets. Then each listening socket may be one of them.
    let is_own = |socket: &Listening| own.is_empty() || own.contains(&socket.inode);
    if listening
        .iter()
        .any(|socket| socket.address == address && is_own(socket))
    {
        return Ok(());
    }
    let taken = || {
        listening
            .iter()
            .any(|socket| socket.meets(address) && !is_own(socket))
    };
    match try_bind(address) {
        Err(Errno::EADDRINUSE) if taken() => bail!("bind {address}: another program listens there"),
        Err(Errno::EADDRNOTAVAIL) => bail!("bind {address}: this machine has no such address"),
        // Any other error, such as having no right to bind port 80, may be ours alone.
        _ => Ok(()),
    }
}

/// Binds the address and releases it. It never listens, so it takes no connection
/// from anybody. Without `SO_REUSEPORT` it fails with `EADDRINUSE` even where HAProxy
/// could share the port with another program.
fn try_bind(address: SocketAddr) -> Result<(), Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))
}

/// A listening TCP socket in this network namespace.
#[derive(Debug, PartialEq, Eq)]
struct Listening {
    address: SocketAddr,
    inode: u64,
}

impl Listening {
    /// Whether the two addresses cannot both be bound.
    fn meets(&self, other: SocketAddr) -> bool {
        let (one, two) = (self.address.ip().to_canonical(), other.ip().to_canonical());
        self.address.port() == other.port()
            && (one == two || one.is_unspecified() || two.is_unspecified())
    }
}

fn listening() -> Vec<Listening> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.map(|path| std::fs::read_to_string(path).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines().filter_map(row))
        .collect()
}

/// Parses a line of `/proc/net/tcp`, if it is a listening socket. The columns are
/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`.
fn row(line: &str) -> Option<Listening> {
    const LISTEN: &str = "0A";
    let columns: Vec<&str> = line.split_whitespace().collect();
    if *columns.get(3)? != LISTEN {
        return None;
    }
    let (ip, port) = columns[1].split_once(':')?;
    let address = SocketAddr::new(hex_ip(ip)?, u16::from_str_radix(port, 16).ok()?);
    Some(Listening {
        address,
        inode: columns.get(9)?.parse().ok()?,
    })
}

/// Parses an address, of which the kernel prints each group of four bytes as a number
/// in the machine's byte order.
fn hex_ip(hex: &str) -> Option<IpAddr> {
    let groups = hex.as_bytes().chunks(8).map(|group| {
        let text = std::str::from_utf8(group).ok()?;
        Some(u32::from_str_radix(text, 16).ok()?.to_ne_bytes())
    });
    let bytes = groups.collect::<Option<Vec<_>>>()?.concat();
    match bytes.len() {
        4 => Some(<[u8; 4]>::try_from(bytes).ok()?.into()),
        16 => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
        _ => None,
    }
}

/// The inodes of a process's sockets; empty if we may not see them.
fn own_sockets(pid: u32) -> BTreeSet<u64> {
    let directory = Path::new("/proc").join(pid.to_string()).join("fd");
    let inode = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        target
            .to_str()?
            .strip_prefix("socket:[")?
            .strip_suffix(']')?
            .parse()
            .ok()
    };
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.flatten().filter_map(inode).collect()
}

#[cfg(test)]
mod tests;
