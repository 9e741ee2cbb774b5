//! The bytes of a connection, and what is answered to them; the same bytes are also what
//! another balancer answers.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::app::{App, router};
use super::host::Hosts;
use super::live::Hub;
use super::peers::{Agreement, Peers, parse};
use super::source::Ask;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

/// More than any answer to what fits into one input.
const ROOM: usize = 8 << 20;
/// All that a client can be told; what is none of the page is of HTTP itself.
const TOLD: [&str; 7] = ["200", "400", "404", "405", "414", "421", "431"];

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
    judged(bytes);
    // The clock is one that goes on when everybody waits.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let answer = runtime
        .expect("there is room for it")
        .block_on(answer(bytes));
    if answer.is_empty() {
        return;
    }
    let text = String::from_utf8(answer).expect("all that we say is text");
    let status = text.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5));
    assert!(status.is_some_and(|it| TOLD.contains(&it)), "{text:?}");
    assert!(!text.contains("HTTP/1.1 5"), "{text:?}");
}

/// What is said of another balancer is one short line, whatever it has answered.
fn judged(bytes: &[u8]) {
    let answer = parse(bytes).ok();
    let mut peers = Peers::default();
    let address = ("lb2".to_owned(), [127, 0, 0, 1].into());
    peers.take(vec![("lb2".to_owned(), answer)], &Agreement::default());
    let words = peers.show(&[address]).remove(0).words;
    assert!(words.len() < 1000, "{words:?}");
    assert!(!words.chars().any(char::is_control), "{words:?}");
}

async fn answer(bytes: &[u8]) -> Vec<u8> {
    let (asks, mut asked) = mpsc::channel::<Ask>(1);
    let (tell, stop) = watch::channel(false);
    let app = App {
        hosts: Hosts::default(),
        hub: Arc::new(Hub::new("a".to_owned())),
        asks,
        stop,
    };
    tokio::spawn(async move {
        while let Some(ask) = asked.recv().await {
            let _ = ask.reply.send(Ok(Bytes::from_static(b"made")));
        }
    });
    let service = router(Arc::new(app));
    let (mut client, server) = duplex(ROOM);
    let talk = async {
        // The other side may have had enough.
        let _ = client.write_all(bytes).await;
        sleep(Duration::from_secs(1)).await;
        // Streams end then.
        tell.send_replace(true);
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
    harness::corpus("page", holds);
}
