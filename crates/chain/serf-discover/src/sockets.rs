//! The sockets of multicast DNS, on one interface, for each family that it has.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

use crate::link::Link;

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
const PORT: u16 = 5353;

/// The longest message that is read; a longer one is cut off, and so is none.
const LONGEST: usize = 4096;

/// A socket of one family, and the address of the group there.
#[derive(Debug)]
struct Way {
    socket: UdpSocket,
    group: SocketAddr,
}

/// One socket for each family.
#[derive(Debug)]
pub(crate) struct Sockets(Vec<Way>);

/// A message, and where it came in.
#[derive(Debug)]
pub(crate) struct Received {
    /// The message.
    pub(crate) message: Vec<u8>,
    /// Who sent it.
    pub(crate) from: SocketAddr,
    way: usize,
}

impl Sockets {
    /// Sockets that ask: answers come to them alone, also where another program has the
    /// port of multicast DNS.
    pub(crate) fn asking(link: &Link) -> anyhow::Result<Self> {
        Self::open(link, false)
    }

    /// Sockets that hear what is asked. They share the port with other programs.
    pub(crate) fn answering(link: &Link) -> anyhow::Result<Self> {
        Self::open(link, true)
    }

    fn open(link: &Link, hears: bool) -> anyhow::Result<Self> {
        let mut ways = Vec::new();
        if let Some(own) = link.v4() {
            ways.push(v4(own, hears).context("open a socket for multicast by IPv4")?);
        }
        if link.has_v6() {
            ways.push(v6(link.index, hears).context("open a socket for multicast by IPv6")?);
        }
        Ok(Self(ways))
    }

    /// Sends to all on the link; an error where no family could.
    pub(crate) fn send_to_all(&self, message: &[u8]) -> anyhow::Result<()> {
        let send = |way: &Way| way.socket.send_to(message, way.group);
        let results: Vec<_> = self.0.iter().map(send).collect();
        if results.iter().any(Result::is_ok) {
            return Ok(());
        }
        match results.into_iter().find_map(Result::err) {
            Some(error) => Err(error).context("send by multicast"),
            None => bail!("send by multicast: the interface has no address"),
        }
    }

    /// Answers whoever sent `question`: by multicast, as it was asked, where the sender
    /// speaks all of multicast DNS.
    pub(crate) fn reply(&self, question: &Received, message: &[u8]) -> io::Result<()> {
        let way = &self.0[question.way];
        let to = if question.from.port() == PORT {
            way.group
        } else {
            question.from
        };
        way.socket.send_to(message, to).map(drop)
    }

    /// The next message; none where there is none until `deadline`.
    pub(crate) fn receive(&self, deadline: Option<Instant>) -> anyhow::Result<Option<Received>> {
        loop {
            for (way, it) in self.0.iter().enumerate() {
                let mut buffer = [0; LONGEST];
                match it.socket.recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        let message = buffer[..length].to_vec();
                        return Ok(Some(Received { message, from, way }));
                    }
                    Err(error) if is_of_no_weight(&error) => {}
                    Err(error) => return Err(error).context("receive by multicast"),
                }
            }
            let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.wait(left)?;
        }
    }

    fn wait(&self, left: Option<Duration>) -> anyhow::Result<()> {
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            let milliseconds = left.as_micros().div_ceil(1000);
            PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
        });
        let ways = self.0.iter();
        let mut asked: Vec<_> = ways
            .map(|way| PollFd::new(way.socket.as_fd(), PollFlags::POLLIN))
            .collect();
        match poll(&mut asked, timeout) {
            Err(Errno::EINTR) | Ok(_) => Ok(()),
            Err(error) => Err(error).context("wait for a message"),
        }
    }
}

/// Nothing there, or somebody to whom we have sent has nobody who listens.
fn is_of_no_weight(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        WouldBlock | Interrupted | ConnectionRefused | HostUnreachable
    )
}

fn v4(own: Ipv4Addr, hears: bool) -> io::Result<Way> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    let group = SocketAddr::from((GROUP_V4, PORT));
    socket.set_multicast_if_v4(&own)?;
    socket.set_multicast_ttl_v4(255)?;
    if hears {
        socket.set_reuse_address(true)?;
        // Else groups that others have joined on other interfaces would be heard as well.
        socket.set_multicast_all_v4(false)?;
        // At the group's own address, so that nothing is taken from others at this port.
        socket.bind(&group.into())?;
        socket.join_multicast_v4(&GROUP_V4, &own)?;
    } else {
        socket.bind(&SocketAddr::from((own, 0)).into())?;
    }
    way(socket, group)
}

fn v6(index: u32, hears: bool) -> io::Result<Way> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    let group = SocketAddr::V6(SocketAddrV6::new(GROUP_V6, PORT, 0, index));
    socket.set_only_v6(true)?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_hops_v6(255)?;
    if hears {
        socket.set_reuse_address(true)?;
        socket.set_multicast_all_v6(false)?;
        socket.bind(&group.into())?;
        socket.join_multicast_v6(&GROUP_V6, index)?;
    } else {
        let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        socket.bind(&SocketAddr::new(any, 0).into())?;
    }
    way(socket, group)
}

fn way(socket: Socket, group: SocketAddr) -> io::Result<Way> {
    socket.set_nonblocking(true)?;
    let socket = socket.into();
    Ok(Way { socket, group })
}
