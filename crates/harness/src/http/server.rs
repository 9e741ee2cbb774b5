//! As much of a web server as tests need.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::thread;

/// Gives each connection that comes to `address` to `serve`, in a thread of its own, for as
/// long as the process lives. Returns the address, whose port may have been 0.
///
/// # Panics
/// When it cannot listen there.
#[track_caller]
pub fn serve(
    address: impl ToSocketAddrs,
    serve: impl Fn(&mut Peer) + Send + Clone + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(address).expect("listen as a web server");
    let address = listener.local_addr().expect("ask where it listens");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(&mut Peer::new(stream)));
        }
    });
    address
}

/// A client that is connected.
#[derive(Debug)]
pub struct Peer(BufReader<TcpStream>);

impl Peer {
    fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self(BufReader::new(stream))
    }

    /// The head of its next request; `None` when it has ended the connection.
    pub fn request(&mut self) -> Option<String> {
        let mut head = String::new();
        while self.0.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {
            if head.ends_with("\r\n\r\n") {
                return Some(head);
            }
        }
        None
    }

    /// Sends `text` as it is. A client that is gone needs no answer.
    pub fn send(&mut self, text: &str) {
        let _ = self.0.get_mut().write_all(text.as_bytes());
    }

    /// Sends an answer with this status, such as `200 OK`, and this body.
    pub fn answer(&mut self, status: &str, body: &str) {
        let length = body.len();
        self.send(&format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }
}
