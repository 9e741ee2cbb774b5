//! A HAProxy that answers what it is told to, on the Unix sockets `s` and `m`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use harness::Scratch;

use crate::haproxy::{Run, command};

/// What stands for the fingerprint of the file in an answer.
const PRINT: &str = "<fingerprint>";
/// What a real HAProxy says of a worker that was started with the file and has no server.
pub(crate) const STATE: &str = "CONFIG_FINGERPRINT=<fingerprint>\n\nVariable not found.\n\n1\n\
    # be_id be_name srv_id\n\nName: HAProxy\nVersion: 2.6.12\nPid: 7\nUptime_sec: 1\n\
    Stopping: 0\n\n";
/// What the master of this worker says.
pub(crate) const PROCESSES: &str = "#<PID> <type> <reloads> <uptime> <version>\n\
    6 master 0 [failed: 0] 0d 2.6.12\n# workers\n7 worker 0 0d 2.6.12\n\n";

/// What happens to a connection after its line was read.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Text(&'static str),
    /// It stays open, and nothing is sent.
    Silence,
    /// The same text is sent again and again, without an end.
    Endless(&'static str),
    /// The connection is reset the first time; then the text is sent.
    Reset(&'static str),
}

pub(crate) struct Fake {
    dir: Scratch,
    /// The fingerprint of the file.
    print: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// A HAProxy without sockets, and a file that wants one server, so that something is to do.
    pub(crate) fn new() -> Self {
        let dir = harness::scratch();
        let file = format!(
            "global\n default-path config\n stats socket {}/s level admin\n\
             frontend web\n bind 127.0.59.1:8080\n\
             backend nodes\n server s1 127.0.59.2:3000 check\n",
            dir.path().display()
        );
        let parsed = haproxy_config::Config::parse(&file);
        let print = haproxy_config::fingerprint(&parsed, None).to_string();
        let written = parsed.with_fingerprint(&print);
        let path = dir.path().join("haproxy.cfg");
        files::replace(&path, written.as_bytes(), files::Durability::Unsynced).unwrap();
        Self {
            dir,
            print,
            asked: Arc::default(),
        }
    }

    /// Answers on `socket`: the last answer stands for all that follow.
    pub(crate) fn answer(self, socket: &str, answers: &'static [(&'static str, Answer)]) -> Self {
        let listener = UnixListener::bind(self.dir.path().join(socket)).unwrap();
        let asked = Arc::clone(&self.asked);
        let print = self.print.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, print) = (Arc::clone(&asked), print.clone());
                std::thread::spawn(move || serve(stream, answers, &print, &asked));
            }
        });
        self
    }

    /// A socket with a full queue, on which nobody ever accepts.
    pub(crate) fn deaf(self, socket: &str) -> Self {
        let path = self.dir.path().join(socket);
        let listener = UnixListener::bind(&path).unwrap();
        fill(&path);
        std::mem::forget(listener);
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run(command(self.dir.path(), arguments)
            .output()
            .expect("run haproxy-reload"))
    }

    /// Asserts that a run fails, and says this.
    pub(crate) fn assert_fails(&self, arguments: &[&str], told: &str) {
        let run = self.run(arguments);
        let stderr = run.stderr();
        assert_eq!(run.code(), 111, "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
        assert!(stderr.starts_with("haproxy-reload: "), "{stderr}");
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Connects without waiting, and holds the connections open, until the queue is full.
fn fill(path: &Path) {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
    use std::os::fd::AsRawFd;
    let address = UnixAddr::new(path).unwrap();
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    loop {
        let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        if connect(stream.as_raw_fd(), &address).is_err() {
            return;
        }
        std::mem::forget(stream);
    }
}

fn serve(
    mut stream: UnixStream,
    answers: &[(&str, Answer)],
    print: &str,
    asked: &Mutex<Vec<String>>,
) {
    let resets = answers
        .iter()
        .any(|(_, answer)| matches!(answer, Answer::Reset(_)));
    if resets && asked.lock().unwrap().is_empty() {
        // A socket that is closed with unread data in it is reset.
        let _ = stream.read_exact(&mut [0]);
        asked.lock().unwrap().push("reset".to_owned());
        return;
    }
    let mut line = String::new();
    let _ = BufReader::new(&stream).read_line(&mut line);
    asked.lock().unwrap().push(line.trim_end().to_owned());
    let fitting = answers
        .iter()
        .find(|(beginning, _)| line.starts_with(beginning));
    match fitting.map(|(_, answer)| *answer) {
        Some(Answer::Text(text)) => {
            _ = stream.write_all(text.replace(PRINT, print).as_bytes());
        }
        Some(Answer::Reset(text)) => _ = stream.write_all(text.as_bytes()),
        Some(Answer::Silence) => std::mem::forget(stream),
        Some(Answer::Endless(text)) => while stream.write_all(text.as_bytes()).is_ok() {},
        None => {}
    }
}
