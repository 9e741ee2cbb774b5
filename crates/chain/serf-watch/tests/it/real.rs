//! What Serf's own agent does.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Owned, wait_for};
use nix::sys::signal::Signal;

use crate::watcher::{LONG, Watcher, text};

/// Serf's own failure detection takes its time on a busy machine.
const VERY_LONG: Duration = Duration::from_secs(180);

const PACE: &[&str] = &["--every", "1s", "--again", "0s"];

struct Serf {
    ip: String,
    process: Owned,
}

impl Serf {
    /// Starts one with this name, at the address that ends with `host`, with more options.
    fn start(name: impl AsRef<OsStr>, host: &str, more: &[&str]) -> Serf {
        let ip = harness::address(host);
        let mut node = OsString::from("-node=");
        node.push(name);
        let mut command = Command::new(harness::require("serf"));
        command
            .arg("agent")
            .arg(node)
            .args([format!("-bind={ip}"), format!("-rpc-addr={ip}:7373")])
            .args(more);
        let process = Owned::spawn(&mut command).unwrap();
        Serf { ip, process }
    }

    /// Starts another one, which joins this one.
    fn joined_by(&self, name: impl AsRef<OsStr>, host: &str) -> Serf {
        join(name, host, &self.ip)
    }

    fn rpc(&self) -> String {
        format!("{}:7373", self.ip)
    }

    fn tell(&self, arguments: &[&str]) {
        let mut command = Command::new(harness::require("serf"));
        command
            .args(arguments)
            .arg(format!("-rpc-addr={}", self.rpc()));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// Starts an agent that joins the one at the address `seed`.
fn join(name: impl AsRef<OsStr>, host: &str, seed: &str) -> Serf {
    let seed = format!("-retry-join={seed}");
    Serf::start(name, host, &[&seed, "-retry-interval=1s"])
}

/// Follows the agent with a command that keeps the list that it finds.
fn follow(serf: &Serf, options: &[&str], key: &str) -> Watcher {
    let mut watcher = Watcher::new();
    let path = watcher.path("members");
    let script = "serf members -format=json -rpc-addr=\"$1\" -rpc-auth=\"$2\" >\"$0.new\" \
                  && mv \"$0.new\" \"$0\"";
    let rpc = serf.rpc();
    let command = ["sh", "-c", script, path.to_str().unwrap(), &rpc, key];
    watcher.run_command(&rpc, &[PACE, options].concat(), &command);
    watcher
}

impl Watcher {
    /// Waits until a run has found a member in whose entry all of the parts stand.
    fn wait_found(&self, parts: &[&str]) {
        let what = format!("a member with {parts:?}");
        wait_for(&what, VERY_LONG, || self.has_found(parts).then_some(()));
    }

    fn has_found(&self, parts: &[&str]) -> bool {
        let list = text(&self.path("members"));
        let compact: String = list.split_whitespace().collect();
        compact
            .split("\"name\":")
            .any(|member| parts.iter().all(|part| member.contains(part)))
    }
}

#[test]
fn a_join_a_tag_and_a_leave_are_each_followed() {
    let ha = Serf::start("ha", "64.11", &[]);
    let watcher = follow(&ha, &[], "");
    watcher.wait_found(&["\"ha\"", "alive"]);
    let s1 = ha.joined_by("s1", "64.12");
    watcher.wait_found(&["\"s1\"", "alive", &s1.ip]);
    s1.tell(&["tags", "-set", "weight=50"]);
    watcher.wait_found(&["\"s1\"", "\"weight\":\"50\""]);
    s1.process.signal(Signal::SIGINT);
    watcher.wait_found(&["\"s1\"", "left"]);
}

#[test]
fn an_agent_that_was_killed_is_followed_again_and_so_is_the_death_of_another() {
    let ha = Serf::start("ha", "64.21", &[]);
    let watcher = follow(&ha, &[], "");
    let s1 = ha.joined_by("s1", "64.22");
    watcher.wait_found(&["\"s1\"", "alive"]);
    let refused = format!(
        "serf-watch: connect to the agent at {}: Connection refused",
        ha.rpc()
    );
    drop(ha);
    watcher.wait_said(&refused);
    let _ha = join("ha", "64.21", &s1.ip);
    wait_for("the agent to be followed again", LONG, || {
        (watcher.said().matches("follows the agent").count() == 2).then_some(())
    });
    watcher.wait_found(&["\"s1\"", "alive"]);
    drop(s1);
    watcher.wait_found(&["\"s1\"", "failed"]);
}

#[test]
fn its_key_is_understood() {
    let folder = harness::scratch();
    let config = folder.path().join("serf.json");
    // It is as long as the keys that people make, and so no short string of the protocol.
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    std::io::Write::write_all(
        &mut File::create(&config).unwrap(),
        format!("{{\"rpc_auth\":\"{key}\"}}").as_bytes(),
    )
    .unwrap();
    let option = format!("-config-file={}", config.display());
    let ha = Serf::start("ha", "64.31", &[&option]);

    let without = follow(&ha, &[], key);
    without.wait_said("which --rpc-key-file can give: Authentication required\n");
    without.put("wrong", "wrong");
    let wrong = without.path("wrong");
    let wrong = follow(&ha, &["--rpc-key-file", wrong.to_str().unwrap()], key);
    wrong.wait_said("refuses the key in --rpc-key-file: Invalid authentication token\n");

    without.put("right", key);
    let right = without.path("right");
    let right = follow(&ha, &["--rpc-key-file", right.to_str().unwrap()], key);
    right.wait_found(&["\"ha\"", "alive"]);
    assert!(!without.path("members").exists() && !wrong.path("members").exists());
}

#[test]
fn names_that_are_not_utf8_are_followed_too() {
    let ha = Serf::start("ha", "64.41", &[]);
    let watcher = follow(&ha, &[], "");
    watcher.wait_found(&["\"ha\"", "alive"]);
    let name = OsStr::from_bytes(b"s\xff\nx");
    let s1 = ha.joined_by(name, "64.42");
    watcher.wait_found(&[&s1.ip, "alive"]);
    s1.process.signal(Signal::SIGINT);
    watcher.wait_found(&[&s1.ip, "left"]);
}
