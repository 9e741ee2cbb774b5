//! What HAProxy talks to besides nodes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An agent that always says the same.
#[derive(Clone)]
pub(super) struct Agent(Arc<AtomicUsize>);

impl Agent {
    pub(super) fn start(address: SocketAddr, word: &'static str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let agent = Self(Arc::default());
        let asked = Arc::clone(&agent.0);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(format!("{word}\n").as_bytes());
            }
        });
        agent
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Keeps the first bytes of a connection, and ends it.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Mutex<Option<Vec<u8>>>>);

impl Recorder {
    pub(super) fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let recorder = Self(Arc::default());
        let seen = Arc::clone(&recorder.0);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 5];
                // On a busy machine a check can be given up before it said anything.
                if stream.read_exact(&mut bytes).is_ok() {
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
                }
            }
        });
        recorder
    }

    /// With what the last connection began that said something.
    pub(super) fn seen(&self) -> Option<Vec<u8>> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}
