//! serf-members as a process, beside Serf's own command.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod forged;
mod recorded;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use harness::{Owned, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A deadline that no load of the machine reaches.
const LONG: Duration = Duration::from_secs(180);

/// The members by name, as a list has them.
type List = BTreeMap<String, Value>;

struct Agent {
    rpc: String,
    process: Owned,
}

impl Agent {
    fn start(name: impl AsRef<OsStr>, host: &str, more: &[&str]) -> Self {
        let ip = harness::address(host);
        let rpc = format!("{ip}:7373");
        let mut command = Command::new(harness::require("serf"));
        command.args(["agent", "-bind", &ip, "-rpc-addr", &rpc]);
        command.arg("-node").arg(name).args(more);
        let process = Owned::spawn(&mut command).unwrap();
        Self { rpc, process }
    }

    fn joined_by(&self, name: impl AsRef<OsStr>, host: &str, more: &[&str]) -> Self {
        let seed = self.rpc.strip_suffix(":7373").unwrap();
        let seed = format!("-retry-join={seed}");
        Self::start(name, host, &[&[&seed, "-retry-interval=1s"], more].concat())
    }

    fn ours(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_serf-members"));
        for variable in [
            "NODES_DIR",
            "SERF_RPC_KEY_FILE",
            "CHAIN_RUN",
            "MUSTER_JOURNAL",
        ] {
            command.env_remove(variable);
        }
        command
            .args(["--timeout", "60s", "--rpc", &self.rpc])
            .args(more);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn list(&self, more: &[&str]) -> List {
        list(&self.ours(more)).unwrap()
    }

    fn serfs(&self) -> Output {
        let mut command = Command::new(harness::require("serf"));
        command.args(["members", "-format=json", "-rpc-addr", &self.rpc]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Waits until Serf's list shows a member with this status.
    fn wait(&self, name: &str, status: &str) {
        wait_for(&format!("{name} to be {status}"), LONG, || {
            let list = list(&self.serfs())?;
            (list.get(name)?["status"] == *status).then_some(())
        });
    }
}

/// The list that a program has printed, if it has.
fn list(output: &Output) -> Option<List> {
    let all: Value = serde_json::from_slice(&output.stdout).ok()?;
    let all = all["members"].as_array()?.iter();
    let all = all.map(|member| (member["name"].as_str().unwrap().to_owned(), member.clone()));
    output.status.success().then(|| all.collect())
}

fn put(folder: &Path, name: &str) {
    let content = format!("{name} 10.0.0.1\n");
    files::replace(
        &folder.join(name),
        content.as_bytes(),
        files::Durability::Unsynced,
    )
    .unwrap();
}

#[test]
fn it_shows_what_serf_shows_whatever_the_names() {
    let ha = Agent::start(
        "ha",
        "66.1",
        &["-tag=role=balancer", "-tag=a b=<&>\u{2028}"],
    );
    let names = [
        &b"a\xe2\x98b\xff"[..],
        b"../../x",
        b"nl\nfake\t10.9.9.9",
        b"q\"\\uote",
        b"cr\r",
        b"\x1b]0;title\x07\x7f\xc2\x9b2J",
    ];
    let hosts = ["66.2", "66.3", "66.4", "66.5", "66.6", "66.7"];
    let others = names.iter().zip(hosts);
    let others: Vec<Agent> = others
        .map(|(name, host)| {
            ha.joined_by(OsStr::from_bytes(name), host, &["-tag=port=80\x7f\u{9b}"])
        })
        .collect();
    wait_for("all members", LONG, || {
        (list(&ha.serfs())?.len() == 1 + others.len()).then_some(())
    });
    assert_eq!(Some(ha.list(&[])), list(&ha.serfs()));
    assert!(ha.list(&[]).contains_key("a\u{fffd}\u{fffd}b\u{fffd}"));
    // What a terminal would do with it is another matter.
    let printed = String::from_utf8(ha.ours(&[]).stdout).unwrap();
    let steers = |it: char| it.is_control() && it != '\n';
    assert!(!printed.contains(steers), "{printed:?}");
}

#[test]
fn of_those_that_have_left_it_shows_the_ones_that_have_a_file() {
    let ha = Agent::start("ha", "66.11", &[]);
    let s1 = ha.joined_by("s1", "66.12", &[]);
    let s2 = ha.joined_by("s2", "66.13", &[]);
    ha.wait("s1", "alive");
    ha.wait("s2", "alive");
    s1.process.signal(Signal::SIGINT);
    s2.process.signal(Signal::SIGINT);
    ha.wait("s1", "left");
    ha.wait("s2", "left");
    let folder = harness::scratch();
    let nodes = ["--nodes", folder.path().to_str().unwrap()];
    let names = |list: List| list.into_keys().collect::<Vec<_>>();
    assert_eq!(names(ha.list(&[])), ["ha", "s1", "s2"]);
    assert_eq!(names(ha.list(&nodes)), ["ha"]);
    put(folder.path(), "s1");
    put(folder.path(), "s9");
    put(folder.path(), ".s2");
    let known = ha.list(&nodes);
    assert_eq!(Some(&known["s1"]), list(&ha.serfs()).unwrap().get("s1"));
    assert_eq!(names(known), ["ha", "s1"]);
    for number in 10..60 {
        put(folder.path(), &format!("s{number}"));
    }
    assert_eq!(names(ha.list(&nodes)), ["ha", "s1"]);
    // A folder that is not there yet has no nodes.
    assert_eq!(names(ha.list(&["--nodes", "/nonexistent/nodes"])), ["ha"]);
}

#[test]
fn hundreds_that_have_left_make_no_look_larger() {
    let ha = Agent::start("ha", "66.51", &[]);
    ha.wait("ha", "alive");
    let names: Vec<String> = (0..300).map(|n| format!("webapp-{n}")).collect();
    // Few at a time, since the agent drops what comes faster than it can take it.
    for some in names.chunks(50) {
        wait_for("all of them to have left", LONG, || {
            for name in some {
                forged::leave(&harness::address("66.51"), name);
            }
            let list = list(&ha.serfs())?;
            let has_left = |name| list.get(name).is_some_and(|it| it["status"] == "left");
            some.iter().all(has_left).then_some(())
        });
    }
    assert!(ha.serfs().stdout.len() > 60_000);
    let folder = harness::scratch();
    put(folder.path(), "webapp-7");
    let nodes = ["--nodes", folder.path().to_str().unwrap()];
    assert!(ha.ours(&nodes).stdout.len() < 1_000);
    assert_eq!(
        ha.list(&nodes).into_keys().collect::<Vec<_>>(),
        ["ha", "webapp-7"]
    );
}

#[test]
fn those_that_have_left_go_when_the_time_of_their_tombstones_is_over() {
    let folder = harness::scratch();
    let path = folder.path().join("serf.json");
    let config = b"{\"tombstone_timeout\":\"1s\"}";
    files::replace(&path, config, files::Durability::Unsynced).unwrap();
    let config = format!("-config-file={}", path.display());
    let ha = Agent::start("ha", "66.41", &[&config]);
    let s1 = ha.joined_by("s1", "66.42", &[]);
    ha.wait("s1", "alive");
    s1.process.signal(Signal::SIGINT);
    // Serf looks for such members every 15 s.
    wait_for("s1 to be gone", LONG, || {
        (!ha.list(&[]).contains_key("s1")).then_some(())
    });
}

#[test]
fn a_key_is_read_from_its_file() {
    let folder = harness::scratch();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        files::replace(&path, text.as_bytes(), files::Durability::Unsynced).unwrap();
    };
    write("serf.json", "{\"rpc_auth\":\"geheim\"}");
    write("right", "geheim\n");
    write("wrong", "falsch\n");
    let config = format!("-config-file={}", path("serf.json"));
    let ha = Agent::start("ha", "66.21", &[&config]);
    wait_for("the agent to answer", LONG, || {
        list(&ha.ours(&["--rpc-key-file", &path("right")]))
    });
    for (options, told) in [
        (
            vec!["--rpc-key-file".to_owned(), path("wrong")],
            "refuses the key in --rpc-key-file",
        ),
        (Vec::new(), "asks for a key, which --rpc-key-file can give"),
        (
            vec!["--rpc-key-file".to_owned(), path("none")],
            "there is no such file",
        ),
    ] {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let output = ha.ours(&options);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with("serf-members: ") && said.contains(told),
            "{said}"
        );
        assert_eq!((output.status.code(), output.stdout.len()), (Some(111), 0));
    }
}

#[test]
fn without_an_agent_it_fails_and_without_an_address_it_is_used_wrongly() {
    let run = |rpc: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_serf-members"));
        command.args(["--rpc", rpc]).output().unwrap()
    };
    let nobody = run(&format!("{}:7373", harness::address("66.31")));
    let said = String::from_utf8_lossy(&nobody.stderr);
    assert!(
        said.starts_with("serf-members: connect to the agent at 127."),
        "{said}"
    );
    assert_eq!((nobody.status.code(), nobody.stdout.len()), (Some(111), 0));
    // So much, added to a moment, is more than a clock can show.
    let mut command = Command::new(env!("CARGO_BIN_EXE_serf-members"));
    let long = command.args(["--timeout", "18446744073709551615s"]);
    let long = long.output().unwrap();
    assert!(String::from_utf8_lossy(&long.stderr).contains("it is longer than a year"));
    assert_eq!(long.status.code(), Some(100));
    let none = run("ha:7373");
    assert!(String::from_utf8_lossy(&none.stderr).contains("it is not IP:PORT"));
    assert_eq!(none.status.code(), Some(100));
}
