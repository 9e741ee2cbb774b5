//! A running web application, and how it is asked.

use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use harness::http::{self, Failure, Request, Response};
use harness::{Owned, wait_for};
use nix::sys::signal::Signal;

pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_webapp"));
    for name in [
        "WEBAPP_LISTEN",
        "SERVER_IP",
        "SERVER_NAME",
        "SERVER_TAG",
        "TAG",
        "WEBAPP_LOG",
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
    address: SocketAddrV4,
    process: Owned,
}

impl Node {
    /// Starts one at the address with this number, with what `more` adds to its command.
    pub(crate) fn start(host: u8, more: impl FnOnce(&mut Command)) -> Node {
        let address = address(host);
        let mut command = program();
        command.args(["--listen", &address]);
        more(&mut command);
        let mut node = Node {
            address: address.parse().unwrap(),
            process: Owned::start(&mut command).unwrap(),
        };
        wait_for("the node to listen", LONG, || {
            assert!(node.process.runs(), "the node has ended: {}", node.said());
            TcpStream::connect(node.address).ok()
        });
        node
    }

    pub(crate) fn plain(host: u8) -> Node {
        Node::start(host, |_| ())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the node to end", LONG, || {
            self.process.child().try_wait().unwrap()
        })
    }

    /// What it wrote to stderr. It must have ended.
    pub(crate) fn said(&mut self) -> String {
        let stderr = self.process.child().stderr.take();
        std::io::read_to_string(stderr.unwrap()).unwrap()
    }

    pub(crate) fn connect(&self) -> Connection {
        let address = SocketAddr::V4(self.address);
        Connection(http::Connection::open(address, deadline()).unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let mut connection = self.connect();
        connection.send(method, path, headers, body);
        connection.answer()
    }

    pub(crate) fn get(&self, headers: &str) -> Response {
        self.ask("GET", "/", headers, "")
    }

    pub(crate) fn head(&self) -> Response {
        self.ask("HEAD", "/", "", "")
    }

    pub(crate) fn delay(&self, body: &str) -> Response {
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

    /// Whether a line of /proc/net/tcp is a connection of ours that is established, has nothing
    /// in its receive queue, and was accepted: before that it has no inode.
    fn is_attended(&self, line: &str) -> bool {
        let fields: Vec<_> = line.split_whitespace().collect();
        let ip = u32::from_ne_bytes(self.address.ip().octets());
        let local = format!("{ip:08X}:{:04X}", self.address.port());
        fields[1] == local
            && fields[3] == "01"
            && fields[4].ends_with(":00000000")
            && fields[9] != "0"
    }
}

pub(crate) struct Connection(http::Connection);

impl Connection {
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let request = Request {
            method,
            path,
            headers,
            body,
        };
        self.0.send(&request, deadline()).unwrap();
    }

    pub(crate) fn answer(&mut self) -> Response {
        self.0.answer(deadline()).expect("an answer in time")
    }

    /// Waits for the other side to close; whatever else comes is a failure.
    pub(crate) fn closed(&mut self) {
        assert_eq!(self.0.wait_for_end(deadline()), Ok::<(), Failure>(()));
    }
}

fn deadline() -> Instant {
    Instant::now() + LONG
}

/// The session's cookie, to be sent back.
pub(crate) fn cookie(page: &Response) -> String {
    let id = field(page, "id");
    format!("cookie: other=1; NODESESSID={id}\r\n")
}

/// The text of a field of the page, without its quotes.
pub(crate) fn field(page: &Response, name: &str) -> String {
    let page: serde_json::Value = serde_json::from_slice(&page.body).expect("a page");
    let field = &page[name];
    let text = field.as_str().map(str::to_owned);
    text.unwrap_or_else(|| field.to_string())
}
