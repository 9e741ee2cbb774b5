//! `serf-agent`: which settings of its environment the agent is given. The page of all
//! settings.

mod page;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};

use harness::{Scratch, root};

/// What `serf-agent` says with these settings; `key` and `rpc` are files with keys.
pub(crate) fn started(settings: &[(&str, &str)]) -> Output {
    started_in(&harness::scratch(), settings)
}

fn started_in(dir: &Scratch, settings: &[(&str, &str)]) -> Output {
    symlink(root().join("tests/it/serf"), dir.path().join("serf")).unwrap();
    for (key, content) in [
        ("key", "Z29zc2lwLW9mLW11c3Rlcg==\n"),
        ("rpc", "without-line-feed"),
    ] {
        files::replace(
            &dir.path().join(key),
            content.as_bytes(),
            files::Durability::Unsynced,
        )
        .unwrap();
    }
    let (scripts, path) = (root().join("ha/scripts"), std::env::var("PATH").unwrap());
    let programs = root().join("target/bin");
    let folders = [dir.path(), &scripts, &programs].map(|it| it.display().to_string());
    let path = format!("{}:{path}", folders.join(":"));
    Command::new(scripts.join("serf-agent"))
        .current_dir(dir.path())
        .env("PATH", path)
        .envs([("ROLE", "backend"), ("SERF_NODE", "s1")])
        .env("SERF_BIND", "127.0.63.1")
        .envs(settings.iter().copied())
        .output()
        .unwrap()
}

pub(crate) fn agent(settings: &[(&str, &str)]) -> serde_json::Value {
    let output = started(settings);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_agent_gets_what_is_set_and_nothing_else() {
    let plain = agent(&[]);
    assert_eq!(plain["node_name"], "s1");
    assert_eq!(plain["tags"], serde_json::json!({ "role": "backend" }));
    assert_eq!(plain["retry_join"], serde_json::json!(["cluster"]));
    for unset in [
        "interface",
        "discover",
        "encrypt_key",
        "rpc_auth",
        "event_handlers",
    ] {
        assert!(plain.get(unset).is_none(), "{unset}: {plain}");
    }

    let settings = [("PORT", "3000"), ("WEIGHT", "50"), ("SERVICE", "shop")];
    let tags = serde_json::json!(
        { "role": "backend", "port": "3000", "weight": "50", "service": "shop" }
    );
    assert_eq!(agent(&settings)["tags"], tags);
    let seeds = agent(&[("SERF_JOIN", "10.0.0.1 ha:8000")]);
    assert_eq!(
        seeds["retry_join"],
        serde_json::json!(["10.0.0.1", "ha:8000"])
    );
    assert!(agent(&[("ROLE", "balancer")])["event_handlers"].is_array());
}

#[test]
fn keys_come_from_their_files() {
    let keys = agent(&[("SERF_KEY_FILE", "key"), ("SERF_RPC_KEY_FILE", "rpc")]);
    assert_eq!(keys["encrypt_key"], "Z29zc2lwLW9mLW11c3Rlcg==");
    assert_eq!(keys["rpc_auth"], "without-line-feed");
}

#[test]
fn keys_are_closed_to_others_whatever_was_in_their_place() {
    for link in [true, false] {
        let dir = harness::scratch();
        let places = ["agent.json", "made.new"].map(|name| dir.path().join(name));
        let named = dir.path().join("named");
        files::replace(&named, b"kept", files::Durability::Unsynced).unwrap();
        for place in &places {
            if link {
                symlink(&named, place).unwrap();
            } else {
                files::replace(place, b"old", files::Durability::Unsynced).unwrap();
                fs::set_permissions(place, PermissionsExt::from_mode(0o644)).unwrap();
            }
        }
        let settings = [
            ("SERF_KEY_FILE", "key"),
            ("SERF_RPC_KEY_FILE", "made"),
            ("MADE_KEY", "secret"),
        ];
        let output = started_in(&dir, &settings);
        assert!(output.status.success(), "{output:?}");
        for name in ["agent.json", "made"] {
            let file = fs::symlink_metadata(dir.path().join(name)).unwrap();
            assert!(file.is_file(), "{name} is a link");
            assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(fs::read(&named).unwrap(), b"kept");
    }
}

#[test]
fn an_agent_whose_key_cannot_be_read_does_not_start_without_it() {
    let output = started(&[("SERF_RPC_KEY_FILE", "missing")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("missing"),
        "{output:?}"
    );
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn what_could_leave_its_place_in_the_settings_is_refused() {
    for (name, value) in [
        ("SERF_NODE", "s1\", \"rpc_addr\": \"0.0.0.0:7373"),
        ("SERVICE", "shop\n"),
        ("SERF_JOIN", "ha \"x\""),
        ("ROLE", "backend\", \"port\": \"1"),
    ] {
        let output = started(&[(name, value)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        assert!(said.contains("has characters other than"), "{said}");
    }
}

#[test]
fn a_seed_is_no_pattern_of_files() {
    let output = started(&[("SERF_JOIN", "ha *")]);
    assert_eq!(output.status.code(), Some(100), "{output:?}");
}

#[test]
fn a_seed_is_no_option_of_the_program_that_looks_it_up() {
    let mut seeds = Command::new(root().join("ha/scripts/serf-seeds"));
    let output = seeds.env("SERF_JOIN", "-sfiles").output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_file_without_a_key_is_told() {
    let dir = harness::scratch();
    let empty = dir.path().join("empty");
    files::replace(&empty, b"", files::Durability::Unsynced).unwrap();
    let empty = empty.display().to_string();
    for setting in ["SERF_KEY_FILE", "SERF_RPC_KEY_FILE"] {
        let output = started(&[(setting, &empty)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&empty), "{setting}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(output.status.code(), Some(111), "{output:?}");
    }
}

#[test]
fn who_makes_the_key_says_that_all_others_need_it() {
    let dir = harness::scratch();
    let key = dir.path().join("gossip.key");
    let gossip_key = || {
        let mut command = Command::new(root().join("ha/scripts/gossip-key"));
        let output = command.arg(&key).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = gossip_key();
    assert!(said.contains("made a new key"), "{said}");
    let made = std::fs::read_to_string(&key).unwrap();
    assert!(!said.contains(made.trim()), "the key itself was told");
    assert_eq!(gossip_key(), "");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), made);
}

#[test]
fn a_balancer_whose_chain_stands_aside_has_the_labs_two_handlers() {
    let aside = agent(&[("ROLE", "balancer"), ("MUSTER_CHAIN", "0")]);
    let handlers = [
        "member-join=exec event-handler /serf-handlers/member-join.sh",
        "member-leave,member-failed=exec event-handler /serf-handlers/member-leave.sh",
    ];
    assert_eq!(aside["event_handlers"], serde_json::json!(handlers));
    let node = agent(&[("MUSTER_CHAIN", "0")]);
    assert!(node.get("event_handlers").is_none());
}
