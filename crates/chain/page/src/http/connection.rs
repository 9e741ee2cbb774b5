//! Connections: how many there are, and the end of those that nothing comes of.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// The most connections at a time; more wait until one of them ends.
const MOST: usize = 256;

/// For how long a connection may be without an answer. A stream has one every second, and
/// whoever takes longer to say what he wants, or to read it, does not want it.
const IDLE: Duration = Duration::from_secs(10);

/// The most that is read before something is answered, in bytes.
const LONGEST_REQUEST: usize = 32 << 10;

/// What the kernel keeps for somebody who does not read, in bytes. The kernel doubles it.
const KEPT: usize = 128 << 10;

/// Accepts as many connections as may be.
pub(crate) struct Listener {
    tcp: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener {
    pub(crate) fn new(tcp: TcpListener) -> Self {
        let places = Arc::new(Semaphore::new(MOST));
        Self { tcp, places }
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let (tcp, peer) = axum::serve::Listener::accept(&mut self.tcp).await;
        (Connection::new(tcp, place.ok()), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection that ends when nothing was written for [`IDLE`].
pub(crate) struct Connection {
    tcp: TcpStream,
    give_up: Pin<Box<Sleep>>,
    /// Since the last that was written.
    read: usize,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(tcp: TcpStream, place: Option<OwnedSemaphorePermit>) -> Self {
        // These fail when the connection is gone already, which is no error. Without the first
        // an answer waits until the one before is acknowledged.
        let socket = SockRef::from(&tcp);
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_send_buffer_size(KEPT);
        let _ = socket.set_tcp_user_timeout(Some(IDLE));
        Self {
            tcp,
            give_up: Box::pin(sleep(IDLE)),
            read: 0,
            _place: place,
        }
    }

    fn wrote(&mut self, bytes: usize) {
        if bytes > 0 {
            self.read = 0;
            self.give_up.as_mut().reset(Instant::now() + IDLE);
        }
    }

    fn written(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => self.wrote(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                ready!(self.give_up.as_mut().poll(context));
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
        }
        result
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(result) = pin!(&mut self.tcp).poll_read(context, buffer) {
            self.read += buffer.filled().len() - before;
            let is_too_long = self.read > LONGEST_REQUEST;
            return Poll::Ready(if is_too_long {
                Err(ErrorKind::InvalidData.into())
            } else {
                result
            });
        }
        // That nothing was read means that the stream has ended.
        self.give_up.as_mut().poll(context).map(Ok)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = pin!(&mut self.tcp).poll_write(context, bytes);
        self.written(context, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.tcp).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = pin!(&mut self.tcp).poll_write_vectored(context, slices);
        self.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
