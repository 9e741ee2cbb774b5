//! `from-s6-rc`: service directories of s6-overlay 3's definitions, as the program makes them.

mod images;
mod mapping;
mod model;
mod random;
mod refusals;
mod started;
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::write_file;

const FROM_S6_RC: &str = env!("CARGO_BIN_EXE_from-s6-rc");

/// The files of an image: `etc`, and the scan directory `services`.
struct Image {
    root: harness::Scratch,
}

impl Image {
    fn new() -> Image {
        let root = harness::scratch();
        fs::create_dir_all(root.path().join("etc/s6-overlay/s6-rc.d")).unwrap();
        Image { root }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn source(&self) -> PathBuf {
        self.path("etc/s6-overlay/s6-rc.d")
    }

    fn destination(&self) -> PathBuf {
        self.path("services")
    }

    /// A file in the image.
    fn at(self, path: &str, content: &str) -> Image {
        write_file(&self.path(path), content, 0o644);
        self
    }

    /// A file of a definition.
    fn file(self, path: &str, content: &str) -> Image {
        self.at(&format!("etc/s6-overlay/s6-rc.d/{path}"), content)
    }

    fn names(mut self, folder: &str, names: &[&str]) -> Image {
        for name in names {
            self = self.file(&format!("{folder}/{name}"), "");
        }
        self
    }

    fn longrun(self, name: &str, needs: &[&str]) -> Image {
        self.file(&format!("{name}/type"), "longrun\n")
            .file(&format!("{name}/run"), "#!/bin/sh\nexec sleep 1000\n")
            .names(&format!("{name}/dependencies.d"), needs)
    }

    fn oneshot(self, name: &str, up: &str, needs: &[&str]) -> Image {
        self.file(&format!("{name}/type"), "oneshot\n")
            .file(&format!("{name}/up"), up)
            .names(&format!("{name}/dependencies.d"), needs)
    }

    fn bundle(self, name: &str, names: &[&str]) -> Image {
        self.file(&format!("{name}/type"), "bundle\n")
            .names(&format!("{name}/contents.d"), names)
    }

    fn user(self, names: &[&str]) -> Image {
        self.names("user/contents.d", names)
    }

    /// A service that is in the scan directory already.
    fn service(self, name: &str) -> Image {
        self.at(&format!("services/{name}/run"), "#!/bin/sh\n")
    }

    fn command(&self) -> Command {
        self.command_into("services")
    }

    fn command_into(&self, destination: &str) -> Command {
        let mut command = Command::new(FROM_S6_RC);
        command.arg(self.source()).arg(self.path(destination));
        command.env_remove("S6_RUNTIME_BUNDLEDIR");
        command
    }

    /// Converts, and shows what is there then.
    #[track_caller]
    fn shape(&self) -> Vec<String> {
        let output = self.command().output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        shape(&self.destination())
    }

    /// What is said when it is refused, and that nothing is written then.
    #[track_caller]
    fn refusal(&self) -> String {
        let before = files(&self.destination());
        let output = self.command().output().unwrap();
        assert_eq!(output.status.code(), Some(100), "{}", said(&output));
        assert_eq!(files(&self.destination()), before);
        let said = said(&output);
        said.replace(&format!("{}/", self.source().display()), "")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A line for each service: what it is, and what it needs.
fn shape(services: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for name in names_in(services) {
        let service = services.join(&name);
        lines.push(line(&name, &service));
        if service.join("log").exists() {
            lines.push(line(&format!("{name}/log"), &service.join("log")));
        }
    }
    lines
}

fn line(name: &str, service: &Path) -> String {
    let has = |file| service.join(file).exists();
    let kind = match (has("oneshot"), has("run")) {
        (true, true) => "oneshot",
        (true, false) => "milestone",
        (false, true) => "longrun",
        (false, false) => "nothing",
    };
    let needs: Vec<String> = names_in(&service.join("dependencies.d"))
        .into_iter()
        .collect();
    if needs.is_empty() {
        format!("{name}: {kind}")
    } else {
        format!("{name}: {kind} after {}", needs.join(" "))
    }
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for name in names_in(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
    found
}
