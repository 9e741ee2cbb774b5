//! Where nodes can be: small web servers in this process, each with an agent beside it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How many sites a net has.
pub(crate) const SITES: u8 = 12;
/// The first net; its addresses 1 and 2 are those of the two HAProxy.
const NETS: u8 = 200;
/// Where the web servers listen, which is haproxy-gen's default for a node.
const PORT: u16 = 3000;
/// Where the agents listen.
pub(crate) const AGENT_PORT: u16 = 3001;
/// What an agent says unless it is told otherwise. It always says all that it can, since a
/// HAProxy that has heard less before would differ from a new one.
pub(crate) const READY: &str = "up ready 100%";
/// How a header of the binary PROXY protocol begins.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// How one that is text begins.
const TEXT: &[u8] = b"PROXY ";
/// How a handshake of TLS begins, which no site speaks.
const TLS: u8 = 0x16;
/// How long a client may take to end a connection that was ended here.
const LINGER: Duration = Duration::from_secs(5);

/// How the server at a site behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// It serves nobody who does not speak the PROXY protocol.
    Proxy,
    /// It fails HTTP checks.
    Sick,
    /// Nobody listens.
    Absent,
}

pub(crate) fn kind(site: u8) -> Kind {
    match site {
        8 | 9 => Kind::Proxy,
        10 => Kind::Sick,
        11 => Kind::Absent,
        _ => Kind::Plain,
    }
}

/// The sites of a net that one case has at a time. Their servers live as long as the process.
pub(crate) struct Sites {
    net: u8,
    words: Arc<Mutex<[&'static str; SITES as usize]>>,
    visits: Arc<Mutex<Visits>>,
}

/// How many connections came to each port of a site, by their source.
pub(crate) type Visits = BTreeMap<(u8, u16, Ipv4Addr), u32>;

impl Sites {
    /// Each thread that runs cases takes a slot of its own.
    pub(crate) fn new(slot: u8) -> Self {
        let sites = Self {
            net: NETS + slot,
            words: Arc::new(Mutex::new([READY; SITES as usize])),
            visits: Arc::default(),
        };
        for site in (0..SITES).filter(|site| kind(*site) != Kind::Absent) {
            sites.listen(site, PORT, move |stream| {
                let _ = serve(stream, site);
            });
        }
        for site in 0..SITES {
            let words = Arc::clone(&sites.words);
            sites.listen(site, AGENT_PORT, move |mut stream| {
                let word = words.lock().unwrap()[usize::from(site)];
                let _ = stream.write_all(format!("{word}\n").as_bytes());
                let _ = end(stream);
            });
        }
        sites
    }

    /// An address of this net.
    pub(crate) fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, harness::net(), self.net, last)
    }

    /// The address of a site.
    pub(crate) fn at(&self, site: u8) -> Ipv4Addr {
        self.address(201 + site)
    }

    /// The visits since the last time that this was asked.
    pub(crate) fn visits(&self) -> Visits {
        std::mem::take(&mut self.visits.lock().unwrap())
    }

    fn listen(
        &self,
        site: u8,
        port: u16,
        serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static,
    ) {
        let listener = TcpListener::bind((self.at(site), port)).expect("listen as a node");
        let visits = Arc::clone(&self.visits);
        thread::spawn(move || {
            // A check that only connects is never seen: HAProxy resets the connection before
            // it is whole.
            loop {
                let Ok((stream, from)) = listener.accept() else {
                    continue;
                };
                if let SocketAddr::V4(from) = from {
                    let mut visits = visits.lock().unwrap();
                    *visits.entry((site, port, *from.ip())).or_default() += 1;
                }
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
    }

    /// What the agents answer from now on.
    pub(crate) fn say(&self, words: [&'static str; SITES as usize]) {
        *self.words.lock().unwrap() = words;
    }
}

/// Answers each request with the site, the PROXY protocol and the client's address, if that
/// is none of the addresses that tell the two HAProxy apart.
fn serve(stream: TcpStream, site: u8) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let from = match stream.peer_addr()?.ip() {
        IpAddr::V4(ip) if ip.octets()[2] >= NETS && ip.octets()[3] <= 2 => "itself".to_owned(),
        ip => ip.to_string(),
    };
    let mut stream = BufReader::new(stream);
    let proxy = proxy_header(&mut stream)?;
    if stream.fill_buf()?.first() == Some(&TLS) {
        return end(stream.into_inner());
    }
    if proxy.is_empty() == (kind(site) == Kind::Proxy) {
        return hang_up(stream);
    }
    while let Some(head) = request(&mut stream)? {
        let is_check = !head.starts_with("GET /") || head.starts_with("GET /health");
        let answer = if is_check && kind(site) == Kind::Sick {
            "HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else if is_check {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            let body = format!("site {site} from {from} {proxy}");
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        stream.get_mut().write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Ends a connection without an answer. What the client sends is read first: an end that
/// comes before is another result of a check than one that comes later.
fn hang_up(mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
    stream.get_ref().set_read_timeout(Some(LINGER))?;
    request(&mut stream)?;
    end(stream.into_inner())
}

/// Ends a connection, and reads on until the client ends it too, since it gets a reset where
/// something is not read.
fn end(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(LINGER))?;
    stream.shutdown(Shutdown::Write)?;
    std::io::copy(&mut stream, &mut std::io::sink())?;
    Ok(())
}

/// Takes a header of the PROXY protocol from the stream, if it begins with one, and names it.
fn proxy_header(stream: &mut BufReader<TcpStream>) -> std::io::Result<&'static str> {
    let first = stream.fill_buf()?;
    if first.starts_with(BINARY) {
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        let length = u16::from_be_bytes([head[14], head[15]]);
        std::io::copy(&mut stream.take(u64::from(length)), &mut std::io::sink())?;
        return Ok("proxy-v2");
    }
    if first.starts_with(TEXT) {
        stream.read_line(&mut String::new())?;
        return Ok("proxy-v1");
    }
    Ok("")
}

/// The head of the next request; `None` at the end, and for what is no text, such as TLS.
fn request(stream: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut head = String::new();
    while stream.read_line(&mut head)? > 0 {
        if head.ends_with("\r\n\r\n") {
            return Ok(Some(head));
        }
    }
    Ok(None)
}
