//! A small web server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harness::http::{self, Peer};
use harness::wait::pass;

/// How long `/slow` takes.
pub(crate) const SLOW: Duration = Duration::from_millis(1500);

/// How long a slow check takes: less than HAProxy waits for it, with `inter 1s`.
const SLOW_CHECK: Duration = Duration::from_millis(500);

/// Answers every request with its name, and HEAD, the health check, as it was told to.
#[derive(Clone, Default)]
pub(crate) struct Node(Arc<Facts>);

#[derive(Default)]
struct Facts {
    name: String,
    sick: AtomicBool,
    slow_check: AtomicBool,
    checking: AtomicBool,
    requests: AtomicUsize,
    /// Requests that came while it failed its health check.
    early: AtomicUsize,
}

impl Node {
    pub(crate) fn start(name: &str, address: SocketAddr) -> Self {
        let name = name.to_owned();
        let node = Self(Arc::new(Facts {
            name,
            ..Facts::default()
        }));
        let shared = node.clone();
        http::serve(address, move |peer| shared.serve(peer));
        node
    }

    pub(crate) fn set_sick(&self, sick: bool) {
        self.0.sick.store(sick, Ordering::SeqCst);
    }

    /// Checks take half a second from now on.
    pub(crate) fn slow_down_checks(&self) {
        self.0.slow_check.store(true, Ordering::SeqCst);
    }

    pub(crate) fn wait_for_check(&self, under_way: bool) {
        harness::wait_for("a check to begin or end", Duration::from_secs(30), || {
            (self.0.checking.load(Ordering::SeqCst) == under_way).then_some(())
        });
    }

    /// How many requests came, without health checks.
    pub(crate) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn early_requests(&self) -> usize {
        self.0.early.load(Ordering::SeqCst)
    }

    fn serve(&self, peer: &mut Peer) {
        while let Some(request) = peer.request() {
            let sick = self.0.sick.load(Ordering::SeqCst);
            if request.starts_with("HEAD") {
                self.pass_check_time();
                peer.answer(if sick { "503 Sick" } else { "200 OK" }, "");
                continue;
            }
            self.0.requests.fetch_add(1, Ordering::SeqCst);
            self.0.early.fetch_add(usize::from(sick), Ordering::SeqCst);
            if request.starts_with("GET /slow") {
                pass(SLOW);
            }
            peer.answer("200 OK", &self.0.name);
        }
    }

    fn pass_check_time(&self) {
        if self.0.slow_check.load(Ordering::SeqCst) {
            self.0.checking.store(true, Ordering::SeqCst);
            pass(SLOW_CHECK);
            self.0.checking.store(false, Ordering::SeqCst);
        }
    }
}

/// The body of a page that is there; every other answer is an error.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    match http::get(address, path) {
        Ok(answer) if answer.status == 200 => Ok(answer.text()),
        other => Err(format!("{other:?}")),
    }
}
