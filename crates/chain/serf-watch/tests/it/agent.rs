//! An agent of the tests' own, which speaks Serf's RPC and lies when it is told to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use harness::wait_for;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::watcher::LONG;

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) addr: String,
    pub(crate) port: u16,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) status: String,
    pub(crate) protocol_max: u8,
}

/// What the agent does with a question for its members.
#[derive(Clone)]
pub(crate) enum Answer {
    Honest,
    /// It sends the right bytes, one at a time.
    Slowly,
    Nothing,
    /// It sends bytes that are no answer.
    Lie(Vec<u8>),
    /// It sends half of the answer, and ends the connection.
    Half,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Reply<'a> {
    pub(crate) seq: u64,
    pub(crate) error: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    command: String,
    seq: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Auth {
    auth_key: String,
}

struct State {
    members: Vec<Member>,
    answer: Answer,
    key: Option<String>,
    asked: usize,
    accepted: usize,
    streams: Vec<TcpStream>,
    /// The connections that follow the log, each with the number of its question.
    monitors: Vec<(TcpStream, u64)>,
    closing: bool,
}

pub(crate) struct Agent {
    pub(crate) rpc: String,
    state: Arc<Mutex<State>>,
    accepts: Option<JoinHandle<()>>,
}

pub(crate) fn member(name: &str) -> Member {
    Member {
        name: name.to_owned(),
        addr: "\u{7f}\0\0\u{1}".to_owned(),
        port: 7946,
        tags: BTreeMap::from([("role".to_owned(), "backend".to_owned())]),
        status: "alive".to_owned(),
        protocol_max: 5,
    }
}

/// The address of the RPC of an agent whose own address ends with `host`.
pub(crate) fn rpc(host: &str) -> String {
    format!("{}:7373", harness::address(host))
}

pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Agent {
    /// Starts one at the address of this process that ends with `host`.
    pub(crate) fn start(host: &str) -> Agent {
        Agent::with_key(host, None)
    }

    pub(crate) fn with_key(host: &str, key: Option<&str>) -> Agent {
        let rpc = rpc(host);
        let listener = TcpListener::bind(&rpc).unwrap();
        let state = Arc::new(Mutex::new(State {
            members: vec![member("ha")],
            answer: Answer::Honest,
            key: key.map(str::to_owned),
            asked: 0,
            accepted: 0,
            streams: Vec::new(),
            monitors: Vec::new(),
            closing: false,
        }));
        let shared = Arc::clone(&state);
        let accepts = Some(std::thread::spawn(move || accept(&listener, &shared)));
        Agent {
            rpc,
            state,
            accepts,
        }
    }

    pub(crate) fn set(&self, members: Vec<Member>) {
        lock(&self.state).members = members;
    }

    pub(crate) fn add(&self, name: &str) {
        lock(&self.state).members.push(member(name));
    }

    pub(crate) fn answer(&self, answer: Answer) {
        lock(&self.state).answer = answer;
    }

    pub(crate) fn asked(&self) -> usize {
        lock(&self.state).asked
    }

    pub(crate) fn accepted(&self) -> usize {
        lock(&self.state).accepted
    }

    pub(crate) fn wait_asked(&self, times: usize) {
        wait_for("a question for the members", LONG, || {
            (self.asked() >= times).then_some(())
        });
    }

    /// Sends a line of the log to everybody who follows it.
    pub(crate) fn log(&self, line: &str) {
        let mut state = lock(&self.state);
        for (stream, seq) in &mut state.monitors {
            let _ = stream.write_all(&record(*seq, line));
        }
    }

    /// The connection that follows the log, so that a test can write anything to it.
    pub(crate) fn monitor(&self) -> (TcpStream, u64) {
        wait_for("somebody to follow the log", LONG, || {
            let state = lock(&self.state);
            let (stream, seq) = state.monitors.last()?;
            Some((stream.try_clone().unwrap(), *seq))
        })
    }
}

pub(crate) fn record(seq: u64, line: &str) -> Vec<u8> {
    [
        encode(&Reply { seq, error: "" }),
        encode(&BTreeMap::from([("Log", line)])),
    ]
    .concat()
}

impl Drop for Agent {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.closing = true;
        for stream in &state.streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // The thread that accepts connections sees it with the next one.
        let _ = TcpStream::connect(&self.rpc);
        let _ = self.accepts.take().unwrap().join();
    }
}

fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        let mut locked = lock(state);
        if locked.closing {
            return;
        }
        locked.accepted += 1;
        locked.streams.push(stream.try_clone().unwrap());
        drop(locked);
        let shared = Arc::clone(state);
        std::thread::spawn(move || {
            // It fails when the other side has ended the connection, or this one has.
            let _ = serve(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> Result<(), Box<dyn std::error::Error>> {
    let key = lock(state).key.clone();
    let mut has_shown = key.is_none();
    loop {
        let Request { command, seq } = rmp_serde::from_read(stream)?;
        let mut error = "";
        match command.as_str() {
            "handshake" => drop(rmp_serde::from_read::<_, IgnoredAny>(stream)?),
            "auth" => {
                let auth: Auth = rmp_serde::from_read(stream)?;
                has_shown = key == Some(auth.auth_key);
                error = if has_shown {
                    ""
                } else {
                    "Invalid authentication token"
                };
            }
            _ if !has_shown => error = "Authentication required",
            "monitor" => {
                rmp_serde::from_read::<_, IgnoredAny>(stream)?;
                stream.write_all(&encode(&Reply { seq, error }))?;
                lock(state).monitors.push((stream.try_clone()?, seq));
                continue;
            }
            "members-filtered" => {
                rmp_serde::from_read::<_, IgnoredAny>(stream)?;
                members(stream, seq, state)?;
                continue;
            }
            other => return Err(other.into()),
        }
        stream.write_all(&encode(&Reply { seq, error }))?;
    }
}

fn members(mut stream: &TcpStream, seq: u64, state: &Mutex<State>) -> io::Result<()> {
    // The lock is held while the answer is written, so that no line of the log comes between.
    let mut state = lock(state);
    state.asked += 1;
    let list = encode(&BTreeMap::from([("Members", &state.members)]));
    let bytes = [encode(&Reply { seq, error: "" }), list].concat();
    match &state.answer {
        Answer::Honest => stream.write_all(&bytes),
        Answer::Slowly => bytes.iter().try_for_each(|byte| stream.write_all(&[*byte])),
        Answer::Nothing => Ok(()),
        Answer::Lie(lie) => stream.write_all(lie),
        Answer::Half => {
            stream.write_all(&bytes[..bytes.len() / 2])?;
            Err(io::Error::other("told to"))
        }
    }
}
