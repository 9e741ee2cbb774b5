//! Service directories, made file by file.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The files of a service directory.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(super) name: String,
    files: Vec<(String, String, u32)>,
}

impl Service {
    /// A service whose `run` is this shell script.
    pub(crate) fn new(name: &str, run: &str) -> Service {
        Service::only_files(name).script("run", run)
    }

    /// A service directory that has nothing yet.
    pub(crate) fn only_files(name: &str) -> Service {
        Service {
            name: name.into(),
            files: Vec::new(),
        }
    }

    /// A service that sleeps until it gets a signal.
    pub(crate) fn sleeper(name: &str) -> Service {
        Service::new(name, "exec sleep 1000")
    }

    /// A service that announces that it is ready, and then sleeps.
    pub(crate) fn ready_sleeper(name: &str) -> Service {
        Service::new(name, "echo >&3; exec 3>&- sleep 1000").file("notification-fd", "3\n")
    }

    pub(crate) fn script(self, path: &str, body: &str) -> Service {
        self.raw(path, &format!("#!/bin/sh\n{body}\n"), 0o755)
    }

    pub(crate) fn file(self, path: &str, content: &str) -> Service {
        self.raw(path, content, 0o644)
    }

    pub(crate) fn raw(mut self, path: &str, content: &str, mode: u32) -> Service {
        self.files.push((path.into(), content.into(), mode));
        self
    }

    /// It needs this other service.
    pub(crate) fn needs(self, other: &str) -> Service {
        self.file(&format!("dependencies.d/{other}"), "")
    }

    /// Makes the directory under another name and then renames it, so that no scan sees half a service.
    pub(crate) fn install(&self, scandir: &Path) {
        let aside = scandir.join(format!(".{}.new", self.name));
        for (path, content, mode) in &self.files {
            write_file(&aside.join(path), content, *mode);
        }
        fs::rename(&aside, scandir.join(&self.name)).unwrap();
    }
}

pub(crate) fn write_file(path: &Path, content: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if mode & 0o111 == 0 {
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)
            .unwrap();
        std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
    } else {
        harness::write_program(path, content);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
