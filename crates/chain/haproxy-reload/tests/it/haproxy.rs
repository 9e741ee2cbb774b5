//! The real HAProxy, a configuration that is easily changed, and runs of haproxy-reload.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use files::Durability;
use harness::haproxy::Statistics;
use harness::{Owned, Scratch, wait_for};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A haproxy.cfg. Its servers have numbers, from which their names and addresses are made.
#[derive(Clone)]
pub(crate) struct Config {
    test: u8,
    dir: PathBuf,
    /// What tells two files apart that have the same servers. Without it, the file has no
    /// fingerprint.
    pub(crate) variant: Option<String>,
    /// Lines for the backend.
    pub(crate) backend: String,
    /// Sections at the end.
    pub(crate) more: String,
    pub(crate) servers: Vec<Line>,
}

#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) weight: u16,
}

/// Where node `number` of test `test` listens.
pub(crate) fn address(test: u8, number: u8) -> SocketAddr {
    (Ipv4Addr::new(127, harness::net(), 52 + number, test), 3000).into()
}

impl Config {
    pub(crate) fn with(mut self, numbers: &[u8]) -> Self {
        self.servers = numbers.iter().map(|&number| self.line(number)).collect();
        self
    }

    pub(crate) fn line(&self, number: u8) -> Line {
        Line {
            name: format!("s{number}"),
            address: address(self.test, number),
            weight: 100,
        }
    }

    pub(crate) fn text(&self) -> String {
        let (dir, front) = (self.dir.display(), front(self.test));
        let line = |name: &String| format!("    setenv TEST {name}\n");
        let variant = self.variant.as_ref().map(line).unwrap_or_default();
        let servers: String = self.servers.iter().map(Line::text).collect();
        let Self { backend, more, .. } = self;
        let text = format!(
            "global\n    stats socket {dir}/s mode 600 level admin\n    hard-stop-after 30s\n    \
             mworker-max-reloads 50\n{variant}defaults\n    mode http\n    \
             timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n    timeout check 10s\n    \
             option redispatch 1\n    retries 3\n    option idle-close-on-response\n\
             frontend web\n    bind {front}\n    default_backend nodes\n\
             backend nodes\n    option httpchk HEAD /\n{backend}{servers}{more}"
        );
        if self.variant.is_none() {
            return text;
        }
        let parsed = haproxy_config::Config::parse(&text);
        let print = haproxy_config::fingerprint(&parsed, None);
        parsed.with_fingerprint(&print.to_string())
    }
}

impl Line {
    fn text(&self) -> String {
        let Self {
            name,
            address,
            weight,
        } = self;
        format!(
            "    server {name} {address} check inter 1s fastinter 100ms downinter 50ms fall 2 \
             rise 1 weight {weight}\n"
        )
    }
}

/// Where HAProxy of test `test` listens.
pub(crate) fn front(test: u8) -> SocketAddr {
    (Ipv4Addr::new(127, harness::net(), 52, test), 8080).into()
}

/// Refuses a number that another test has: two HAProxy would share their addresses. A test is
/// known by its thread, which has its name.
fn take(test: u8) {
    static OWNERS: Mutex<BTreeMap<u8, String>> = Mutex::new(BTreeMap::new());
    let thread = std::thread::current();
    let Some(name) = thread.name().filter(|name| *name != "main") else {
        return;
    };
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = owners
        .entry(test)
        .or_insert_with(|| name.to_owned())
        .clone();
    drop(owners);
    assert_eq!(owner, name, "the number {test} is another test's");
}

/// The real HAProxy with its files in a directory of its own. It ends with the value.
pub(crate) struct Haproxy {
    dir: Scratch,
    pub(crate) test: u8,
    place: harness::haproxy::Haproxy,
    process: Option<Owned>,
}

impl Haproxy {
    /// Each test takes a number of its own, so that none meets another.
    pub(crate) fn start(test: u8, numbers: &[u8]) -> Self {
        let mut haproxy = Self::new(test);
        haproxy.write(&haproxy.config(numbers));
        haproxy.start_again();
        haproxy
    }

    /// One that has no file yet, and is not started.
    pub(crate) fn new(test: u8) -> Self {
        take(test);
        let dir = harness::scratch();
        Self {
            place: harness::haproxy::Haproxy::new(dir.path(), front(test).ip().to_string()),
            dir,
            test,
            process: None,
        }
    }

    pub(crate) fn config(&self, numbers: &[u8]) -> Config {
        let config = Config {
            test: self.test,
            dir: self.dir.path().to_owned(),
            variant: Some("1".to_owned()),
            backend: String::new(),
            more: String::new(),
            servers: Vec::new(),
        };
        config.with(numbers)
    }

    /// Ends the one that runs, and starts it anew.
    pub(crate) fn start_again(&mut self) {
        self.process = None;
        self.process = Some(self.place.start().unwrap());
    }

    /// Starts it with `first` as a file before its own.
    pub(crate) fn start_after(&mut self, first: &Path) {
        self.process = Some(self.place.start_after(&[first]).unwrap());
    }

    /// Lets it begin with a folder instead of its file.
    pub(crate) fn use_folder(&mut self, folder: &Path) {
        folder.clone_into(&mut self.place.config);
    }

    /// Gives `command` the settings by which the programs and the shipped template find it.
    pub(crate) fn environment(&self, command: &mut Command) {
        self.place.environment(command);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The folder of the nodes, which is made where it is asked for.
    pub(crate) fn nodes(&self) -> PathBuf {
        let nodes = self.path("nodes");
        std::fs::create_dir_all(&nodes).unwrap();
        nodes
    }

    pub(crate) fn write(&self, config: &Config) {
        self.write_bytes(config.text().as_bytes());
    }

    pub(crate) fn write_bytes(&self, bytes: &[u8]) {
        files::replace(&self.place.config, bytes, Durability::Unsynced).unwrap();
    }

    /// haproxy-reload for this HAProxy.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(self.dir.path(), arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run(self
            .command(arguments)
            .output()
            .expect("run haproxy-reload"))
    }

    /// Writes the file and runs the program, which must have done something.
    pub(crate) fn change(&self, config: &Config) -> String {
        self.write(config);
        let run = self.run(&[]);
        assert_eq!(run.code(), 0, "{}\n{}", run.stderr(), self.read("log"));
        run.stderr()
    }

    /// Asserts that a run finds nothing to do.
    pub(crate) fn assert_agrees(&self) {
        let run = self.run(&[]);
        assert_eq!(
            (run.code(), run.stderr().as_str()),
            (1, ""),
            "{}",
            self.read("log")
        );
    }

    /// Asks the worker.
    pub(crate) fn ask(&self, line: &str) -> String {
        self.place.ask(line).unwrap()
    }

    /// Asks the master. There is no answer while it starts itself anew.
    pub(crate) fn ask_master(&self, line: &str) -> Option<String> {
        harness::haproxy::ask(&self.place.master, line).ok()
    }

    pub(crate) fn worker(&self) -> u32 {
        self.place.worker().unwrap()
    }

    /// A column of `show stat` for a server of the backend.
    pub(crate) fn stat(&self, server: &str, column: &str) -> Option<String> {
        let statistics = Statistics::from(self.ask("show stat"));
        statistics.value(server, column).map(str::to_owned)
    }

    pub(crate) fn wait_for_status(&self, server: &str, status: &str) {
        wait_for(&format!("{server} to be {status}"), PATIENCE, || {
            (self.stat(server, "status")? == status).then_some(())
        });
    }

    /// How many reloads the master has counted; `None` while it starts itself anew.
    pub(crate) fn reloads(&self) -> Option<u64> {
        let answer = self.ask_master("show proc")?;
        let master = answer.lines().find(|line| line.contains("master"))?;
        master.split_whitespace().nth(2)?.parse().ok()
    }

    pub(crate) fn master(&self) -> u32 {
        self.process.as_ref().expect("HAProxy was started").pid()
    }

    /// Waits for the master's end, whoever brought it about.
    pub(crate) fn wait_for_end(&mut self) {
        let mut process = self.process.take().expect("HAProxy was started");
        wait_for("HAProxy to end", PATIENCE, || {
            (!process.runs()).then_some(())
        });
    }
}

/// Makes the pause a minute long after which a refused file is tried again. The pause of a
/// second could be over before the test looks.
pub(crate) fn lengthen_pause(dir: &Path) {
    let path = dir.join(".haproxy.cfg.refused");
    let refused = std::fs::read_to_string(&path).unwrap();
    let (entry, _pause) = refused.rsplit_once(' ').expect("three words");
    let longer = format!("{entry} 60\n");
    files::replace(&path, longer.as_bytes(), Durability::Unsynced).unwrap();
}

/// haproxy-reload with the sockets `s` and `m` in `dir`.
pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("haproxy-reload"));
    command
        .env("HAPROXY_CFG", dir.join("haproxy.cfg"))
        .env_remove("HAPROXY_RELOAD_EVERY")
        .env_remove("HAPROXY_RELOAD_TIMEOUT")
        .env_remove("SERF_WATCH_AGAIN")
        .env_remove("CHAIN_RUN")
        .env_remove("MUSTER_JOURNAL")
        .env("NODES_DIR", dir.join("nodes"))
        .arg("--socket")
        .arg(dir.join("s"))
        .arg("--master")
        .arg(dir.join("m"))
        .args(arguments)
        // A machine with other work may be slow. Tests of the limit set their own.
        .args(
            ["--timeout", "5m"]
                .iter()
                .filter(|_| !arguments.contains(&"--timeout")),
        )
        .stdin(Stdio::null());
    command
}

/// How a run of haproxy-reload ended, and what it printed.
pub(crate) struct Run(pub(crate) Output);

impl Run {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

#[test]
fn a_number_belongs_to_one_test() {
    take(253);
    take(253);
    let other = std::thread::Builder::new().name("another test".to_owned());
    let refused = other.spawn(|| take(253)).unwrap().join();
    // Where tests run one after the other they have no threads of their own.
    assert!(refused.is_err() || std::thread::current().name() == Some("main"));
}
