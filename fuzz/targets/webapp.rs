//! The bytes of a connection, and what is answered to them.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::connect_info::MockConnectInfo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::access::Access;
use crate::app::{App, router};
use crate::identity::Identity;
use crate::listener::Local;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

/// More than any answer to what fits into one input.
const ROOM: usize = 1 << 20;
/// All that a client can be told; what is none of the page is of HTTP itself.
const TOLD: [&str; 7] = ["100", "200", "400", "404", "413", "414", "431"];

/// Accepts one connection.
struct One(Option<DuplexStream>);

impl axum::serve::Listener for One {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(stream) => (stream, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

fn holds(bytes: &[u8]) {
    // The clock is one that goes on when everybody waits: a delay takes no time.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let answer = runtime
        .expect("there is room for it")
        .block_on(answer(bytes));
    let mut rest = &answer[..];
    if rest.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(rest);
    let status = text.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5));
    assert!(status.is_some_and(|it| TOLD.contains(&it)), "{text:?}");
    // A line of a head ends in CR LF, and a body is one line of JSON.
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        assert_eq!(rest[..end].last(), Some(&b'\r'), "{text:?}");
        rest = &rest[end + 1..];
    }
    assert!(!text.contains("HTTP/1.1 5"), "{text:?}");
}

async fn answer(bytes: &[u8]) -> Vec<u8> {
    let identity = Identity {
        ip: None,
        host: "s1".to_owned(),
        tag: "latest".to_owned(),
    };
    let access = Access::open(None).expect("none is opened");
    let app = Arc::new(App::new(identity, access));
    let local = Local(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let service = router(app).layer(MockConnectInfo(local));
    let (mut client, server) = duplex(ROOM);
    let talk = async {
        // The other side may have had enough.
        let _ = client.write_all(bytes).await;
        let _ = client.shutdown().await;
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        answer
    };
    tokio::select! {
        answer = talk => answer,
        _ = async { axum::serve(One(Some(server)), service).await } => Vec::new(),
    }
}

#[cfg(test)]
#[test]
fn every_connection_of_the_corpus_holds() {
    harness::corpus("webapp", holds);
}
