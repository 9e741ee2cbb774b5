use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

/// A template that is built as ours, and as short as HAProxy accepts it.
pub(crate) const TEMPLATE: &str = "global
    stats timeout 30s
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend all
    bind 127.0.140.1:8080
    default_backend nodes
backend nodes
{%- for node in nodes %}
    server {{ node.name }} {{ node.address }} check weight {{ node.weight }}
{%- endfor %}
";

/// The variables that stand for options, but for that of the master's socket, and those of a
/// run of the chain.
pub(crate) const VARIABLES: [&str; 9] = [
    "NODES_DIR",
    "HAPROXY_TEMPLATE",
    "HAPROXY_CFG",
    "HAPROXY_PROGRAM",
    "HAPROXY_CHECK",
    "HAPROXY_NO_CHECK",
    "HAPROXY_TEMPLATE_LIMIT",
    "CHAIN_RUN",
    "MUSTER_JOURNAL",
];

/// A folder of nodes, a template, and the place of the result.
pub(crate) struct Fixture {
    scratch: harness::Scratch,
}

/// What a run of a program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Fixture {
    pub(crate) fn new(template: &str) -> Self {
        let fixture = Self {
            scratch: harness::scratch(),
        };
        fs::create_dir(fixture.nodes()).unwrap();
        fs::create_dir(fixture.path("etc")).unwrap();
        fixture.template(template);
        fixture
    }

    pub(crate) fn with_nodes(template: &str, lines: &[&str]) -> Self {
        let fixture = Self::new(template);
        for line in lines {
            fixture.node(line);
        }
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn nodes(&self) -> PathBuf {
        self.path("nodes")
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path("etc/haproxy.cfg")
    }

    pub(crate) fn template(&self, text: &str) {
        write(&self.path("haproxy.cfg.tera"), text);
    }

    pub(crate) fn node(&self, line: &str) {
        let name = line.split(' ').next().unwrap();
        write(&self.nodes().join(name), format!("{line}\n"));
    }

    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.output()).unwrap()
    }

    pub(crate) fn servers(&self) -> Vec<String> {
        let config = self.config();
        let servers = config.lines().map(str::trim);
        // `again` is HAProxy itself.
        let is_node = |line: &&str| line.starts_with("server ") && !line.contains(" unix@");
        let servers = servers.filter(is_node);
        servers.map(str::to_string).collect()
    }

    /// The program without options, and without the variables that stand for them.
    pub(crate) fn bare() -> Command {
        let mut command = Command::new(cargo_bin!("haproxy-gen"));
        for name in VARIABLES {
            command.env_remove(name);
        }
        // A HAProxy of this machine is none of ours.
        command.env("HAPROXY_MASTER", "/nonexistent/master.sock");
        command
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Self::bare();
        command
            .arg("--nodes")
            .arg(self.nodes())
            .arg("--template")
            .arg(self.path("haproxy.cfg.tera"))
            .arg("--output")
            .arg(self.output());
        command
    }

    /// Runs it, and lets it check with the real HAProxy.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command();
        command.arg("--haproxy").arg(harness::require("haproxy"));
        command.args(arguments).output().unwrap().into()
    }

    /// Runs it with a HAProxy that counts its runs, and says whether it was run.
    pub(crate) fn run_watched(&self) -> (Run, bool) {
        self.watch(&mut self.command())
    }

    /// Runs this command as [`Fixture::run_watched`] does.
    pub(crate) fn watch(&self, command: &mut Command) -> (Run, bool) {
        let (watched, count) = (self.path("watched"), self.path("count"));
        let real = harness::require("haproxy");
        let text = format!(
            "#!/bin/sh\necho run >{}\nexec {} \"$@\"\n",
            count.display(),
            real.display()
        );
        harness::write_program(&watched, &text);
        let run = command.arg("--haproxy").arg(&watched).output().unwrap();
        (run.into(), fs::remove_file(count).is_ok())
    }

    /// What HAProxy itself says of the file.
    pub(crate) fn haproxy_takes_it(&self) -> Result<(), String> {
        let haproxy = harness::require("haproxy");
        let output = Command::new(haproxy)
            .arg("-c")
            .arg("-f")
            .arg(self.output())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "fixtures are written as a person would"
)]
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::write(path, text).unwrap();
}
