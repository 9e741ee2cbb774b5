//! What a container has in `/etc`, and the supervisor that is started for it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::Scratch;

use super::{GRACE, Service, World, init, write_file};

/// A small `/etc` of a container, and our `init` for it.
pub(crate) struct Container {
    pub(crate) dir: Scratch,
    environment: Vec<(String, String)>,
}

impl Container {
    pub(crate) fn with(services: &[Service]) -> Container {
        let container = Container {
            dir: harness::scratch(),
            environment: Vec::new(),
        };
        let from = container.path("etc/services.d");
        fs::create_dir_all(&from).unwrap();
        for service in services {
            service.install(&from);
        }
        container
    }

    /// A container whose files are in `dir` already.
    pub(crate) fn at(dir: Scratch) -> Container {
        Container {
            dir,
            environment: Vec::new(),
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub(crate) fn script(self, path: &str, body: &str, mode: u32) -> Container {
        write_file(&self.path(path), &format!("#!/bin/sh\n{body}\n"), mode);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Container {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A command that starts `init` for it with this COMMAND. Without one `init` supervises until it gets a signal.
    pub(crate) fn command(&self, command: &[&str]) -> Command {
        let mut init = init();
        init.env_clear()
            .env("PATH", env::var("PATH").unwrap_or_default())
            .env(GRACE.0, GRACE.1)
            .envs(self.environment.iter().cloned());
        init.arg("--services")
            .arg(self.path("etc/services.d"))
            .arg("--scandir")
            .arg(self.path("scan"));
        init.args(command);
        init
    }

    pub(crate) fn start(self, command: &[&str]) -> World {
        let command = self.command(command);
        World::start(self.dir, command)
    }
}
