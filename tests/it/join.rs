//! `serf-join`: whom it joins again, seen by what it asks of Serf.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use harness::root;

/// What `serf-join` joins when `members` are alive and `seeds` are named.
fn joined(members: &[&str], seeds: &str) -> String {
    let dir = harness::scratch();
    let (list, joined) = (dir.path().join("list"), dir.path().join("joined"));
    for name in ["serf", "sleep"] {
        symlink(root().join("tests/it/serf"), dir.path().join(name)).unwrap();
    }
    let members: Vec<_> = members
        .iter()
        .map(|addr| serde_json::json!({"name": "n", "addr": addr, "status": "alive"}))
        .collect();
    let text = serde_json::to_string_pretty(&serde_json::json!({ "members": members })).unwrap();
    files::replace(&list, text.as_bytes(), files::Durability::Unsynced).unwrap();
    let path = format!(
        "{}:{}:{}",
        dir.path().display(),
        root().join("ha/scripts").display(),
        std::env::var("PATH").unwrap()
    );
    Command::new(root().join("ha/scripts/serf-join"))
        .env("PATH", path)
        .env("LIST", &list)
        .env("JOINED", &joined)
        .env("SERF_JOIN", seeds)
        .status()
        .unwrap();
    fs::read_to_string(joined).unwrap_or_default()
}

#[test]
fn a_seed_is_told_by_the_addresses_that_an_agent_can_join() {
    let dir = harness::scratch();
    let getent = r#"#!/bin/sh
case $3 in
    cluster) printf '%s STREAM\n' fe80::1%eth0 fd77::1 10.0.0.1 10.0.0.1 ;;
    *) echo "$3 STREAM" ;;
esac
"#;
    harness::write_program(&dir.path().join("getent"), getent);
    let path = std::env::var("PATH").unwrap();
    let seeds = |join: &str| {
        let mut command = Command::new(root().join("ha/scripts/serf-seeds"));
        command
            .env("PATH", format!("{}:{path}", dir.path().display()))
            .env_remove("SERF_BIND");
        let output = command.env("SERF_JOIN", join).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(seeds("cluster"), "10.0.0.1:7946\n[fd77::1]:7946\n");
    assert_eq!(
        seeds("s1/10.0.0.1:7000 s2/[fd77::2]:7000"),
        "10.0.0.1:7000\n[fd77::2]:7000\n"
    );
}

#[test]
fn a_cluster_that_is_whole_is_left_in_peace() {
    assert_eq!(
        joined(&["10.0.0.1:7946", "10.0.0.2:7946"], "10.0.0.1 10.0.0.2"),
        ""
    );
    assert_eq!(joined(&["10.0.0.1:8000"], "10.0.0.1:8000"), "");
    assert_eq!(joined(&["[fd00::1]:7946"], "fd00::1"), "");
    assert_eq!(joined(&["[fd00::1]:8000"], "[fd00::1]:8000"), "");
    assert_eq!(joined(&["127.0.0.1:7946", "[::1]:7946"], "localhost"), "");
}

#[test]
fn while_a_seed_is_missing_all_are_joined() {
    let seeds = "10.0.0.1 10.0.0.2";
    for members in [
        &["10.0.0.1:7946"][..],
        &["10.0.0.1:7946", "10.0.0.22:7946"],
        &[],
    ] {
        assert_eq!(joined(members, seeds), format!("{seeds}\n"));
    }
    assert_eq!(
        joined(&["10.0.0.1:7946"], "10.0.0.1:8000"),
        "10.0.0.1:8000\n"
    );
}

#[test]
fn an_agent_at_another_address_than_the_seeds_is_started_again_and_so_is_what_announces_it() {
    let dir = harness::scratch();
    let at = |name: &str| dir.path().join(name);
    for folder in ["join", "serf", "announce", "bin"] {
        fs::create_dir(at(folder)).unwrap();
    }
    for (program, text) in [
        (
            "serf",
            r#"[ "$1" != members ] || echo '"addr": "10.78.0.1:7946"'"#,
        ),
        ("svc", r#"echo "$@" >>../told"#),
        ("node-address", "echo 10.77.0.1"),
        ("serf-discover", "exit 1"),
        // The fifth pause is the first of the longest ones, after which it looks.
        (
            "sleep",
            r#"echo >>../turns; [ "$(wc -l <../turns)" -le 5 ] || kill $PPID"#,
        ),
    ] {
        let path = at("bin").join(program);
        harness::write_program(&path, &format!("#!/bin/sh\n{text}\n"));
    }
    let settings = at("serf/agent.json");
    let bound = b"  \"bind\": \"10.78.0.1:7946\",\n";
    files::replace(&settings, bound, files::Durability::Unsynced).unwrap();
    let path = [
        at("bin"),
        root().join("ha/scripts"),
        std::env::var("PATH").unwrap().into(),
    ];
    let path = path.map(|it| it.display().to_string()).join(":");
    Command::new(root().join("ha/scripts/serf-join"))
        .current_dir(at("join"))
        .env("PATH", path)
        .env("SERF_JOIN", "10.77.0.1")
        .env("SERF_DISCOVER", "muster")
        .env_remove("SERF_BIND")
        .env_remove("SERF_IFACE")
        .output()
        .unwrap();
    let told = fs::read_to_string(at("told")).unwrap();
    assert_eq!(told, "-k ../serf\n-t ../announce\n");
    assert!(!settings.exists(), "it says the old address");
}
