//! The page of a balancer that is made up: its files, and a HAProxy that only answers.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use files::Durability::Unsynced;
use harness::cluster::program;
use harness::{Owned, Scratch, http, wait_for};
use serde_json::{Value, json};

use super::browser::PATIENCE;

/// What HAProxy says of its servers, as it can be changed.
type Servers = Arc<Mutex<Vec<(String, &'static str)>>>;

/// A balancer that is made up, with its page.
pub(super) struct Fake {
    folder: Scratch,
    at: SocketAddr,
    servers: Servers,
    page: Option<Owned>,
}

impl Fake {
    /// With so many nodes that serve, at 127.N.148.`host`.
    pub(super) fn new(host: u8, nodes: u64) -> Self {
        let folder = harness::scratch();
        for name in ["nodes", "services"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names = (1..=nodes).map(|number| (format!("web-{number:04}"), "UP"));
        let fake = Self {
            at: format!("{}:1940", harness::address(&format!("148.{host}")))
                .parse()
                .unwrap(),
            servers: Arc::new(Mutex::new(names.collect())),
            folder,
            page: None,
        };
        for number in 1..=nodes {
            let (name, address) = (format!("web-{number:04}"), address_of(number));
            fake.write(&format!("nodes/{name}"), &format!("{name} {address}\n"));
        }
        fake.state(&json!({}));
        fake.answer();
        fake
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        files::replace(&self.path(name), text.as_bytes(), Unsynced).unwrap();
    }

    /// Lets HAProxy say this of a server from now on.
    pub(super) fn is(&self, number: usize, status: &'static str) {
        self.servers.lock().unwrap()[number - 1].1 = status;
    }

    /// The chain has just run, and found these facts.
    pub(super) fn state(&self, facts: &Value) {
        let now = now();
        let step = json!({ "code": 0, "ms": 1.5 });
        let mut known = json!({ "members": { "alive": self.servers.lock().unwrap().len() + 1 } });
        let more = facts.as_object().unwrap().clone();
        known.as_object_mut().unwrap().extend(more);
        let state = json!({
            "run": "made-up", "begin": now - 0.02, "end": now, "success": now, "moment": moment(),
            "steps": { "serf-nodes": step, "haproxy-gen": step, "haproxy-reload": step },
            "facts": known,
        });
        self.write("nodes/.state", &format!("{state}\n"));
    }

    /// A run of the chain has done this, so many seconds ago.
    pub(super) fn did(&self, ago: f64, step: &str, more: &Value) {
        let before = fs::read_to_string(self.path("journal")).unwrap_or_default();
        let run = format!("made-up-{}", before.len());
        let mut line = json!({ "t": now() - ago, "run": run, "step": step, "code": 0, "ms": 1.5 });
        let more = more.as_object().unwrap().clone();
        line.as_object_mut().unwrap().extend(more);
        self.write("journal", &format!("{before}{line}\n"));
    }

    /// HAProxy answers on its socket, as long as this process lives.
    fn answer(&self) {
        let listener = UnixListener::bind(self.path("look")).unwrap();
        let (servers, nodes) = (self.servers.clone(), self.path("nodes"));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who asks sees a chain that runs every second.
                renew(&nodes);
                let servers = servers.lock().unwrap().clone();
                thread::spawn(move || answer(&stream, &servers));
            }
        });
    }

    /// Starts the page, and waits until it answers.
    pub(super) fn start(&mut self) {
        let mut command = Command::new(program("muster-page"));
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.path("log"))
            .unwrap();
        command
            .current_dir(self.folder.path())
            .env("MUSTER_PAGE_LISTEN", self.at.to_string())
            .env("NODES_DIR", self.path("nodes"))
            .env("MUSTER_JOURNAL", self.path("journal"))
            .env("HAPROXY_LOOK_SOCKET", self.path("look"))
            .env("MUSTER_PAGE_SERVICES", self.path("services"))
            .env("SERF_NODE", "made-up")
            // As its service does.
            .env("MALLOC_ARENA_MAX", "1")
            .stdout(Stdio::null())
            .stderr(log);
        self.page = Some(Owned::start(&mut command).unwrap());
        wait_for("the page to answer", PATIENCE, || {
            http::get(self.at, "/")
                .is_ok_and(|page| page.status == 200)
                .then_some(())
        });
    }

    /// A page that serves, and the fake behind it.
    pub(super) fn started(mut self) -> Self {
        self.start();
        self
    }

    /// Kills the page.
    pub(super) fn stop(&mut self) {
        self.page = None;
    }

    /// The page's process.
    pub(super) fn page(&self) -> &Owned {
        self.page.as_ref().unwrap()
    }

    /// Where the page is.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.at)
    }
}

/// The address of a node.
pub(super) fn address_of(number: u64) -> String {
    format!(
        "10.{}.{}.{}",
        number / 62_500,
        number / 250 % 250,
        number % 250 + 1
    )
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Now, in Unix seconds.
pub(super) fn now() -> f64 {
    since_1970().as_secs_f64()
}

fn moment() -> Option<String> {
    files::Moment::now().map(|moment| moment.to_string())
}

/// Lets the last run be of now.
fn renew(nodes: &Path) {
    let path = nodes.join(".state");
    // Whoever writes it at this moment makes it new as well.
    let Some(mut state) = fs::read(&path)
        .ok()
        .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
    else {
        return;
    };
    state["end"] = json!(now());
    state["moment"] = json!(moment());
    let _ = files::replace(&path, format!("{state}\n").as_bytes(), Unsynced);
}

/// What HAProxy says to the commands of a line.
fn answer(stream: &UnixStream, servers: &[(String, &'static str)]) {
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    let mut said = String::new();
    for command in line.trim().split(';').map(str::trim) {
        if command.starts_with("show info") {
            said += "Name: HAProxy\nVersion: 3.0.11\nRelease_date: 2025/06/03\nNbproc: 1\n\
                     Process_num: 1\nPid: 4711\nUptime: 0d 1h02m03s\nUptime_sec: 3723\n\
                     CurrConns: 4\nConnRate: 40\nReqRate: 40\nSessRate: 40\n";
        } else if command.starts_with("show stat") {
            said += &statistics(servers);
        } else {
            said += "Permission denied\n";
        }
        said.push('\n');
    }
    let mut stream = stream;
    let _ = stream.write_all(said.as_bytes());
}

/// The table of HAProxy's servers, as far as anybody looks at it.
fn statistics(servers: &[(String, &'static str)]) -> String {
    let mut table = "# pxname,svname,scur,stot,econ,eresp,status,weight,lastchg,type,rate,\
                     check_status,check_code,check_duration,last_chk,addr,mode,\n"
        .to_owned();
    let seconds = since_1970().as_secs() % 100_000;
    for (number, (name, status)) in (1_u64..).zip(servers) {
        let (rate, address) = (number * 7 % 40, address_of(number));
        let total = seconds * rate;
        let check = match *status {
            "DOWN" => "L4CON,,300,Connection refused",
            "MAINT" => ",,,",
            _ => "L7OK,200,1,",
        };
        let row = format!(
            "nodes,{name},1,{total},0,0,{status},100,3600,2,{rate},{check},{address}:3000,http,\n"
        );
        table += &row;
    }
    table
}
