//! A real `s6-svscan` with three services, and both sets of tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::{Scratch, wait_for};

use crate::releases;

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The scan directory and its supervisor.
pub(crate) struct World {
    pub(crate) dir: Scratch,
    scan: Child,
}

impl World {
    /// `up` sleeps, `ready` has announced that it is ready, `down` ends with 3 whenever it is started.
    pub(crate) fn new() -> World {
        let dir = harness::scratch();
        service(&dir.path().join("up"), "exec sleep 1000", &[]);
        service(
            &dir.path().join("ready"),
            "echo >&3; exec 3>&- sleep 1000",
            &[("notification-fd", "3")],
        );
        service(&dir.path().join("down"), "exit 3", &[("down", "")]);
        let scan = Command::new(harness::require("s6-svscan"))
            .arg(dir.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let world = World { dir, scan };
        world.wait_line("up", "up (");
        world.wait_line("ready", ", ready");
        world.wait_line("down", "down (");
        world
    }

    pub(crate) fn path(&self, service: &str) -> PathBuf {
        self.dir.path().join(service)
    }

    pub(crate) fn wait_line(&self, service: &str, part: &str) {
        wait_for(&format!("{service} to be {part:?}"), SOON, || {
            self.run(Path::new(env!("CARGO_BIN_EXE_svstat")), service)
                .out
                .contains(part)
                .then_some(())
        });
    }

    /// Runs a program in the scan directory with these words as arguments.
    pub(crate) fn run(&self, program: &Path, words: &str) -> Answer {
        let output = Command::new("timeout")
            .arg("60")
            .arg(program)
            .args(words.split_whitespace())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("timeout(1) ends with a code");
        assert_ne!(code, 124, "{} {words} hangs", program.display());
        Answer {
            code,
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    pub(crate) fn svc(&self, words: &str) -> Answer {
        self.run(Path::new(env!("CARGO_BIN_EXE_svc")), words)
    }

    pub(crate) fn svstat(&self, words: &str) -> Answer {
        self.run(Path::new(env!("CARGO_BIN_EXE_svstat")), words)
    }

    pub(crate) fn s6_svc(&self, words: &str) -> Answer {
        self.run(&harness::require("s6-svc"), words)
    }

    /// What the real one prints, in the words of ours.
    pub(crate) fn s6_svstat(&self, words: &str) -> Answer {
        let answer = self.run(&harness::require("s6-svstat"), words);
        Answer {
            out: releases::in_our_words(&answer.out),
            ..answer
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new(harness::require("s6-svscanctl"))
            .arg("-t")
            .arg(self.dir.path())
            .status();
        // A supervisor that has not come so far that s6-svscanctl could reach it is killed.
        for _look in 0..500 {
            if matches!(self.scan.try_wait(), Ok(Some(_))) {
                return;
            }
            harness::wait::pass(Duration::from_millis(10));
        }
        let _ = self.scan.kill();
        let _ = self.scan.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "fixtures need no atomic replacement"
)]
pub(crate) fn service(path: &Path, run: &str, files: &[(&str, &str)]) {
    fs::create_dir(path).unwrap();
    for (name, content) in files {
        fs::write(path.join(name), content).unwrap();
    }
    harness::write_program(&path.join("run"), &format!("#!/bin/sh\n{run}\n"));
}
