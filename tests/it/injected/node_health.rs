//! node-health: a node that serves and is alone.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use harness::Scratch;
use harness::cluster::program;
use harness::faults::Program;
use harness::http::serve;

use super::agent::Agent;
use super::trial::{Ended, Subject, try_all};

struct NodeHealth {
    agent: Agent,
    web: SocketAddr,
    scratch: Scratch,
}

impl NodeHealth {
    fn new(host: &str) -> Self {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("serf")).unwrap();
        let agent = Agent::start("health", host, &scratch.path().join("serf"));
        let web = serve(format!("{}:0", agent.ip), |peer| {
            let _ = peer.request();
            peer.answer("200 OK", "");
        });
        Self {
            agent,
            web,
            scratch,
        }
    }
}

impl Subject for NodeHealth {
    fn name(&self) -> &'static str {
        "node-health"
    }

    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn reset(&mut self) {
        let _ = fs::remove_file(self.folder().join("mark"));
    }

    fn program(&self) -> Program {
        let mut command = Command::new(program("node-health"));
        command.env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HEALTH_ADDRESS", self.web.to_string())
            .env("NODE_HEALTH_MARK", self.folder().join("mark"))
            .env("SERF_RPC_ADDR", self.agent.rpc())
            .env("SERF_JOIN", &self.agent.ip);
        command.into()
    }

    /// Whom it cannot ask is not healthy.
    fn other_codes(&self) -> &'static [i32] {
        &[1]
    }

    /// A mark that cannot be written is told, and changes nothing else.
    fn has_done_all_with_0(&self) -> bool {
        false
    }

    fn others(&self) -> Vec<u32> {
        vec![self.agent.pid()]
    }

    fn judge(&self, ended: &Ended) -> Result<(), String> {
        let lines = ended.said.lines().count();
        let (is_right, what) = match ended.code() {
            0 => (ended.said.starts_with("node-health: healthy: "), "healthy"),
            1 => (
                ended.said.starts_with("node-health: not healthy: "),
                "not healthy",
            ),
            _ => (true, ""),
        };
        if is_right && lines <= 1 {
            Ok(())
        } else {
            Err(format!("no line that says {what}"))
        }
    }

    /// The mark without the moment at which it was made.
    fn shown(&self, _name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(&content).into_owned();
        let words = text
            .strip_suffix('\n')
            .and_then(|line| line.split_once(' '));
        Some(words.map_or(content, |(word, _)| format!("{word}\n").into_bytes()))
    }

    fn settled(&self) -> Result<(), String> {
        let mark = fs::read(self.folder().join("mark")).unwrap_or_default();
        let mark = self.shown("mark", mark).unwrap_or_default();
        if mark == b"alone\n" {
            Ok(())
        } else {
            Err(format!("the mark is {}", mark.escape_ascii()))
        }
    }
}

#[test]
fn whatever_fails_while_the_health_is_looked_at_a_line_says_it_and_the_next_look_is_right() {
    try_all(&mut NodeHealth::new("101.3"));
}
