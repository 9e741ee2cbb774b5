//! Anybody who reaches the gossip port can send anything. Nothing of it gets into a path, a
//! template or a shell, nor raw into a log, and the good nodes are served all the same.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use harness::cluster::{BALANCER, Cluster, SOON, program};
use harness::{wait_for, without_time};

use crate::agent::{Agent, forge_alive};
use crate::view;

const HOSTILE_NAMES: [&[u8]; 9] = [
    b"../../x",
    b"a/b",
    b"-rf",
    b"a b",
    b"$(touch pwn)",
    b"a\nserver evil 127.0.0.1:80",
    b"tab\there",
    b"\xff\xfe",
    b"{{ nodes }}",
];

#[test]
fn members_with_hostile_names_are_refused_and_shown_escaped() {
    let cluster = Cluster::up(81, 1);
    let rogues: Vec<Agent> = HOSTILE_NAMES
        .iter()
        .zip(200..)
        .map(|(name, host)| {
            Agent::start(&cluster, OsStr::from_bytes(name), host, &["role=backend"])
        })
        .collect();
    wait_for("all of them to be members", SOON, || {
        (view::living_in(&cluster).len() == 1 + rogues.len()).then_some(())
    });
    cluster.succeed(&["node", "start", "s2"]);
    cluster.wait_for_nodes(&["s1", "s2"]);
    wait_for("the refusals in the log", SOON, || {
        let log = cluster.log("ha");
        (log.contains(r"a\nserver evil") && log.contains("../../x") && log.contains(r"tab\there"))
            .then_some(())
    });
    let evil = |line: &str| without_time(line).starts_with("server evil");
    assert!(!cluster.log("ha").lines().any(evil));
    assert_only_plain_text(&cluster);
}

/// Whatever our programs have written to the log of events is printable.
fn assert_only_plain_text(cluster: &Cluster) {
    let log = std::fs::read(cluster.file("ha", "serf.log")).unwrap();
    assert!(
        log.iter()
            .all(|byte| *byte == b'\n' || (0x20..0x7f).contains(byte))
    );
}

#[test]
fn forged_packets_leave_nothing_behind_without_encryption() {
    let cluster = Cluster::new(82);
    let output = cluster
        .script(&["up", "1"])
        .env("MUSTER_KEY", "")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let address = [127, harness::net(), 82, 201];
    for name in HOSTILE_NAMES
        .into_iter()
        .chain([&b""[..], b"nul\0", &[b'x'; 300]])
    {
        forge_alive(&cluster, name, &address, b"backend");
    }
    for (name, address) in [
        (&b"zero"[..], &[0, 0, 0, 0][..]),
        (b"multicast", &[224, 0, 0, 1]),
        (b"broadcast", &[255, 255, 255, 255]),
        (b"link-local", &[169, 254, 169, 254]),
        (b"itself", &[127, harness::net(), 82, 42]),
        (b"short", &[1, 2, 3]),
        (b"none", &[]),
    ] {
        forge_alive(&cluster, name, address, b"backend");
    }
    forge_alive(&cluster, b"wrong-role", &address, b"backend\nx");
    wait_for("the forged members", SOON, || {
        (view::living_in(&cluster).len() > 8).then_some(())
    });
    let start = cluster
        .script(&["node", "start", "s2"])
        .env("MUSTER_KEY", "")
        .output()
        .unwrap();
    assert!(start.status.success(), "{start:?}");
    cluster.wait_for_nodes(&["s1", "s2"]);
    assert_only_plain_text(&cluster);
}

#[test]
fn forged_packets_do_not_even_arrive_with_encryption() {
    let cluster = Cluster::up(83, 1);
    forge_alive(
        &cluster,
        b"evil",
        &[127, harness::net(), 83, 201],
        b"backend",
    );
    wait_for("the agent to drop it", SOON, || {
        let log = cluster.log("ha");
        (log.contains("Decrypt packet failed") || log.contains("No installed keys could decrypt"))
            .then_some(())
    });
    cluster.wait_for_nodes(&["s1"]);
}

/// Bytes that clear a screen and rename its window, in 7 bits, in UTF-8 and in 8 bits.
const ESCAPES: &[u8] = b"\x1b]0;title\x07\x1b[2J\xc2\x9b2J\x9b2J\rover";

#[test]
fn what_steers_a_terminal_reaches_no_log_and_no_list() {
    let cluster = Cluster::up(122, 1);
    let escapes = OsStr::from_bytes(ESCAPES);
    let text = String::from_utf8_lossy(ESCAPES).into_owned();
    let tags = [
        "role=backend".to_owned(),
        format!("x={text}"),
        format!("service={text}"),
    ];
    let tags = tags.each_ref().map(String::as_str);
    let _rogue = Agent::start(&cluster, escapes, 200, &tags);
    let list = || {
        let mut list = Command::new(program("serf-members"));
        list.args(["--rpc", &format!("{}:7373", cluster.address(BALANCER))]);
        list.arg("--rpc-key-file")
            .arg(cluster.file("ha", "rpc.key"));
        String::from_utf8_lossy(&list.output().unwrap().stdout).into_owned()
    };
    wait_for("it to be listed", SOON, || {
        list().contains("title").then_some(())
    });
    let mut event = Command::new(harness::require("serf"));
    event.args([
        "event",
        "-rpc-addr",
        &format!("{}:7373", cluster.address(200)),
    ]);
    let sent = event.arg(escapes).arg(escapes).output().unwrap();
    assert!(sent.status.success(), "{sent:?}");
    for node in ["ha", "s1"] {
        wait_for("its words in the log", SOON, || {
            let shown = r"\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}2J\x9b2J\rover";
            let log = cluster.log(node);
            let tells = |word: &str| {
                log.lines()
                    .any(|it| it.contains(word) && it.contains(shown))
            };
            (tells("EventMemberJoin") && tells("user-event")).then_some(())
        });
    }
    cluster.succeed(&["node", "start", "s2"]);
    cluster.wait_for_nodes(&["s1", "s2"]);
    for node in ["ha", "s1", "s2"] {
        let log = std::fs::read(cluster.file(node, "log")).unwrap();
        assert_steers_nothing(&String::from_utf8(log).unwrap());
    }
    assert_only_plain_text(&cluster);
    assert_steers_nothing(&list());
    assert_steers_nothing(&cluster.succeed(&["node", "list"]));
}

fn assert_steers_nothing(text: &str) {
    let steers = |it: char| it.is_control() && !matches!(it, '\n' | '\t');
    assert!(!text.contains(steers), "{text:?}");
}

/// Whoever has the key can say to be where a node serves: as a balancer, and as another node
/// with its port.
#[test]
fn members_at_the_address_of_a_node_neither_push_it_out_nor_double_it() {
    let cluster = Cluster::new(129);
    let up = cluster
        .script(&["up", "2"])
        .env("NODES_HOLD", "0s")
        .output();
    let up = up.unwrap();
    assert!(up.status.success(), "{up:?}");
    cluster.wait_for_nodes(&["s1", "s2"]);
    let before = std::fs::read_to_string(cluster.file("ha", "nodes/s1")).unwrap();
    let s1 = before.split_whitespace().nth(1).unwrap();
    let of_s1 = |name: &str, port: u16, tags: &[&str]| {
        let rpc = format!("{}:{port}", cluster.address(200));
        Agent::start_at(
            &cluster,
            OsStr::new(name),
            &format!("{s1}:{port}"),
            &rpc,
            tags,
        )
    };
    let _twins = [
        of_s1("a-twin", 7951, &["role=backend"]),
        of_s1("z-twin", 7952, &["role=backend", "port=3000", "weight=256"]),
    ];
    let told = |text: &str| {
        let what = format!("'{text}' in the log");
        wait_for(&what, SOON, || {
            cluster.log("ha").contains(text).then_some(())
        });
    };
    told(&format!("refused a-twin: its place {s1}:3000 is s1's"));
    told(&format!("refused z-twin: its place {s1}:3000 is s1's"));
    let _balancer = of_s1("evil", 7950, &["role=balancer"]);
    told("kept s1: the balancer 'evil' claims its address");
    // The node that comes makes the chain run once more.
    cluster.succeed(&["node", "start", "s3"]);
    cluster.wait_for_nodes(&["s1", "s2", "s3"]);
    assert_eq!(cluster.node_files("ha"), ["s1", "s2", "s3"]);
    let after = std::fs::read_to_string(cluster.file("ha", "nodes/s1")).unwrap();
    assert_eq!(after, before);
    assert!(!cluster.log("ha").contains("s1 is lost"));
}
