//! From the first connection to the signal that ends the program.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long answers may take that are under way when the program is told to end. Streams end at
/// once.
pub(crate) const GRACE: Duration = Duration::from_millis(300);

/// The signals that end the program.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let watch = |kind| signal(kind).context("watch for signals");
        Ok(Self {
            term: watch(SignalKind::terminate())?,
            int: watch(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them comes.
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Returns when the program is to end.
pub(crate) async fn told(mut stop: watch::Receiver<bool>) {
    // It fails when the sender is gone, which means a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Writes to the descriptor by its name under /dev/fd, since the standard library takes a
/// descriptor by its number only in unsafe code.
pub(crate) fn announce(descriptor: u32) -> anyhow::Result<()> {
    let path = format!("/dev/fd/{descriptor}");
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(b"\n"))
        .with_context(|| format!("announce readiness on {path}"))
}
