//! A small web server in this process, and clients for it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How long `/slow` takes.
pub(crate) const SLOW: Duration = Duration::from_millis(1500);

/// Shorter than HAProxy has patience, with `inter 1s`.
const SLOW_CHECK: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Facts {
    sick: AtomicBool,
    slow_check: AtomicBool,
    checking: AtomicBool,
    over: AtomicBool,
    requests: AtomicUsize,
    /// Requests that came while it failed its health check.
    early: AtomicUsize,
}

/// Answers every request with its name, and HEAD, the health check, as told.
pub(crate) struct Node {
    address: SocketAddr,
    facts: Arc<Facts>,
}

impl Node {
    pub(crate) fn start(name: &str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("bind the node");
        let facts = Arc::new(Facts::default());
        let (shared, name) = (Arc::clone(&facts), name.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, name) = (Arc::clone(&shared), name.clone());
                std::thread::spawn(move || serve(&stream, &name, &shared));
            }
        });
        Self { address, facts }
    }

    pub(crate) fn set_sick(&self, sick: bool) {
        self.facts.sick.store(sick, Ordering::SeqCst);
    }

    /// Checks take half a second from now on.
    pub(crate) fn slow_down_checks(&self) {
        self.facts.slow_check.store(true, Ordering::SeqCst);
    }

    pub(crate) fn wait_for_check(&self, under_way: bool) {
        harness::wait_for("a check to begin or end", Duration::from_secs(30), || {
            (self.facts.checking.load(Ordering::SeqCst) == under_way).then_some(())
        });
    }

    /// Health checks do not count.
    pub(crate) fn requests(&self) -> usize {
        self.facts.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn early_requests(&self) -> usize {
        self.facts.early.load(Ordering::SeqCst)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.facts.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, name: &str, facts: &Facts) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = head(&mut reader) {
        let sick = facts.sick.load(Ordering::SeqCst);
        let check = request.starts_with("HEAD");
        if !check {
            facts.requests.fetch_add(1, Ordering::SeqCst);
            facts.early.fetch_add(usize::from(sick), Ordering::SeqCst);
        }
        if check && facts.slow_check.load(Ordering::SeqCst) {
            facts.checking.store(true, Ordering::SeqCst);
            std::thread::park_timeout(SLOW_CHECK);
            facts.checking.store(false, Ordering::SeqCst);
        }
        if request.starts_with("GET /slow") {
            std::thread::park_timeout(SLOW);
        }
        let status = if check && sick { "503 Sick" } else { "200 OK" };
        let body = if check { "" } else { name };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The lines up to the empty one; None where the connection has ended.
fn head(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    loop {
        let length = reader.read_line(&mut text).ok()?;
        if length == 0 {
            return None;
        }
        if text.ends_with("\r\n\r\n") {
            return Some(text);
        }
    }
}

/// A client with one connection, opened again where the server said so.
pub(crate) struct Client {
    address: SocketAddr,
    keep_alive: bool,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, keep_alive: bool) -> Self {
        Self {
            address,
            keep_alive,
            connection: None,
        }
    }

    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(30))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    /// The body of a 200; everything else is an error, never tried again.
    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<String> {
        let kept = self.connection.take();
        let mut connection = kept.map_or_else(|| self.connect(), Ok)?;
        let close = if self.keep_alive {
            ""
        } else {
            "Connection: close\r\n"
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{close}\r\n");
        connection.get_mut().write_all(request.as_bytes())?;
        let head = head(&mut connection)
            .ok_or(ErrorKind::UnexpectedEof)?
            .to_lowercase();
        let length = head
            .split_once("content-length: ")
            .map_or("0", |(_, rest)| rest);
        let length = length
            .split("\r\n")
            .next()
            .unwrap_or("0")
            .parse()
            .unwrap_or(0);
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        if !head.starts_with("http/1.1 200") {
            return Err(std::io::Error::other(head));
        }
        if self.keep_alive && !head.contains("connection: close") {
            self.connection = Some(connection);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}
