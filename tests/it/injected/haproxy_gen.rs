//! haproxy-gen: a node and a line more, so that HAProxy has to check the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Scratch;
use harness::cluster::program;
use harness::faults::Program;
use harness::haproxy::Haproxy;

use super::folder::{self, Files, without_digits};
use super::trial::{Ended, Subject, try_all};
use super::write;

const CHECKED: &str = "etc/.haproxy.cfg.checked";
const CANDIDATE: &str = "etc/.haproxy.cfg.candidate";

const TEMPLATE: &str = "global
    stats timeout 30s
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend all
    bind 127.0.0.1:8080
    default_backend nodes
backend nodes
{%- for node in nodes %}
    server {{ node.name }} {{ node.address }} check weight {{ node.weight }}
{%- endfor %}
";

struct HaproxyGen {
    scratch: Scratch,
    before: Files,
}

impl HaproxyGen {
    fn new() -> Self {
        let mut subject = Self {
            scratch: harness::scratch(),
            before: Files::new(),
        };
        fs::create_dir(subject.path("nodes")).unwrap();
        fs::create_dir(subject.path("etc")).unwrap();
        subject.node("s1", "10.0.0.1");
        subject.node("s2", "10.0.0.2");
        write(&subject.path("haproxy.cfg.tera"), TEMPLATE);
        let Program { mut command, .. } = subject.program();
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        subject.node("s3", "10.0.0.3");
        let changed = TEMPLATE.replace("server 1s", "server 2s");
        write(&subject.path("haproxy.cfg.tera"), &changed);
        subject.before = folder::read(subject.folder(), |_, content| Some(content));
        subject
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn node(&self, name: &str, address: &str) {
        let line = format!("{name} {address}\n");
        write(&self.path("nodes").join(name), &line);
    }
}

impl Subject for HaproxyGen {
    fn name(&self) -> &'static str {
        "haproxy-gen"
    }

    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn reset(&mut self) {
        folder::restore(self.folder(), &self.before);
    }

    fn program(&self) -> Program {
        let mut command = Command::new(program("haproxy-gen"));
        command.env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("NODES_DIR", self.path("nodes"))
            .env("HAPROXY_TEMPLATE", self.path("haproxy.cfg.tera"))
            .env("HAPROXY_CFG", self.path("etc/haproxy.cfg"))
            .env("HAPROXY_PROGRAM", Haproxy::program().unwrap())
            .env("HAPROXY_MASTER", self.path("no-master"));
        command.into()
    }

    fn shown(&self, name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        match name {
            // A mark of what HAProxy has found right. Without it, or with another, the next
            // run lets HAProxy check once more.
            CHECKED => Some(without_digits(content)),
            _ => Some(content),
        }
    }

    fn is_left_over(&self, name: &str) -> bool {
        name == CANDIDATE || files::is_half_made(Path::new(name))
    }

    fn judge(&self, _ended: &Ended) -> Result<(), String> {
        let config = fs::read_to_string(self.path("etc/haproxy.cfg")).unwrap_or_default();
        let missing = ["s1", "s2"]
            .into_iter()
            .find(|name| !config.contains(&format!("    server {name} ")));
        missing.map_or(Ok(()), |name| Err(format!("{name} is missing: {config}")))
    }
}

#[test]
fn whatever_fails_while_a_file_is_made_the_next_run_puts_all_right() {
    try_all(&mut HaproxyGen::new());
}
