//! A client that asks and waits, until one deadline for all that it does.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::address::left_until;
use crate::stats::Stats;
use crate::values::Values;
use crate::{
    AUTH, Address, FIRST_QUESTION, Filter, HANDSHAKE, complaint, greeting, reply, request,
};

/// How much is read at once, in bytes.
const PART: usize = 64 * 1024;

/// A connection to an agent. Connecting, all questions and all answers together take no longer
/// than the time that it was made with, and no answer is larger than [`Values`] accepts.
pub struct Client {
    stream: TcpStream,
    limit: Duration,
    deadline: Instant,
    to_send: Vec<u8>,
    received: Vec<u8>,
    values: Values,
    next_seq: u64,
    has_key: bool,
}

impl Client {
    /// Connects to the agent. Whether it takes the key shows with the first answer.
    pub fn connect(address: &Address, key: Option<&str>, limit: Duration) -> Result<Self> {
        let deadline = Instant::now() + limit;
        let stream = address.connect(deadline);
        let stream = stream.with_context(|| format!("connect to the agent at {address}"))?;
        let set_up = stream.set_nodelay(true);
        set_up.context("set up the connection to the agent")?;
        Ok(Self {
            stream,
            limit,
            deadline,
            to_send: greeting(key)?,
            received: Vec::new(),
            values: Values::default(),
            next_seq: FIRST_QUESTION,
            has_key: key.is_some(),
        })
    }

    /// Asks for all members; [`crate::members`] reads the answer.
    pub fn members(&mut self) -> Result<Vec<u8>> {
        self.ask::<()>("members", None)
    }

    /// Asks for the members that a filter lets through; [`crate::members`] reads the answer.
    pub fn members_filtered(&mut self, filter: &Filter) -> Result<Vec<u8>> {
        self.ask("members-filtered", Some(filter))
    }

    /// Asks what the agent says of itself.
    pub fn stats(&mut self) -> Result<Stats> {
        Stats::parse(&self.ask::<()>("stats", None)?)
    }

    fn ask<T: Serialize>(&mut self, command: &str, body: Option<&T>) -> Result<Vec<u8>> {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.to_send.extend(request(command, seq, body)?);
        self.send()
            .map_err(|error| self.explain(error, "write to the agent"))?;
        loop {
            let value = self.next_value()?;
            let reply = reply(&value)?;
            if !reply.error.0.is_empty() {
                bail!("{}", complaint(reply.error.0, self.has_key));
            }
            match reply.seq {
                HANDSHAKE => (),
                AUTH if self.has_key => (),
                answered if answered == seq => return self.next_value(),
                other => bail!("the agent answered question {other}, which was not asked"),
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.to_send.is_empty() {
            let left = left_until(self.deadline)?;
            self.stream.set_write_timeout(Some(left))?;
            match self.stream.write(&self.to_send) {
                Ok(sent) => drop(self.to_send.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn next_value(&mut self) -> Result<Vec<u8>> {
        loop {
            match self.values.next(&self.received) {
                Ok(Some(place)) => {
                    let value = self.received[place].to_vec();
                    self.received.drain(..self.values.forget());
                    return Ok(value);
                }
                Ok(None) => (),
                Err(lie) => bail!("the agent sent {lie}"),
            }
            let read = self.receive();
            if read.map_err(|error| self.explain(error, "read from the agent"))? == 0 {
                bail!("the agent closed the connection");
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            let left = left_until(self.deadline)?;
            self.stream.set_read_timeout(Some(left))?;
            let old = self.received.len();
            self.received.resize(old + PART, 0);
            let read = self.stream.read(&mut self.received[old..]);
            self.received
                .truncate(old + read.as_ref().map_or(0, |read| *read));
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                result => return result,
            }
        }
    }

    fn explain(&self, error: io::Error, what: &'static str) -> anyhow::Error {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                let limit = humantime::format_duration(self.limit);
                anyhow::anyhow!("the agent has not answered within {limit}")
            }
            _ => anyhow::Error::new(error).context(what),
        }
    }
}
