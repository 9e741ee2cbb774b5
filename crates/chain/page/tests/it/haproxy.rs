//! What answers at HAProxy's socket for looking, as far as the page asks.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const HEADING: &str = "# pxname,svname,scur,stot,econ,eresp,status,weight,lastchg,rate,\
    check_status,check_code,check_duration,last_chk,";

/// One that counts who asks.
#[derive(Clone, Default)]
pub(crate) struct Haproxy {
    asked: Arc<AtomicUsize>,
    servers: Arc<Mutex<Vec<String>>>,
    questions: Arc<Mutex<BTreeSet<String>>>,
    /// Those that are kept waiting, if it keeps silent.
    waiting: Arc<Mutex<Option<Vec<UnixStream>>>>,
}

impl Haproxy {
    /// One at this socket that serves these.
    pub(crate) fn start(socket: &Path, servers: &[&str]) -> Self {
        let haproxy = Self::default();
        haproxy.serve(servers);
        let listener = UnixListener::bind(socket).unwrap();
        let ours = haproxy.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                ours.answer(stream);
            }
        });
        haproxy
    }

    /// One that accepts, and never answers.
    pub(crate) fn silent(socket: &Path) -> Self {
        let haproxy = Self::start(socket, &[]);
        *haproxy.waiting.lock().unwrap() = Some(Vec::new());
        haproxy
    }

    pub(crate) fn serve(&self, servers: &[&str]) {
        let servers = servers.iter().map(|server| (*server).to_owned());
        *self.servers.lock().unwrap() = servers.collect();
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// What it was asked.
    pub(crate) fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap().iter().cloned().collect()
    }

    fn answer(&self, mut stream: UnixStream) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(waiting) = &mut *self.waiting.lock().unwrap() {
            waiting.push(stream);
            return;
        }
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let question = line.trim_end().to_owned();
        self.questions.lock().unwrap().insert(question);
        let servers = self.servers.lock().unwrap();
        let row = |name: &String| format!("web,{name},0,7,0,0,UP,100,5,3,L7OK,200,2,,\n");
        let rows: String = servers.iter().map(row).collect();
        let info = "Name: HAProxy\nVersion: 3.0.11\nUptime_sec: 60\n\n";
        // Whoever asks may have ended meanwhile.
        let _ = stream.write_all(format!("{info}{HEADING}\n{rows}\n").as_bytes());
    }
}
