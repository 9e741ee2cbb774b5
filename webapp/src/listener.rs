//! Connections: the address that each came to, and the end of those on which nothing was asked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A browser opens connections before it needs them, and hyper would wait for the first request
/// of each until the grace time is over. One that is under way arrives in less than this.
const FIRST_REQUEST: Duration = Duration::from_millis(300);

/// The address of this node that a connection came to.
#[derive(Clone, Copy)]
pub(crate) struct Local(pub(crate) IpAddr);

/// Accepts connections. After the stop it goes on until the queue is empty, because the kernel
/// resets every connection that is still in the queue when the socket is closed.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) drained: watch::Sender<bool>,
}

pub(crate) struct Connection {
    tcp: TcpStream,
    /// Completes a while after the stop, and ends the connection then. It is gone as soon as
    /// something was asked.
    give_up: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (tcp, peer) = tokio::select! {
            biased;
            accepted = axum::serve::Listener::accept(&mut self.tcp) => accepted,
            () = told(self.stop.clone()) => {
                self.drained.send_replace(true);
                std::future::pending().await
            }
        };
        // Without this option an answer waits until the one before is acknowledged. It fails when
        // the connection is gone already, which is no error.
        let _ = tcp.set_nodelay(true);
        let give_up = Some(Box::pin(give_up(self.stop.clone())) as Pin<Box<_>>);
        (Connection { tcp, give_up }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Local {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Local {
        let unknown = IpAddr::from([0, 0, 0, 0]);
        Local(
            stream
                .io()
                .tcp
                .local_addr()
                .map_or(unknown, |addr| addr.ip().to_canonical()),
        )
    }
}

pub(crate) async fn told(mut stop: watch::Receiver<bool>) {
    // It fails when the sender is gone, which means a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn give_up(stop: watch::Receiver<bool>) {
    told(stop).await;
    tokio::time::sleep(FIRST_REQUEST).await;
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = pin!(&mut self.tcp).poll_read(context, buffer) {
            self.give_up = None;
            return Poll::Ready(result);
        }
        match &mut self.give_up {
            // That nothing was read means that the stream has ended.
            Some(give_up) => give_up.as_mut().poll(context).map(Ok),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        pin!(&mut self.tcp).poll_write(context, bytes)
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
        pin!(&mut self.tcp).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}
