//! A running web application, and a client that sees every byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use harness::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_webapp"));
    for name in [
        "WEBAPP_LISTEN",
        "SERVER_IP",
        "SERVER_NAME",
        "SERVER_TAG",
        "TAG",
    ] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Where the node of this number listens.
pub(crate) fn address(host: u8) -> String {
    format!("{}:3000", harness::address(&format!("65.{host}")))
}

/// A node on an address of its own; it is killed when it goes out of scope.
pub(crate) struct Node {
    address: String,
    child: Child,
}

impl Node {
    /// At an address of this process that ends in this number.
    pub(crate) fn start(host: u8, more: impl FnOnce(&mut Command)) -> Node {
        let address = address(host);
        let mut command = program();
        command.args(["--listen", &address]);
        more(&mut command);
        let mut node = Node {
            address,
            child: command.spawn().unwrap(),
        };
        let address = node.address.clone();
        wait_for("the node to listen", LONG, || {
            assert!(
                node.child.try_wait().unwrap().is_none(),
                "the node has ended: {}",
                node.said()
            );
            TcpStream::connect(&address).ok()
        });
        node
    }

    pub(crate) fn plain(host: u8) -> Node {
        Node::start(host, |_| ())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the node to end", LONG, || self.child.try_wait().unwrap())
    }

    /// What it wrote to stderr; only once it has ended.
    pub(crate) fn said(&mut self) -> String {
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Connection {
            stream,
            unread: Vec::new(),
            head_only: false,
        }
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut connection = self.connect();
        connection.send(method, path, headers, body);
        connection.answer()
    }

    pub(crate) fn get(&self, headers: &str) -> Answer {
        self.ask("GET", "/", headers, "")
    }

    pub(crate) fn head(&self) -> Answer {
        self.ask("HEAD", "/", "", "")
    }

    pub(crate) fn delay(&self, body: &str) -> Answer {
        self.ask("POST", "/delay", "", body)
    }

    /// Waits until so many connections are open, accepted, and all that was sent on them is read.
    pub(crate) fn wait_for_connections(&self, wanted: usize) {
        wait_for("the connections to be accepted and read", LONG, || {
            let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let open = table.lines().filter(|line| self.is_attended(line)).count();
            (open == wanted).then_some(())
        });
    }

    /// A line of /proc/net/tcp: established, nothing in the receive queue, owned by somebody (one
    /// that was not accepted yet has no inode).
    fn is_attended(&self, line: &str) -> bool {
        let fields: Vec<_> = line.split_whitespace().collect();
        let SocketAddr::V4(address) = self.address.parse().unwrap() else {
            return false;
        };
        let ip = u32::from_ne_bytes(address.ip().octets());
        let local = format!("{ip:08X}:{:04X}", address.port());
        fields[1] == local
            && fields[3] == "01"
            && fields[4].ends_with(":00000000")
            && fields[9] != "0"
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    head_only: bool,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: node\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        self.head_only = method == "HEAD";
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let end = self.read_until(|bytes| find(bytes, b"\r\n\r\n").map(|at| at + 4));
        let head = String::from_utf8(self.unread.drain(..end).collect())
            .unwrap()
            .to_lowercase();
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::new(),
        };
        if !self.head_only {
            let length = answer.header("content-length").unwrap().parse().unwrap();
            let end = self.read_until(|bytes| (bytes.len() >= length).then_some(length));
            answer.body = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        }
        answer
    }

    fn read_until(&mut self, mut found: impl FnMut(&[u8]) -> Option<usize>) -> usize {
        let mut part = [0; 4096];
        loop {
            if let Some(end) = found(&self.unread) {
                return end;
            }
            let length = self.stream.read(&mut part).expect("an answer in time");
            assert_ne!(length, 0, "the connection was closed before the answer");
            self.unread.extend_from_slice(&part[..length]);
        }
    }

    /// Waits for the other side to close; whatever else comes is a failure.
    pub(crate) fn closed(&mut self) {
        match self.stream.read(&mut [0; 64]) {
            Ok(0) => (),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => (),
            other => panic!("the connection is not closed: {other:?}"),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(": ").is_some_and(|(key, _)| key == name);
        let found = self.head.lines().find(|text| line(text))?;
        found.split_once(": ").map(|(_, value)| value)
    }

    /// The session's cookie, to be sent back.
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.field("id");
        format!("cookie: other=1; NODESESSID={cookie}\r\n")
    }

    /// The text of a field of the page, without its quotes.
    pub(crate) fn field(&self, name: &str) -> &str {
        let (_, rest) = self
            .body
            .split_once(&format!("\"{name}\":"))
            .expect("the field");
        rest.split([',', '}']).next().unwrap().trim_matches('"')
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
