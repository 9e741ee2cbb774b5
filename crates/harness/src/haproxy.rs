//! A HAProxy on loopback, and what it says of itself.

mod statistics;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::{Owned, programs, wait};

pub use statistics::Statistics;

/// How long a start may take: ten times what one with 10,000 servers takes.
const START: Duration = Duration::from_secs(60);
/// How long an answer may take. HAProxy answers at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// The files of one HAProxy, and where it listens. `HAPROXY` in the environment names
/// another program than the one on the PATH.
#[derive(Clone, Debug)]
pub struct Haproxy {
    /// The configuration, which is the caller's to write.
    pub config: PathBuf,
    /// Where its worker takes commands, if the configuration says so.
    pub socket: PathBuf,
    /// Where its master takes commands.
    pub master: PathBuf,
    /// What it writes to stderr.
    pub log: PathBuf,
    address: String,
}

impl Haproxy {
    /// A HAProxy with its files in `directory`, which listens at `address`. It is not started.
    pub fn new(directory: &Path, address: impl Into<String>) -> Self {
        Self {
            config: directory.join("haproxy.cfg"),
            socket: directory.join("s"),
            master: directory.join("m"),
            log: directory.join("log"),
            address: address.into(),
        }
    }

    /// Gives `command` the settings by which our programs and the shipped templates find it.
    pub fn environment(&self, command: &mut Command) {
        command
            .env("HAPROXY_CFG", &self.config)
            .env("HAPROXY_SOCKET", &self.socket)
            .env("HAPROXY_MASTER", &self.master)
            .env("HAPROXY_ADDRESS", &self.address)
            .env("HAPROXY_HTTP", format!("{}:8080", self.address))
            .env("HAPROXY_STATS", format!("{}:1936", self.address))
            .env("HAPROXY_CLI_BIND", format!("{}:9999", self.address))
            .env("HAPROXY_LOOK_SOCKET", self.config.with_file_name("look"))
            .env("HAPROXY_LOG", self.config.with_file_name("no-log"));
    }

    /// Starts it, with a master, and waits until both master and worker answer.
    ///
    /// # Errors
    /// When it is not installed, ends, or does not answer; with what it wrote.
    pub fn start(&self) -> anyhow::Result<Owned> {
        self.start_after(&[])
    }

    /// Starts it with other files before its own, and waits as [`Haproxy::start`] does.
    ///
    /// # Errors
    /// When it is not installed, ends, or does not answer; with what it wrote.
    pub fn start_after(&self, others: &[&Path]) -> anyhow::Result<Owned> {
        let log = File::options().append(true).create(true).open(&self.log);
        let log = log.with_context(|| format!("open {}", self.log.display()))?;
        let mut command = self.command()?;
        command.stdout(Stdio::null()).stderr(log).args(["-W", "-S"]);
        command.arg(format!("{},mode,600", self.master.display()));
        for file in others.iter().chain(&[self.config.as_path()]) {
            command.arg("-f").arg(file);
        }
        let mut master = Owned::start(&mut command)?;
        wait::until("HAProxy's first answer", START, || {
            let answers = self.worker().is_ok() && self.processes().is_ok();
            (answers || !master.runs()).then_some(())
        })?;
        if !master.runs() {
            let told = std::fs::read_to_string(&self.log).unwrap_or_default();
            bail!("start HAProxy: it has ended: {told}");
        }
        Ok(master)
    }

    /// A check of the configuration, as `haproxy-gen` runs it.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn check(&self) -> anyhow::Result<Command> {
        let mut command = self.command()?;
        command.args(["-c", "-q", "-f"]).arg(&self.config);
        Ok(command)
    }

    /// The program.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn program() -> anyhow::Result<PathBuf> {
        let named = std::env::var_os("HAPROXY").map(PathBuf::from);
        named.map_or_else(|| programs::find("haproxy"), Ok)
    }

    /// The release of the program: its major and its minor number.
    ///
    /// # Errors
    /// When it is not installed, or does not tell its version.
    pub fn release() -> anyhow::Result<(u32, u32)> {
        let output = Command::new(Self::program()?).arg("-v").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text
            .split("version ")
            .nth(1)
            .context("find HAProxy's version")?;
        let mut numbers = version.split(['.', '-']).map(str::parse);
        let mut number = || numbers.next().context("find a number in HAProxy's version");
        Ok((number()??, number()??))
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(Self::program()?);
        self.environment(&mut command);
        Ok(command)
    }

    /// Gives the worker one command, and returns the whole answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ask(&self, command: &str) -> anyhow::Result<String> {
        ask(&self.socket, command)
    }

    /// The number of the process that serves, which is another one after a reload.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn worker(&self) -> anyhow::Result<u32> {
        worker(&self.socket)
    }

    /// The master's table of its processes.
    ///
    /// # Errors
    /// When it does not answer, or has no worker yet.
    pub fn processes(&self) -> anyhow::Result<String> {
        let answer = ask(&self.master, "show proc")?;
        anyhow::ensure!(answer.contains("worker"), "the master has no worker");
        Ok(answer)
    }
}

/// The number of the process that answers at a command socket.
///
/// # Errors
/// When it does not answer.
pub fn worker(socket: &Path) -> anyhow::Result<u32> {
    fact(socket, "Pid")?
        .parse()
        .context("read HAProxy's process id")
}

/// A line of what HAProxy says of itself (`show info`), such as `Version`.
///
/// # Errors
/// When it does not answer, or the answer has no such line.
pub fn fact(socket: &Path, name: &str) -> anyhow::Result<String> {
    let answer = ask(socket, "show info")?;
    let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find_map(|(key, value)| (key == name).then(|| value.to_owned()));
    found.with_context(|| format!("find {name} in the answer to show info"))
}

/// Gives the HAProxy at a command socket one command, and returns the whole answer.
///
/// # Errors
/// When it does not answer.
pub fn ask(socket: &Path, command: &str) -> anyhow::Result<String> {
    let talk = || {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        exchange(stream, command, |stream| stream.shutdown(Shutdown::Write))
    };
    talk().with_context(|| format!("ask {command} of {}", socket.display()))
}

/// Gives the HAProxy at a network address one command, and returns the whole answer.
///
/// # Errors
/// When nobody answers.
pub fn ask_at(address: SocketAddr, command: &str) -> anyhow::Result<String> {
    let talk = || {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        exchange(stream, command, |stream| stream.shutdown(Shutdown::Write))
    };
    talk().with_context(|| format!("ask {command} of {address}"))
}

/// A master ends the connection only when it knows that no further command comes.
fn exchange<S: Read + Write>(
    mut stream: S,
    command: &str,
    end: impl Fn(&S) -> std::io::Result<()>,
) -> std::io::Result<String> {
    stream.write_all(format!("{command}\n").as_bytes())?;
    end(&stream)?;
    std::io::read_to_string(stream)
}

/// A server as HAProxy runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its share of the requests; 0 is none.
    pub weight: u32,
    /// Whether it is to get requests: it is not in maintenance, and has a weight.
    pub wanted: bool,
}

/// Finds the server `name` in an answer to `show servers state`.
pub fn server(state: &str, name: &str) -> Option<Server> {
    state.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        if fields.get(3) != Some(&name) {
            return None;
        }
        let administration: u32 = fields.get(6)?.parse().ok()?;
        let weight = fields.get(7)?.parse().ok()?;
        Some(Server {
            weight,
            wanted: administration == 0 && weight > 0,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n\
        4 nodes 1 s1 127.0.43.101 2 0 100 100 3\n4 nodes 2 s2 127.0.43.102 0 1 50 50 3\n";

    #[test]
    fn a_server_is_found_by_its_name() {
        let expected = Server {
            weight: 100,
            wanted: true,
        };
        assert_eq!(server(STATE, "s1"), Some(expected));
        assert_eq!(server(STATE, "s"), None);
    }

    #[test]
    fn a_server_in_maintenance_gets_no_requests() {
        let server = server(STATE, "s2").unwrap();
        assert_eq!((server.weight, server.wanted), (50, false));
    }

    #[test]
    fn a_socket_without_haproxy_is_named() {
        let error = ask(Path::new("/nonexistent/s"), "show info").unwrap_err();
        assert_eq!(error.to_string(), "ask show info of /nonexistent/s");
    }

    #[test]
    fn a_haproxy_is_started_asked_and_ended() {
        let _ = crate::require("haproxy");
        let scratch = crate::scratch();
        let haproxy = Haproxy::new(scratch.path(), crate::address("43.8"));
        let text = format!(
            "global\n stats socket {} mode 600 level admin\ndefaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind \"${{HAPROXY_HTTP}}\"\n",
            haproxy.socket.display()
        );
        let mut config = std::fs::File::create(&haproxy.config).unwrap();
        config.write_all(text.as_bytes()).unwrap();
        assert!(haproxy.check().unwrap().status().unwrap().success());
        let running = haproxy.start().unwrap();
        let worker = haproxy.worker().unwrap();
        assert_ne!(worker, running.pid(), "the master is another process");
        drop(running);
        crate::wait_for("its end", START, || crate::has_ended(worker).then_some(()));
    }

    #[test]
    fn a_haproxy_that_does_not_start_is_told_in_its_own_words() {
        let scratch = crate::scratch();
        let haproxy = Haproxy::new(scratch.path(), crate::address("43.9"));
        let mut config = File::create(&haproxy.config).unwrap();
        config
            .write_all(b"frontend f\n    bind sideways\n")
            .unwrap();
        let error = haproxy.start().unwrap_err().to_string();
        assert!(
            error.contains("it has ended: ") && error.contains("sideways"),
            "{error}"
        );
    }
}
