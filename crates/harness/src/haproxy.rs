//! A HAProxy on loopback, and its command socket.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::Owned;
use crate::wait;

/// Ten times what a start with 10,000 servers takes.
const START: Duration = Duration::from_secs(60);
/// A socket that does not answer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The files of one HAProxy, and where it listens.
#[derive(Clone, Debug)]
pub struct Haproxy {
    pub config: PathBuf,
    pub socket: PathBuf,
    pub master: PathBuf,
    address: String,
}

impl Haproxy {
    pub fn new(directory: &Path, address: impl Into<String>) -> Self {
        Self {
            config: directory.join("haproxy.cfg"),
            socket: directory.join("s"),
            master: directory.join("m"),
            address: address.into(),
        }
    }

    /// What our programs and the template's own variables are told of it.
    pub fn environment(&self, command: &mut Command) {
        command
            .env("HAPROXY_CFG", &self.config)
            .env("HAPROXY_SOCKET", &self.socket)
            .env("HAPROXY_MASTER", &self.master)
            .env("HAPROXY_HTTP", format!("{}:8080", self.address))
            .env("HAPROXY_STATS", format!("{}:1936", self.address))
            .env("HAPROXY_CLI_BIND", format!("{}:9999", self.address))
            .env("HAPROXY_LOG", self.config.with_file_name("no-log"));
    }

    /// Starts it and waits until it answers.
    pub fn start(&self) -> anyhow::Result<Owned> {
        let mut command = Command::new("haproxy");
        self.environment(&mut command);
        command
            .args(["-W", "-S"])
            .arg(&self.master)
            .arg("-f")
            .arg(&self.config);
        let owned = Owned::spawn(&mut command)?;
        wait::until("HAProxy's first answer", START, || self.worker().ok())?;
        Ok(owned)
    }

    /// `haproxy -c`, as `haproxy-gen` runs it.
    pub fn check(&self) -> Command {
        let mut command = Command::new("haproxy");
        self.environment(&mut command);
        command.args(["-c", "-q", "-f"]).arg(&self.config);
        command
    }

    /// The process that serves: another one after a reload.
    pub fn worker(&self) -> anyhow::Result<u32> {
        let answer = ask(&self.socket, "show info")?;
        answer
            .lines()
            .find_map(|line| line.strip_prefix("Pid: ")?.parse().ok())
            .context("find the worker in the answer to show info")
    }
}

/// One command, and the whole answer to it.
pub fn ask(socket: &Path, command: &str) -> anyhow::Result<String> {
    let talk = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\n").as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    talk().with_context(|| format!("ask {command} of {}", socket.display()))
}

/// What HAProxy says of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    pub weight: u32,
    /// Whether new requests are sent to it, as far as commands say so.
    pub wanted: bool,
}

/// The server `name` in an answer to `show servers state`.
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
        let haproxy = Haproxy::new(scratch.path(), "127.0.43.8");
        let text = format!(
            "global\n stats socket {} mode 600 level admin\ndefaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind \"${{HAPROXY_HTTP}}\"\n",
            haproxy.socket.display()
        );
        let mut config = std::fs::File::create(&haproxy.config).unwrap();
        config.write_all(text.as_bytes()).unwrap();
        assert!(haproxy.check().status().unwrap().success());
        let running = haproxy.start().unwrap();
        let worker = haproxy.worker().unwrap();
        assert_ne!(worker, running.pid(), "the master is another process");
        drop(running);
        crate::wait_for("its end", START, || crate::has_ended(worker).then_some(()));
    }
}
