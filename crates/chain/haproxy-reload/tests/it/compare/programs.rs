//! The programs under test, and the HAProxy that they are tested with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use files::Durability;
use harness::haproxy::Haproxy;

use super::case::State;
use super::sites::Sites;

/// haproxy-gen, built as these tests are. Cargo builds the programs of this package alone.
fn haproxy_gen() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let own = assert_cmd::cargo::cargo_bin!("haproxy-reload");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "--offline",
            "-p",
            "haproxy-gen",
        ]);
        if own
            .parent()
            .is_some_and(|folder| folder.ends_with("release"))
        {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(harness::root()).status().unwrap();
        assert!(built.success(), "cargo build -p haproxy-gen: {built}");
        own.with_file_name("haproxy-gen")
    })
}

/// A folder with nodes, a template, and what becomes of them.
pub(crate) struct Workplace {
    pub(crate) dir: PathBuf,
    pub(crate) haproxy: Haproxy,
}

impl Workplace {
    pub(crate) fn new(dir: &Path, address: &str) -> Self {
        std::fs::create_dir_all(dir.join("nodes")).unwrap();
        Self {
            dir: dir.to_owned(),
            haproxy: Haproxy::new(dir, address),
        }
    }

    /// Writes the input of a step.
    pub(crate) fn write(&self, state: &State, sites: &Sites) {
        let replace = |path: PathBuf, text: &str| {
            files::replace(&path, text.as_bytes(), Durability::Unsynced).unwrap();
        };
        let files: BTreeMap<String, String> = state.files(sites);
        for entry in std::fs::read_dir(self.dir.join("nodes")).unwrap().flatten() {
            if !files.contains_key(&*entry.file_name().to_string_lossy()) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        for (name, text) in files {
            replace(self.dir.join("nodes").join(name), &text);
        }
        replace(self.dir.join("template"), &state.template.text());
    }

    fn generator(&self, arguments: &[&str]) -> Told {
        let mut command = Command::new(haproxy_gen());
        self.haproxy.environment(&mut command);
        command
            .env("NODES_DIR", self.dir.join("nodes"))
            .env("HAPROXY_TEMPLATE", self.dir.join("template"))
            .arg("--haproxy")
            .arg(Haproxy::program().unwrap())
            .args(arguments);
        Told::of(command)
    }

    /// Makes the configuration.
    pub(crate) fn generate(&self) -> Told {
        self.generator(&[])
    }

    /// What haproxy-gen would make, which HAProxy may refuse.
    pub(crate) fn render(&self) -> Told {
        self.generator(&["--output", "-"])
    }

    /// Runs haproxy-reload.
    pub(crate) fn reload(&self, arguments: &[&str]) -> Told {
        Told::of(crate::haproxy::command(&self.dir, arguments))
    }

    /// Whether HAProxy accepts the file.
    pub(crate) fn check(&self) -> Told {
        Told::of(self.haproxy.check().unwrap())
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    fn of(mut command: Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .stdin(Stdio::null())
            .output()
            .expect("run a program");
        Self {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}
