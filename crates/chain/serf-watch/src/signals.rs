//! Signals as data: a descriptor to poll, and a flag that says whether to end.

use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

pub(crate) struct Signals {
    wakes: UnixStream,
    end: Arc<AtomicBool>,
}

impl Signals {
    pub(crate) fn new() -> Result<Signals> {
        Signals::register().context("watch for signals")
    }

    fn register() -> std::io::Result<Signals> {
        let (wakes, sender) = UnixStream::pair()?;
        wakes.set_nonblocking(true)?;
        let end = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // Registered before the pipes below: the actions of a signal run in this order, so
            // the flag is set by the time that the byte in the pipe wakes the loop.
            signal_hook::flag::register(signal, Arc::clone(&end))?;
        }
        for signal in [SIGTERM, SIGINT, SIGCHLD] {
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Signals { wakes, end })
    }

    /// Discards the bytes that signals have written, so that the next poll sleeps until the next
    /// signal.
    pub(crate) fn forget(&self) {
        let mut bytes = [0; 64];
        while (&self.wakes)
            .read(&mut bytes)
            .is_ok_and(|length| length > 0)
        {}
    }

    pub(crate) fn is_told_to_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakes.as_fd()
    }
}
