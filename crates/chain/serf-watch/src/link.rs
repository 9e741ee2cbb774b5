//! The connection to the agent. It never blocks except while connecting.

use std::hash::RandomState;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::poll::PollFlags;

use crate::backoff::Backoff;
use crate::session::{News, Session};

const CONNECT: Duration = Duration::from_secs(1);

/// How long an answer may take. An agent that is pruning a member does not answer for 7 s,
/// although it is alive.
const SILENCE: Duration = Duration::from_secs(15);

/// How much is read before timers and signals get their turn: [`PARTS`] times this, in bytes.
const PART: usize = 64 * 1024;
const PARTS: usize = 8;

pub(crate) struct Link {
    stream: TcpStream,
    session: Session,
    pub(crate) since: Instant,
    asked: Option<Instant>,
}

impl Link {
    pub(crate) fn connect(address: &str, key: Option<&str>, keys: RandomState) -> Result<Link> {
        let stream =
            connect(address).with_context(|| format!("connect to the agent at {address}"))?;
        stream
            .set_nonblocking(true)
            .context("set up the connection to the agent")?;
        stream
            .set_nodelay(true)
            .context("set up the connection to the agent")?;
        let session = Session::new(key, keys)?;
        Ok(Link {
            stream,
            session,
            since: Instant::now(),
            asked: None,
        })
    }

    pub(crate) fn ask(&mut self, now: Instant) -> Result<()> {
        self.asked = Some(now);
        self.session.ask()?;
        self.send()
    }

    pub(crate) fn send(&mut self) -> Result<()> {
        while !self.session.outgoing().is_empty() {
            match self.stream.write(self.session.outgoing()) {
                Ok(sent) => drop(self.session.outgoing().drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error).context("write to the agent"),
            }
        }
        Ok(())
    }

    /// Reads what has arrived, up to a limit, so that an agent which never stops sending cannot
    /// keep the loop from its other work.
    pub(crate) fn receive(&mut self, news: &mut Vec<News>) -> Result<()> {
        let mut part = vec![0; PART];
        for _ in 0..PARTS {
            match self.stream.read(&mut part) {
                Ok(0) => bail!("the agent closed the connection"),
                Ok(length) => self.session.receive(&part[..length], news)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error).context("read from the agent"),
            }
        }
        if news.iter().any(|news| matches!(news, News::Members(_))) {
            self.asked = None;
        }
        Ok(())
    }

    /// When the answer that was asked for is overdue; `None` if there is none to wait for.
    pub(crate) fn overdue_at(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + SILENCE)
    }

    pub(crate) fn check(&self, now: Instant) -> Result<()> {
        if self.overdue_at().is_some_and(|at| at <= now) {
            bail!(
                "the agent has not answered for {}",
                humantime::format_duration(SILENCE)
            );
        }
        Ok(())
    }

    pub(crate) fn waits_for(&mut self) -> PollFlags {
        if self.session.outgoing().is_empty() {
            PollFlags::POLLIN
        } else {
            PollFlags::POLLIN | PollFlags::POLLOUT
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// When to try again to connect to an agent.
pub(crate) struct Redial {
    at: Instant,
    backoff: Backoff,
}

impl Redial {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(1);
    /// A connection that lasted less than this counts as a failed attempt, so that the pause
    /// keeps growing.
    const LIVED: Duration = Duration::from_secs(2);

    pub(crate) fn new(now: Instant) -> Redial {
        Redial {
            at: now,
            backoff: Backoff::new(Redial::SHORTEST, Redial::LONGEST),
        }
    }

    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    pub(crate) fn failed(&mut self, lived: Duration, now: Instant) {
        if lived >= Redial::LIVED {
            self.backoff.reset();
        }
        self.at = now + self.backoff.pause();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(redial: &mut Redial, lived: Duration, now: Instant) -> Vec<u128> {
        let pause = |_| {
            redial.failed(lived, now);
            (redial.at() - now).as_millis()
        };
        (0..6).map(pause).collect()
    }

    #[test]
    fn an_agent_that_is_not_there_is_looked_for_every_second_at_least() {
        let now = Instant::now();
        let mut redial = Redial::new(now);
        assert_eq!(redial.at(), now);
        assert_eq!(
            pauses(&mut redial, Duration::ZERO, now),
            [100, 200, 400, 800, 1000, 1000]
        );
    }

    #[test]
    fn one_that_was_there_for_a_while_is_looked_for_soon() {
        let now = Instant::now();
        let mut redial = Redial::new(now);
        pauses(&mut redial, Duration::ZERO, now);
        assert_eq!(pauses(&mut redial, Redial::LIVED, now)[..2], [100, 100]);
    }

    #[test]
    fn nobody_there_is_told_with_the_address() {
        let error = Link::connect("127.0.60.250:1", None, RandomState::new())
            .err()
            .unwrap();
        assert_eq!(
            format!("{error:#}"),
            "connect to the agent at 127.0.60.250:1: Connection refused (os error 111)"
        );
    }
}
