//! What hangs in the chain's scripts is ended, and keeps nobody waiting.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Scratch, root, wait_for, write_program};

/// Longer than all limits together, with room for the load of the machine.
const AMPLE: Duration = Duration::from_secs(300);
const STEPS: [&str; 3] = ["serf-nodes", "haproxy-gen", "haproxy-reload"];
/// Neither TERM nor its caller's end ends it.
const HANGS: &str = "#!/bin/sh\ntrap '' TERM\nsleep 1000 & wait\nsleep 1000\n";

/// A folder with programs that say that they were run, in place of those of the chain, and
/// with the script, whose limits are a second where they would be a minute.
struct Chain {
    scratch: Scratch,
}

impl Chain {
    fn new(script: &str) -> Self {
        let chain = Self {
            scratch: harness::scratch(),
        };
        fs::create_dir(chain.path("nodes")).unwrap();
        fs::create_dir(chain.path("bin")).unwrap();
        for step in STEPS {
            let says = format!(
                "#!/bin/sh\necho {step} >>\"{}\"\n",
                chain.path("ran").display()
            );
            chain.program(step, &says);
        }
        chain.program("serf-members", "#!/bin/sh\necho '{\"members\":[]}'\n");
        let text = fs::read_to_string(root().join(script)).unwrap();
        let short = text.replace(" 60 h", " 1 h").replace(" 60 s", " 1 s");
        let short = short
            .replace("limited 30", "limited 1")
            .replace("-k 5", "-k 1");
        assert_ne!(short, text);
        write_program(&chain.path("script"), &short);
        chain
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        write_program(&self.path("bin").join(name), text);
    }

    /// Runs the script: its code, 124 if it has not ended by itself, and what it says. That
    /// goes to a file, since what it leaves would hold a pipe.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let bin = self.path("bin");
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
        let said = fs::File::create(self.path("said")).unwrap();
        let status = Command::new("timeout")
            .args(["-k", "5", "200"])
            .arg(self.path("script"))
            .args(arguments)
            .env("PATH", path)
            .env("NODES_DIR", self.path("nodes"))
            .env("HAPROXY_CFG", self.path("haproxy.cfg"))
            .env_remove("SERF_RPC_KEY_FILE")
            .env_remove("MUSTER_CHAIN")
            .stdout(Stdio::null())
            .stderr(said)
            .status();
        let said = fs::read_to_string(self.path("said")).unwrap();
        (status.unwrap().code(), said)
    }

    fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn lock_is_free(&self) -> bool {
        let lock = self.path("nodes/.chain");
        let mut flock = Command::new("flock");
        flock.arg("-n").arg(lock).arg("true");
        flock.status().unwrap().success()
    }
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_step_that_hangs_is_ended_and_the_others_are_done() {
    for hanging in STEPS {
        let chain = Chain::new("ha/scripts/member-event");
        chain.program(hanging, HANGS);
        let (code, said) = chain.run(&["sync"]);
        assert_eq!(code, Some(111), "{hanging}: {said}");
        let words = format!("member-event: {hanging} had not ended after 1 s");
        assert!(said.contains(&words), "{said}");
        let others: Vec<&str> = STEPS.into_iter().filter(|step| *step != hanging).collect();
        assert_eq!(chain.ran(), others);
        // Its child is still there, as something that waits for a disk would be.
        assert!(chain.lock_is_free(), "{hanging}");
    }
}

#[test]
fn an_event_without_end_is_given_up() {
    let chain = Chain::new("ha/scripts/member-event");
    mkfifo(&chain.path("event"));
    // Open for both, it has a writer for as long as this test goes on.
    let both = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(chain.path("event"));
    let mut command = Command::new(chain.path("script"));
    let mut child = command
        .env("NODES_DIR", chain.path("nodes"))
        .env("SERF_EVENT", "member-join")
        .stdin(both.unwrap())
        .spawn()
        .unwrap();
    let status = wait_for("the end of the run", AMPLE, || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(111));
    assert!(chain.lock_is_free());
}

#[test]
fn a_file_of_the_chain_that_is_none_is_told_and_not_waited_for() {
    for name in [".chain", ".members", ".event"] {
        let chain = Chain::new("ha/scripts/member-event");
        mkfifo(&chain.path("nodes").join(name));
        let (code, said) = chain.run(&["sync"]);
        assert_eq!(code, Some(111), "{name}: {said}");
        assert!(said.contains(&format!("{name} is no regular file")));
    }
}

#[test]
fn a_link_in_the_place_of_a_file_of_the_chain_is_told_and_what_it_names_stays() {
    for name in [".chain", ".members", ".event"] {
        for there in [true, false] {
            let chain = Chain::new("ha/scripts/member-event");
            let named = chain.path("named");
            if there {
                files::replace(&named, b"kept\n", files::Durability::Unsynced).unwrap();
            }
            std::os::unix::fs::symlink(&named, chain.path("nodes").join(name)).unwrap();
            let (code, said) = chain.run(&["sync"]);
            assert_eq!(code, Some(111), "{name}: {said}");
            assert!(said.contains(&format!("{name} is no regular file")));
            let kept = fs::read_to_string(&named).ok();
            assert_eq!(kept.as_deref(), there.then_some("kept\n"), "{name}");
        }
    }
}

#[test]
fn haproxy_starts_from_the_good_file_whatever_hangs_before_it() {
    for kind in ["file", "FIFO", "link"] {
        let chain = Chain::new("ha/services/ha/run");
        chain.program("haproxy-gen", HANGS);
        let ran = chain.path("ran");
        // Its check hangs, and when it is started it shows with what.
        let haproxy = format!(
            "#!/bin/sh\ncase $1 in -c) sleep 1000 ;; esac\nfor last; do :; done\ncat \"$last\" >\"{}\"\n",
            ran.display()
        );
        chain.program("haproxy", &haproxy);
        let config = chain.path("haproxy.cfg");
        match kind {
            "FIFO" => mkfifo(&config),
            "link" => std::os::unix::fs::symlink("bad", &config).unwrap(),
            _ => {}
        }
        let bad = chain.path(if kind == "link" { "bad" } else { "haproxy.cfg" });
        if kind != "FIFO" {
            files::replace(&bad, b"bad\n", files::Durability::Unsynced).unwrap();
        }
        let good = chain.path("haproxy.cfg.good");
        files::replace(&good, b"good\n", files::Durability::Unsynced).unwrap();
        let (code, said) = chain.run(&[]);
        assert_eq!(code, Some(0), "{kind}: {said}");
        assert_eq!(chain.ran(), ["good"], "{kind}");
        assert_eq!(config.is_symlink(), kind == "link");
        let kept = fs::read_to_string(chain.path("haproxy.cfg.bad")).ok();
        assert_eq!(
            kept.as_deref(),
            (kind != "FIFO").then_some("bad\n"),
            "{kind}"
        );
    }
}
