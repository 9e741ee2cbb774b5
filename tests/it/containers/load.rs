//! A steady load on the balancer, and how many of its requests were lost.

use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::http;

/// As many requests can be in flight at once, so one node's death can hit.
pub(crate) const CLIENTS: usize = 5;

/// Each client's pause: together about 200 requests a second.
const PAUSE: Duration = Duration::from_millis(25);

/// Clients at work until `finish`.
pub(crate) struct Load {
    clients: Vec<(mpsc::Sender<()>, JoinHandle<Outcome>)>,
}

/// What became of the requests.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) sent: usize,
    /// In words, one for each that was not answered with 200.
    pub(crate) failed: Vec<String>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr) -> Load {
        let clients = (0..CLIENTS).map(|_| client(address)).collect();
        Load { clients }
    }

    pub(crate) fn finish(self) -> Outcome {
        let mut total = Outcome::default();
        for (stop, client) in self.clients {
            drop(stop);
            let outcome = client.join().expect("join a client");
            total.sent += outcome.sent;
            total.failed.extend(outcome.failed);
        }
        total
    }
}

fn client(address: SocketAddr) -> (mpsc::Sender<()>, JoinHandle<Outcome>) {
    let (stop, stopped) = mpsc::channel();
    let work = move || {
        let mut outcome = Outcome::default();
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            outcome.sent += 1;
            match http::get(address, "/") {
                Ok((200, _)) => {}
                Ok((status, body)) => outcome.failed.push(format!("{status}: {body}")),
                Err(why) => outcome.failed.push(why),
            }
        }
        outcome
    };
    (stop, std::thread::spawn(work))
}
